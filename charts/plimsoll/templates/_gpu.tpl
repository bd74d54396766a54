{{/* The resource name of a device. */}}
{{- define "plimsoll.gpuResource" -}}
{{- with .Values.gpu }}{{ ternary (printf "nvidia.com/mig-%s" .migProfile) .resourceName (ne .migProfile "") }}{{ end }}
{{- end }}

{{/* Resources of the server's container, with its devices as a limit or as a claim. Takes what the pod takes. */}}
{{- define "plimsoll.resources" -}}
{{- $gpu := .root.Values.gpu }}
{{- $limit := dict "limits" (dict (include "plimsoll.gpuResource" .root) $gpu.count) }}
{{- $claim := dict "claims" (list (dict "name" "gpu")) }}
{{- toYaml (merge (ternary (ternary $claim $limit $gpu.dra.enabled) dict $gpu.enabled) .resources) }}
{{- end }}

{{/* The spec of a ResourceClaimTemplate. Its hash is in the name, because a claim can never be changed. */}}
{{- define "plimsoll.claim" -}}
spec:
  devices:
    requests:
      - name: gpu
        exactly:
          deviceClassName: {{ .Values.gpu.dra.deviceClassName | quote }}
          allocationMode: ExactCount
          count: {{ .Values.gpu.count }}
          {{- with .Values.gpu.dra.selectors }}
          selectors:
            {{- range . }}
            - cel: {expression: {{ . | quote }}}
            {{- end }}
          {{- end }}
{{- end }}

{{- define "plimsoll.claimName" -}}
{{ include "plimsoll.fullname" . }}-{{ include "plimsoll.claim" . | sha256sum | trunc 6 }}
{{- end }}
