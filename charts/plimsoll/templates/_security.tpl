{{/* The Pod Security Standard `restricted`, for a pod and for a container. */}}
{{- define "plimsoll.podSecurity" -}}
runAsNonRoot: true
# The image's own group, so that mounted Secrets can be read.
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "plimsoll.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
