{{/* What NOTES.txt says of a single pod, of a canary, and of autoscalers. */}}
{{- define "plimsoll.singlePodNotes" -}}
{{- if eq (include "plimsoll.leastPods" . | int) 1 }}

One pod answers {{ ternary "every request" "stable's requests" (eq .Values.canary.mode "none") }}{{ if ne .Values.autoscaling.engine "none" }} while the autoscaler keeps one{{ end }}.
{{- if eq .Values.strategy "replace" }} With strategy replace every upgrade interrupts it until the new pod is ready.
{{- else }} An upgrade interrupts nothing: the new pod is ready before the old one leaves.
{{- end }}
A node that is drained interrupts it until another pod is ready. A node that is lost interrupts it for about six minutes:
Kubernetes notices within a minute, and starts another pod five minutes later. With two pods the other one goes on answering:

  helm -n {{ .Release.Namespace }} upgrade {{ .Release.Name }} CHART --reset-then-reuse-values --wait --set {{ ternary "replicas" "autoscaling.minReplicas" (eq .Values.autoscaling.engine "none") }}=2
{{- end }}
{{- end }}

{{- define "plimsoll.canaryNotes" -}}
{{- $fullname := include "plimsoll.fullname" . }}
{{- $kubectl := printf "kubectl -n %s" .Release.Namespace }}
{{- $upgrade := printf "helm -n %s upgrade %s CHART --reset-then-reuse-values --wait --set" .Release.Namespace .Release.Name }}
{{- $stable := int .Values.replicas }}
{{- with .Values.canary }}
{{- if ne .mode "none" }}
{{- $pods := int .replicas }}
{{- $version := include "plimsoll.canaryVersion" $ }}
{{- $differs := include "plimsoll.versionsDiffer" $ }}

A canary runs beside it, version {{ $version }}:

  {{ $kubectl }} rollout status deployment/{{ $fullname }}-canary
{{- if not $differs }}

Both tracks serve version {{ $version }}, as in the middle of a promotion or with an image of the canary's own; a request that
names it goes to one of them, as any other.
{{- end }}
{{- if eq .mode "replicas" }}

It gets about {{ round (include "plimsoll.canaryPercent" $ | float64) 1 }} % of the connections: {{ $pods }} of {{ add $stable $pods }} pods. A client that keeps its connection
stays with one pod. A request that names a version or a track (x-plimsoll-version) is not routed by it: a pod that does
not serve it answers 404.
{{- else }}

It gets {{ .weight }} % of what comes through the Gateway, and every request with x-plimsoll-version: canary{{ if $differs }}, or {{ $version }}{{ end }}.
Inside the cluster the Service {{ $fullname }} leads to the pods of both tracks, {{ $fullname }}-stable and {{ $fullname }}-canary to one.
{{- if and (eq $pods 1) (eq $.Values.strategy "replace") }}
With one pod of it and strategy replace whatever changes its pods takes its share of the answers away: weight 0 first.
{{- end }}
{{- if not .weight }}

Try it by that header first. Then, once a pod of it is ready:

  {{ $upgrade }} canary.weight=5
{{- end }}
{{- end }}

To go back{{ if eq .mode "gatewayAPI" }}, weight first{{ end }}:
{{ if .weight }}
  {{ $upgrade }} canary.weight=0
{{- end }}
  {{ $upgrade }} canary.mode=none

docs/canary.md has the steps of a promotion.
{{- end }}
{{- end }}
{{- end }}

{{- define "plimsoll.autoscalingNotes" -}}
{{- $kubectl := printf "kubectl -n %s" .Release.Namespace }}
{{- $service := printf "%s-stable" (include "plimsoll.fullname" .) }}
{{- $monitored := or .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled }}
{{- with .Values.autoscaling }}
{{- if ne .engine "none" }}

Its pods are {{ .minReplicas }} to {{ .maxReplicas }}, as an autoscaler decides. Whether that has what it goes by, and what it did last:

  {{ $kubectl }} describe hpa {{ $service }}
{{- if ne $.Values.canary.mode "none" }}
  {{ $kubectl }} describe hpa {{ include "plimsoll.fullname" $ }}-canary      # the canary's own: {{ $.Values.canary.replicas }} to {{ $.Values.canary.maxReplicas }}
{{- end }}
{{- if eq .engine "prometheusAdapter" }}
  kubectl get --raw /apis/custom.metrics.k8s.io/v1beta1/namespaces/{{ $.Release.Namespace }}/services/{{ $service }}/plimsoll_inflight
{{- if not (and $monitored $.Values.monitoring.rules.enabled) }}

It goes by what Prometheus records: scrape the pods and load the rules, by monitoring.podMonitor.enabled=true and
monitoring.rules.enabled=true or by means of your own.
{{- end }}
{{- if not ($.Capabilities.APIVersions.Has "custom.metrics.k8s.io/v1beta1") }}

This cluster has no custom metrics API yet, and without it {{ ternary "no pod is added" "only CPU counts" $.Values.gpu.enabled }};
docs/autoscaling.md says how to install prometheus-adapter.
{{- end }}
{{- end }}
{{- if and (include "plimsoll.goesByCpu" $) (not ($.Capabilities.APIVersions.Has "metrics.k8s.io/v1beta1")) }}

This cluster does not measure the CPU of pods yet, and {{ ternary "nothing is known to go by" "no pod goes away" (eq .engine "cpu") }} until it does; metrics-server does that.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
