{{/*
An autoscaler of a track, and how many pods a Deployment is given beside one. Both take root, track, and least and most pods.
*/}}

{{- define "plimsoll.autoscaler" -}}
{{- $values := .root.Values -}}
{{- $service := include "plimsoll.trackName" . -}}
{{- $period := add $values.autoscaling.coldStartSeconds 30 -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
{{ include "plimsoll.trackMetadata" . }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $service }}}
  minReplicas: {{ .least }}
  maxReplicas: {{ .most }}
  metrics:
    {{- if eq $values.autoscaling.engine "prometheusAdapter" }}
    # As many pods as keep each at its share of serving.concurrency.
    - type: Object
      object:
        metric: {name: plimsoll_inflight}
        describedObject: {apiVersion: v1, kind: Service, name: {{ $service }}}
        target: {type: AverageValue, averageValue: {{ include "plimsoll.inflightMilli" .root }}m}
    # 0 while the p95 is within the objective, else by how much it is beyond, 1.5 at most.
    - type: Object
      object:
        metric: {name: plimsoll_latency_guard}
        describedObject: {apiVersion: v1, kind: Service, name: {{ $service }}}
        target: {type: Value, value: "1"}
    {{- end }}
    {{- if include "plimsoll.goesByCpu" .root }}
    - type: ContainerResource
      containerResource:
        name: cpu
        container: plimsoll
        target: {type: Utilization, averageUtilization: {{ $values.autoscaling.cpuPercent }}}
    {{- end }}
  behavior:
    # One large step, and none before its pods have been seen to help.
    scaleUp:
      stabilizationWindowSeconds: 0
      selectPolicy: Max
      policies:
        - {type: Percent, value: 300, periodSeconds: {{ $period }}}
        - {type: Pods, value: 4, periodSeconds: {{ $period }}}
    scaleDown:
      stabilizationWindowSeconds: {{ $values.autoscaling.scaleDownAfterSeconds }}
      selectPolicy: Max
      policies:
        - {type: Percent, value: 20, periodSeconds: 60}
        - {type: Pods, value: 1, periodSeconds: 60}
{{- end }}

{{/* "true" where an autoscaler has the pods' CPU among what it goes by; else nothing. */}}
{{- define "plimsoll.goesByCpu" -}}
{{- if or (eq .Values.autoscaling.engine "cpu") (and (eq .Values.autoscaling.engine "prometheusAdapter") (not .Values.gpu.enabled)) }}true{{ end }}
{{- end }}

{{/* Requests in flight per pod that are aimed at, in thousandths. */}}
{{- define "plimsoll.inflightMilli" -}}
{{- mul 10 .Values.autoscaling.targetPercent .Values.serving.concurrency }}
{{- end }}

{{/*
The line `replicas: N`. Beside an autoscaler it is the number that runs, where Helm can ask the cluster: to leave out a field
that was there sets it to 1. Where there is none yet, or no cluster, it is left out.
*/}}
{{- define "plimsoll.replicas" -}}
{{- if eq .root.Values.autoscaling.engine "none" -}}
replicas: {{ .replicas }}
{{- else -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace (include "plimsoll.trackName" .) -}}
{{- if $live }}replicas: {{ int $live.spec.replicas }}{{ end }}
{{- end }}
{{- end }}
