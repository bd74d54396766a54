{{/* Names and labels. Nothing else lives here. */}}

{{- define "plimsoll.name" -}}
{{- default .Chart.Name .Values.nameOverride | toString | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name where it contains the chart's, else both. Cut so that `-stable` and `-canary` still fit. */}}
{{- define "plimsoll.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride | toString }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | toString | trunc 56 | trimSuffix "-" }}
{{- end }}

{{- define "plimsoll.serviceAccountName" -}}
{{- default (ternary (include "plimsoll.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{/* An image as a pod names it. Takes root and image. */}}
{{- define "plimsoll.image" -}}
{{- $tag := default (printf "%s-%s" .root.Chart.AppVersion (ternary "gpu" "cpu" .root.Values.gpu.enabled)) .image.tag }}
{{- .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{/* Every object. */}}
{{- define "plimsoll.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "plimsoll.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The same with more of a value's, which never replace them. Takes root and more. */}}
{{- define "plimsoll.labelsAnd" -}}
{{- toYaml (merge (include "plimsoll.labels" .root | fromYaml) .more) }}
{{- end }}

{{/* What clients are sent to: the pods of this release, whatever their track. */}}
{{- define "plimsoll.releaseLabels" -}}
app.kubernetes.io/name: {{ include "plimsoll.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* A track's Deployment, Service, budget and autoscaler. Takes root and track. */}}
{{- define "plimsoll.trackName" -}}
{{ include "plimsoll.fullname" .root }}-{{ .track }}
{{- end }}

{{/* One track's pods. Deployment selectors are immutable, so nothing may ever be added. Takes root and track. */}}
{{- define "plimsoll.trackLabels" -}}
{{ include "plimsoll.releaseLabels" .root }}
plimsoll.dev/track: {{ .track }}
{{- end }}
