{{/* Paths that an Ingress or an HTTPRoute leads to, with the types that each calls them by; nothing else is exposed. */}}
{{- define "plimsoll.routedPaths" -}}
- {ingress: Exact, route: Exact, path: /v1/predict}
- {ingress: Prefix, route: PathPrefix, path: /v1/models}
- {ingress: Exact, route: Exact, path: /v1/health}
{{- end }}

{{/* Namespace of the collector in tracing.endpoint, `http://<service>[.<namespace>[.svc[.<domain>]]]:<port>`; else empty. */}}
{{- define "plimsoll.collectorNamespace" -}}
{{- $url := .Values.tracing.endpoint }}
{{- $host := regexReplaceAll ":[0-9]+$" (urlParse $url).host "" }}
{{- $short := regexMatch "^http://[a-z0-9-]+\\.[a-z0-9-]+:[0-9]+(/|$)" $url }}
{{- if regexMatch "^http://[a-z0-9-]+(:[0-9]+)?(/|$)" $url }}
{{- .Release.Namespace }}
{{- else if or $short (regexMatch "^[a-z0-9-]+\\.[a-z0-9-]+\\.svc(\\.|$)" $host) }}
{{- index (splitList "." $host) 1 }}
{{- end }}
{{- end }}
