{{/* Paths that an Ingress or an HTTPRoute leads to, with the types that each calls them by; nothing else is exposed. */}}
{{- define "plimsoll.routedPaths" -}}
- {ingress: Exact, route: Exact, path: /v1/predict}
- {ingress: Prefix, route: PathPrefix, path: /v1/models}
- {ingress: Exact, route: Exact, path: /v1/health}
- {ingress: Exact, route: Exact, path: /v2}
- {ingress: Prefix, route: PathPrefix, path: /v2/health}
- {ingress: Prefix, route: PathPrefix, path: /v2/models}
- {ingress: Exact, route: Exact, path: /openai/v1/embeddings}
- {ingress: Prefix, route: PathPrefix, path: /openai/v1/models}
{{- end }}

{{/*
The rules of a route: for each the versions that a request may name (an empty text for none), the version that its path may
name, and the Services with their weights. Gateways know the backends of a rule by its number, so the first rule stays the
first in every mode. Which rule matches does not depend on the number: a rule with a header or a longer path takes precedence.
*/}}
{{- define "plimsoll.routeRules" -}}
{{- $mode := include "plimsoll.canaryMode" . | fromYaml -}}
{{- $rules := list (dict "named" (list "") "version" "" "backends" $mode.backends) -}}
{{- if eq $mode.splits "route" -}}
{{- /* A track or a version that a request names overrides the weights. A version that both tracks serve names no track. */ -}}
{{- range $track, $version := dict "canary" $mode.version "stable" .Values.model.version -}}
{{- $version = ternary $version "" $mode.differs -}}
{{- $backends := list (list (printf "-%s" $track) 1) -}}
{{- $rules = append $rules (dict "named" (compact (list $track $version)) "version" $version "backends" $backends) -}}
{{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end }}

{{/* Services of a rule, each with its weight. Takes root, backends and port. */}}
{{- define "plimsoll.backendRefs" -}}
{{- range .backends }}
- group: ""
  kind: Service
  name: {{ printf "%s%s" (include "plimsoll.fullname" $.root) (first .) | quote }}
  port: {{ $.port }}
  weight: {{ last . }}
{{- end }}
{{- end }}

{{/* "true" if pods have to listen on IPv6 too; else empty. */}}
{{- define "plimsoll.ipv6" -}}
{{- with .Values.service }}{{ if or (has "IPv6" .ipFamilies) (contains "DualStack" .ipFamilyPolicy) }}true{{ end }}{{ end }}
{{- end }}

{{/* Namespace in a URL `http://<service>[.<namespace>[.svc[.<domain>]]]:<port>`; else empty. Takes root and url. */}}
{{- define "plimsoll.urlNamespace" -}}
{{- $host := regexReplaceAll ":[0-9]+$" (urlParse .url).host "" }}
{{- $short := regexMatch "^http://[a-z0-9-]+\\.[a-z0-9-]+:[0-9]+(/|$)" .url }}
{{- if regexMatch "^http://[a-z0-9-]+(:[0-9]+)?(/|$)" .url }}
{{- .root.Release.Namespace }}
{{- else if or $short (regexMatch "^[a-z0-9-]+\\.[a-z0-9-]+\\.svc(\\.|$)" $host) }}
{{- index (splitList "." $host) 1 }}
{{- end }}
{{- end }}

{{/* A rule of egress to the port of a URL, at the peers or, without any, in its namespace. Takes root, url and peers. */}}
{{- define "plimsoll.egressTo" -}}
{{- $labels := dict "kubernetes.io/metadata.name" (include "plimsoll.urlNamespace" .) }}
{{- $there := list (dict "namespaceSelector" (dict "matchLabels" $labels)) }}
{{- $url := urlParse .url }}
{{- $port := default (ternary ":443" ":80" (eq $url.scheme "https")) (regexFind ":[0-9]+$" $url.host) -}}
- to:
    {{- toYaml (default $there .peers) | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ trimPrefix ":" $port }}}
{{- end }}

{{/* A rule of egress to DNS. */}}
{{- define "plimsoll.egressToDns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* Time between two scrapes of the pods. */}}
{{- define "plimsoll.scrapeInterval" -}}
{{- with .Values.monitoring }}{{ ternary .serviceMonitor.interval .podMonitor.interval .serviceMonitor.enabled }}{{ end }}
{{- end }}
