{{/*
What each track has: a Deployment, a Service and a PodDisruptionBudget, whose selectors never meet.

They take root, track (stable or canary), model, image, resources and replicas; deployment-stable.yaml and
deployment-canary.yaml say what those are.
*/}}

{{- define "plimsoll.deployment" -}}
{{- $values := .root.Values -}}
apiVersion: apps/v1
kind: Deployment
{{ include "plimsoll.trackMetadata" . }}
spec:
  {{- with include "plimsoll.replicas" . }}
  {{- . | nindent 2 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "plimsoll.trackLabels" . | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      {{- if eq $values.strategy "replace" }}
      maxUnavailable: 1
      maxSurge: 0
      {{- else }}
      maxUnavailable: 0
      maxSurge: 1
      {{- end }}
  # The startup budget, and five minutes to schedule the pod and pull its image.
  progressDeadlineSeconds: {{ add $values.probes.startup.budgetSeconds 300 }}
  template:
    {{- include "plimsoll.pod" . | nindent 4 }}
{{- end }}

{{- define "plimsoll.trackService" -}}
apiVersion: v1
kind: Service
{{ include "plimsoll.trackMetadata" . }}
spec:
  type: ClusterIP
  selector:
    {{- include "plimsoll.trackLabels" . | nindent 4 }}
  {{- include "plimsoll.servicePorts" .root | nindent 2 }}
{{- end }}

{{/* What every Service of the API has alike. */}}
{{- define "plimsoll.servicePorts" -}}
{{- with .Values.service.ipFamilyPolicy -}}
ipFamilyPolicy: {{ . }}
{{ end -}}
{{- with .Values.service.ipFamilies -}}
ipFamilies: {{ toJson . }}
{{ end -}}
{{- with .Values.service.trafficDistribution -}}
trafficDistribution: {{ . }}
{{ end -}}
ports:
  - name: http
    port: {{ .Values.service.port }}
    targetPort: http
    appProtocol: http
{{- end }}

{{/* There where the track may have two pods. Takes root, track, and what `plimsoll.mostPods` does. */}}
{{- define "plimsoll.trackBudget" -}}
{{- if and .root.Values.podDisruptionBudget.enabled (gt (include "plimsoll.mostPods" . | int) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
{{ include "plimsoll.trackMetadata" . }}
spec:
  maxUnavailable: 1
  # A pod that is not ready serves nobody, and must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "plimsoll.trackLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{- define "plimsoll.trackMetadata" -}}
metadata:
  name: {{ include "plimsoll.trackName" . }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels:
    {{- include "plimsoll.labels" .root | nindent 4 }}
    plimsoll.dev/track: {{ .track }}
{{- end }}

{{/* The most pods that a track has. Takes root, replicas and most, the most beside an autoscaler. */}}
{{- define "plimsoll.mostPods" -}}
{{- ternary .replicas .most (eq .root.Values.autoscaling.engine "none") }}
{{- end }}

{{/* The fewest pods that stable has. */}}
{{- define "plimsoll.leastPods" -}}
{{- ternary .Values.replicas .Values.autoscaling.minReplicas (eq .Values.autoscaling.engine "none") }}
{{- end }}

{{/* Percent of the requests that the canary is to get: its weight, or its part of the pods. */}}
{{- define "plimsoll.canaryPercent" -}}
{{- $pods := int .Values.canary.replicas }}
{{- if eq .Values.canary.mode "replicas" }}{{ mulf 100 (divf $pods (max 1 (add .Values.replicas $pods))) }}{{ else }}{{ .Values.canary.weight }}{{ end }}
{{- end }}

{{/* The version that stable serves, as text. */}}
{{- define "plimsoll.stableVersion" -}}
{{- include "plimsoll.asText" .Values.model.version }}
{{- end }}

{{/* The version that the canary serves, as text. */}}
{{- define "plimsoll.canaryVersion" -}}
{{- include "plimsoll.asText" (default .Values.model.version .Values.canary.model.version) }}
{{- end }}

{{/* "true" where the tracks serve two versions, so that one of them names a track; else nothing. */}}
{{- define "plimsoll.versionsDiffer" -}}
{{- if ne (include "plimsoll.canaryVersion" .) (include "plimsoll.stableVersion" .) }}true{{ end }}
{{- end }}
