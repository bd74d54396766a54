{{/* The Pod Security Standard `restricted`, for a pod, which takes root, and for a container. */}}
{{- define "plimsoll.podSecurity" -}}
{{- $security := .root.Values.podSecurity -}}
runAsNonRoot: true
{{- range $name := list "fsGroup" "runAsUser" "runAsGroup" }}
{{- with index $security $name }}
{{ $name }}: {{ int64 . }}
{{- end }}
{{- end }}
seccompProfile:
  {{- toYaml $security.seccompProfile | nindent 2 }}
{{- end }}

{{- define "plimsoll.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
