{{/* Values whose spelling is wrong by itself. The schema lets it pass, since its own words for it are two that contradict. */}}

{{/* YAML reads 1e3 as 1000, 1.10 as 1.1, 010 as 8 and `no` as false; what it makes of such a text is not what was written. */}}
{{- define "plimsoll.checks.texts" -}}
{{- $texts := dict "image.tag" .Values.image.tag "image.repository" .Values.image.repository "model.name" .Values.model.name "model.version" .Values.model.version "canary.model.version" .Values.canary.model.version "canary.image.tag" .Values.canary.image.tag "canary.image.repository" .Values.canary.image.repository "nameOverride" .Values.nameOverride "fullnameOverride" .Values.fullnameOverride }}
{{- range $name, $value := $texts }}
{{- if not (or (kindIs "string" $value) (kindIs "invalid" $value)) }}
{{- fail (printf "%s is %v to YAML, a %s, which may not be what was written (1e3 is 1000, 1.10 is 1.1, 010 is 8, no is false); put it in quotes, or set it with --set-string" $name $value (ternary "truth value" "number" (kindIs "bool" $value))) }}
{{- end }}
{{- end }}
{{- range $name, $image := dict "image" .Values.image "canary.image" .Values.canary.image }}
{{- if regexMatch "(:[^/]*|@.*)$" $image.repository }}
{{- fail (printf "%s.repository is %s, which has a tag or a digest in it; give those in %s.tag or %s.digest" $name $image.repository $name $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.versions" -}}
{{- range $name, $version := dict "model.version" .Values.model.version "canary.model.version" (default "0" .Values.canary.model.version) }}
{{- if not (regexMatch "^(0|[1-9][0-9]{0,8})(\\.(0|[1-9][0-9]{0,8})){0,3}$" $version) }}
{{- fail (printf "%s is %s, and a version is one to four numbers joined by dots, none with a 0 before it and none longer than nine digits" $name (default "empty" $version)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* --set makes a text of a number with a fraction, so a text may be one; the schema bounds those that are numbers to YAML. */}}
{{- define "plimsoll.checks.numbers" -}}
{{- $rules := .Values.monitoring.rules }}
{{- $numbers := dict "serving.objectiveMs" (list .Values.serving.objectiveMs 0 600000) "serving.maxWaitMs" (list .Values.serving.maxWaitMs 0 10000) "tracing.ratio" (list .Values.tracing.ratio 0 1) "monitoring.rules.availabilityObjective" (list $rules.availabilityObjective 93.06 99.9999) "monitoring.rules.latencyObjective" (list $rules.latencyObjective 93.06 99.9999) }}
{{- range $name, $number := $numbers }}
{{- $value := first $number }}
{{- $least := index $number 1 | float64 }}
{{- $most := last $number | float64 }}
{{- if kindIs "string" $value }}
{{- if not (and (regexMatch "^[0-9]{1,6}([.][0-9]{1,9})?$" $value) (ge (float64 $value) $least) (le (float64 $value) $most)) }}
{{- fail (printf "%s is %s, and it is a number from %v to %v without a unit" $name (default "empty" $value) (index $number 1) (last $number)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
