{{/* What is routed from outside the cluster: these paths and nothing else. */}}
{{- define "plimsoll.routedPaths" -}}
- {type: Exact, path: /v1/predict}
- {type: Prefix, path: /v1/models}
- {type: Exact, path: /v1/health}
{{- end }}
