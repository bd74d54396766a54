{{/* The Pod Security Standard `restricted`, for a pod and for a container. Both take root. */}}
{{- define "plimsoll.podSecurity" -}}
runAsNonRoot: true
{{- with .root.Values.podSecurity }}
{{- range $name := list "fsGroup" "runAsUser" "runAsGroup" }}
{{- with index $.root.Values.podSecurity $name }}
{{ $name }}: {{ int64 . }}
{{- end }}
{{- end }}
seccompProfile:
  {{- toYaml .seccompProfile | nindent 2 }}
{{- end }}
{{- end }}

{{- define "plimsoll.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
