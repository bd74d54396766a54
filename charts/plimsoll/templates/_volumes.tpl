{{/* The chart's own volumes, each with where the server mounts it. Takes what the pod takes. */}}
{{- define "plimsoll.volumes" -}}
{{- $values := .root.Values }}
{{- with $values.auth }}
{{- if .existingSecret }}
- name: keys
  mount: {mountPath: /etc/plimsoll-keys, readOnly: true}
  secret:
    secretName: {{ .existingSecret | quote }}
    defaultMode: 0440
    items: [{key: {{ .existingSecretKey | quote }}, path: keys.yaml}]
{{- end }}
{{- end }}
- name: desired-state
  downwardAPI:
    items:
      - path: desired-state.yaml
        fieldRef: {fieldPath: "metadata.annotations['plimsoll.dev/desired-state']"}
- name: tmp
  mount: {mountPath: /tmp}
  emptyDir: {sizeLimit: {{ $values.tmpSizeLimit | quote }}}
{{- if eq .model.source "pvc" }}
- name: models
  mount: {mountPath: /models, readOnly: true{{ with .model.pvc.folder }}, subPath: {{ . | quote }}{{ end }}}
  persistentVolumeClaim: {claimName: {{ .model.pvc.claimName | quote }}, readOnly: true}
{{- else if eq .model.source "configMap" }}
- name: models
  mount: {mountPath: "/models/{{ .model.name }}/{{ .model.version }}", readOnly: true}
  configMap: {name: {{ .model.configMap.name | quote }}}
{{- end }}
{{- if $values.gpu.enabled }}
- name: shm
  mount: {mountPath: /dev/shm}
  emptyDir: {medium: Memory, sizeLimit: {{ $values.gpu.sharedMemorySizeLimit | quote }}}
{{- end }}
{{- end }}
