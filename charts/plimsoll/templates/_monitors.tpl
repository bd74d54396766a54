{{/* What a PodMonitor and a ServiceMonitor do alike: every series gets the Service and the track of its pod. */}}
{{- define "plimsoll.trackRelabelings" -}}
# Objectives and autoscalers go by the Service of the pod's track.
- sourceLabels: [__meta_kubernetes_pod_label_plimsoll_dev_track]
  regex: (.+)
  targetLabel: service
  replacement: {{ include "plimsoll.fullname" . }}-$1
- sourceLabels: [__meta_kubernetes_pod_label_plimsoll_dev_track]
  targetLabel: track
{{- end }}
