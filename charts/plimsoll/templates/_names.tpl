{{- define "plimsoll.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name if it contains the chart's name, else both. Cut so that `-stable` and `-canary` still fit. */}}
{{- define "plimsoll.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 56 | trimSuffix "-" }}
{{- end }}

{{- define "plimsoll.serviceAccountName" -}}
{{- default (ternary (include "plimsoll.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{/* The reference of an image. Takes root and image. */}}
{{- define "plimsoll.image" -}}
{{- $tag := default (printf "%s-%s" .root.Chart.AppVersion (ternary "gpu" "cpu" .root.Values.gpu.enabled)) .image.tag }}
{{- .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{/*
Metadata of an object. Takes root; name, namespace, labels and annotations where the object has its own, and in `of` the
template of the labels that select its pods.
*/}}
{{- define "plimsoll.metadata" -}}
{{- $labels := merge (include (default "plimsoll.releaseLabels" .of) .root | fromYaml) (dict
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
) -}}
metadata:
  name: {{ default (include "plimsoll.fullname" .root) .name | quote }}
  namespace: {{ default .root.Release.Namespace .namespace | quote }}
  labels:
    {{- toYaml (merge $labels (default dict .labels) .root.Values.commonLabels) | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Selects the pods of the release on every track. */}}
{{- define "plimsoll.releaseLabels" -}}
app.kubernetes.io/name: {{ include "plimsoll.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Selects the pods of the judge, which are of no track: another name, so that nothing above selects them. */}}
{{- define "plimsoll.judgeLabels" -}}
app.kubernetes.io/name: {{ include "plimsoll.name" . | trunc 57 | trimSuffix "-" | printf "%s-judge" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Selects the pods of one track. The selector of a Deployment is immutable, so never add a label. Takes root and track. */}}
{{- define "plimsoll.trackLabels" -}}
{{ include "plimsoll.releaseLabels" .root }}
plimsoll.dev/track: {{ .track }}
{{- end }}

{{/* Metadata of an object of one track. Takes root and track. */}}
{{- define "plimsoll.trackMetadata" -}}
{{- $name := printf "%s-%s" (include "plimsoll.fullname" .root) .track }}
{{- include "plimsoll.metadata" (dict "root" .root "name" $name "labels" (dict "plimsoll.dev/track" .track)) }}
{{- end }}

{{/* The fields of a map that are set, as YAML. */}}
{{- define "plimsoll.given" -}}
{{- range $name, $value := . }}
{{- if $value }}
{{ toYaml (dict $name $value) }}
{{- end }}
{{- end }}
{{- end }}
