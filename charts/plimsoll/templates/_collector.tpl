{{/* Where traces go, read from tracing.endpoint. */}}

{{/* The namespace of `http://<service>[.<namespace>[.svc[.<domain>]]]:<port>`; empty for any other address. */}}
{{- define "plimsoll.collectorNamespace" -}}
{{- $host := (urlParse .Values.tracing.endpoint).host }}
{{- if regexMatch "^http://[a-z0-9-]+(:[0-9]+)?(/|$)" .Values.tracing.endpoint }}
{{- .Release.Namespace }}
{{- else if or (regexMatch "^http://[a-z0-9-]+\\.[a-z0-9-]+:[0-9]+(/|$)" .Values.tracing.endpoint) (regexMatch "^[a-z0-9-]+\\.[a-z0-9-]+\\.svc(\\.|:|$)" $host) }}
{{- index (splitList "." (regexReplaceAll ":[0-9]+$" $host "")) 1 }}
{{- end }}
{{- end }}

{{- define "plimsoll.collectorPort" -}}
{{- $url := urlParse .Values.tracing.endpoint }}
{{- default (ternary "443" "80" (eq $url.scheme "https")) (regexFind ":[0-9]+$" $url.host | trimPrefix ":") }}
{{- end }}
