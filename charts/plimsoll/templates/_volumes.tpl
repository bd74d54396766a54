{{/* Volumes of the pod, and where the server mounts them. Both take what the pod does. */}}
{{- define "plimsoll.volumes" -}}
{{- $values := .root.Values -}}
{{- with $values.auth.existingSecret }}
- name: keys
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - {key: {{ $values.auth.existingSecretKey | quote }}, path: keys.yaml}
{{- end }}
- name: desired-state
  downwardAPI:
    items:
      - path: desired-state.yaml
        fieldRef:
          fieldPath: metadata.annotations['plimsoll.dev/desired-state']
- name: tmp
  emptyDir:
    sizeLimit: {{ $values.tmpSizeLimit | quote }}
{{- if eq .model.source "pvc" }}
- name: models
  persistentVolumeClaim:
    claimName: {{ .model.pvc.claimName | quote }}
    readOnly: true
{{- else if eq .model.source "configMap" }}
- name: models
  configMap:
    name: {{ .model.configMap.name | quote }}
{{- end }}
{{- if $values.gpu.enabled }}
- name: shm
  emptyDir:
    medium: Memory
    sizeLimit: {{ $values.gpu.sharedMemorySizeLimit | quote }}
{{- end }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "plimsoll.volumeMounts" -}}
{{- $values := .root.Values -}}
- name: desired-state
  mountPath: /etc/plimsoll
  readOnly: true
{{- if $values.auth.existingSecret }}
- name: keys
  mountPath: /etc/plimsoll-keys
  readOnly: true
{{- end }}
- name: tmp
  mountPath: /tmp
{{- if eq .model.source "pvc" }}
- name: models
  mountPath: /models
  {{- with .model.pvc.folder }}
  subPath: {{ . | quote }}
  {{- end }}
  readOnly: true
{{- else if eq .model.source "configMap" }}
- name: models
  mountPath: /models/{{ .model.name }}/{{ include "plimsoll.asText" .model.version }}
  readOnly: true
{{- end }}
{{- if $values.gpu.enabled }}
- name: shm
  mountPath: /dev/shm
{{- end }}
{{- with $values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Names of the volumes that are empty at the start of a pod. */}}
{{- define "plimsoll.emptyVolumes" -}}
{{- $names := list }}
{{- range include "plimsoll.volumes" . | fromYamlArray }}
{{- if hasKey . "emptyDir" }}{{ $names = append $names .name }}{{ end }}
{{- end }}
{{- join "," $names }}
{{- end }}
