{{/* Devices. */}}

{{/* What the device plugin calls a device of this release. */}}
{{- define "plimsoll.gpuResource" -}}
{{- with .Values.gpu }}{{ ternary (printf "nvidia.com/mig-%s" .migProfile) .resourceName (ne .migProfile "") }}{{ end }}
{{- end }}

{{/* Resources of the server's container; devices among the limits, or as a claim. Takes what the pod does. */}}
{{- define "plimsoll.resources" -}}
{{- $gpu := .root.Values.gpu }}
{{- $resources := deepCopy .resources }}
{{- if and $gpu.enabled $gpu.dra.enabled }}
{{- $_ := set $resources "claims" (list (dict "name" "gpu")) }}
{{- else if $gpu.enabled }}
{{- $limits := default dict $resources.limits }}
{{- $_ := set $limits (include "plimsoll.gpuResource" .root) $gpu.count }}
{{- $_ := set $resources "limits" $limits }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{/* What a pod claims of the cluster's devices. */}}
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

{{/* A claim can never be changed, so another one has another name. */}}
{{- define "plimsoll.claimName" -}}
{{ include "plimsoll.fullname" . }}-{{ include "plimsoll.claim" . | sha256sum | trunc 6 }}
{{- end }}
