{{/* Where traces go, read from tracing.endpoint. */}}

{{/* The namespace of `http://<service>.<namespace>[.svc[.<domain>]]:<port>`; empty for any other host. */}}
{{- define "plimsoll.collectorNamespace" -}}
{{- $labels := splitList "." (regexReplaceAll ":[0-9]+$" (urlParse .Values.tracing.endpoint).host "") }}
{{- if eq (len $labels) 1 }}
{{- .Release.Namespace }}
{{- else if or (eq (len $labels) 2) (eq (index $labels 2) "svc") }}
{{- index $labels 1 }}
{{- end }}
{{- end }}

{{- define "plimsoll.collectorPort" -}}
{{- $url := urlParse .Values.tracing.endpoint }}
{{- default (ternary "443" "80" (eq $url.scheme "https")) (regexFind ":[0-9]+$" $url.host | trimPrefix ":") }}
{{- end }}
