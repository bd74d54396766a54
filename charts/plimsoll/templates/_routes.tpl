{{/* What is routed from outside the cluster: these paths and nothing else. */}}
{{- define "plimsoll.routedPaths" -}}
- {type: Exact, path: /v1/predict}
- {type: Prefix, path: /v1/models}
- {type: Exact, path: /v1/health}
{{- end }}

{{/* A Service of the release as an HTTPRoute names one. Takes root, service (what follows the fullname) and weight. */}}
{{- define "plimsoll.backend" -}}
{group: "", kind: Service, name: {{ printf "%s%s" (include "plimsoll.fullname" .root) .service | quote }}, port: {{ .root.Values.service.port }}, weight: {{ .weight }}}
{{- end }}
