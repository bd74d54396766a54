{{/* "true" if an autoscaler reads the pods' CPU; else empty. */}}
{{- define "plimsoll.scalesByCpu" -}}
{{- $signals := dict "none" false "cpu" true "prometheusAdapter" (not .Values.gpu.enabled) }}
{{- if get $signals .Values.autoscaling.engine }}true{{ end }}
{{- end }}

{{/* Target of requests in flight per pod, in thousandths. */}}
{{- define "plimsoll.inflightMilli" -}}
{{- mul 10 .Values.autoscaling.targetPercent .Values.serving.concurrency }}
{{- end }}

{{/*
The number of pods of a track's Deployment. Beside an autoscaler Helm has to write the number that runs, because a field
that an upgrade leaves out becomes 1. This is the only place that asks the cluster; autoscaling.keepReplicas answers where
Helm cannot. Takes root, track and replicas.
*/}}
{{- define "plimsoll.replicas" -}}
{{- $scaling := .root.Values.autoscaling }}
{{- if eq $scaling.engine "none" }}
{{- .replicas }}
{{- else if $scaling.keepReplicas }}
{{- ternary $scaling.keepReplicas .replicas (eq .track "stable") }}
{{- else }}
{{- $name := printf "%s-%s" (include "plimsoll.fullname" .root) .track }}
{{- with lookup "apps/v1" "Deployment" .root.Release.Namespace $name }}{{ int .spec.replicas }}{{ end }}
{{- end }}
{{- end }}
