{{/*
The canary modes: which tracks there are, what splits the requests, the Services that a route leads to with their weights,
and the percent of the requests that the canary gets. Returns the row of canary.mode, with the canary's version and whether
that differs from stable's, so that a version names a track.
*/}}
{{- define "plimsoll.canaryMode" -}}
{{- $version := default .Values.model.version .Values.canary.model.version }}
{{- $pods := .Values.canary.replicas }}
{{- $weight := int .Values.canary.weight }}
{{- $modes := dict
  "none" (dict
    "tracks" (list "stable")
    "splits" "nothing"
    "backends" (list (list "-stable" 1))
    "percent" 0)
  "replicas" (dict
    "tracks" (list "stable" "canary")
    "splits" "service"
    "backends" (list (list "" 1))
    "percent" (mulf 100 (divf $pods (max 1 (add .Values.replicas $pods)))))
  "gatewayAPI" (dict
    "tracks" (list "stable" "canary")
    "splits" "route"
    "backends" (list (list "-stable" (sub 100 $weight)) (list "-canary" $weight))
    "percent" $weight)
}}
{{- get $modes .Values.canary.mode | merge (dict "version" $version "differs" (ne $version .Values.model.version)) | toYaml }}
{{- end }}

{{/*
The tracks of the release by name, each with what its objects need, and with the names of its values for messages. Where a
value of the canary is empty it takes stable's. A tag or a digest of its own replaces both of stable's.
*/}}
{{- define "plimsoll.tracks" -}}
{{- $canary := .Values.canary }}
{{- $pinned := or $canary.image.tag $canary.image.digest | empty | not }}
{{- $image := ternary (omit .Values.image "tag" "digest") .Values.image $pinned }}
{{- $tracks := dict
  "stable" (dict
    "model" .Values.model
    "image" .Values.image "imageValue" "image"
    "resources" .Values.resources "resourcesValue" "resources"
    "replicas" .Values.replicas
    "least" .Values.autoscaling.minReplicas "leastValue" "autoscaling.minReplicas"
    "most" .Values.autoscaling.maxReplicas "mostValue" "autoscaling.maxReplicas")
  "canary" (dict
    "model" (merge (deepCopy $canary.model) .Values.model)
    "image" (merge (deepCopy $canary.image) $image) "imageValue" (ternary "canary.image" "image" $pinned)
    "resources" (default .Values.resources $canary.resources)
    "resourcesValue" (ternary "resources" "canary.resources" (empty $canary.resources))
    "replicas" $canary.replicas
    "least" $canary.replicas "leastValue" "canary.replicas"
    "most" $canary.maxReplicas "mostValue" "canary.maxReplicas")
}}
{{- range $name := (include "plimsoll.canaryMode" . | fromYaml).tracks }}
{{ $name }}: {{ get $tracks $name | toJson }}
{{- end }}
{{- end }}
