{{/*
Checks by topic, of what the schema cannot hold or would say in a pattern that is hard to read. Each topic is a table of a
condition and the sentence that refuses it, which names the values and says what to do.
*/}}
{{- define "plimsoll.checks" -}}
{{- range $topic := list "names" "numbers" "serving" "access" "grpc" "gpu" "canary" "autoscaling" "judge" }}
{{- include (printf "plimsoll.checks.%s" $topic) $ }}
{{- end }}
{{- end }}

{{/* Fails with the first sentence whose condition holds. */}}
{{- define "plimsoll.refuse" -}}
{{- range . }}
{{- if first . }}{{ fail (last .) }}{{ end }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.names" -}}
{{- $fullname := include "plimsoll.fullname" . }}
{{- $canary := .Values.canary }}
{{- include "plimsoll.refuse" (list
  (list (not (regexMatch "^[a-z]$|^[a-z][a-z0-9-]*[a-z0-9]$" $fullname))
    (printf "the objects would be named %q; set fullnameOverride to a lower-case letter, then letters, digits or dashes"
      $fullname))
) }}
{{- range $name, $repository := dict "image" .Values.image.repository "canary.image" $canary.image.repository }}
{{- include "plimsoll.refuse" (list (list (regexMatch "(:[^/]*|@.*)$" $repository)
  (printf "%[1]s.repository is %[2]s, which contains a tag or a digest; set %[1]s.tag or %[1]s.digest" $name $repository))
) }}
{{- end }}
{{- range $name, $version := dict "model" .Values.model.version "canary.model" (default "0" $canary.model.version) }}
{{- include "plimsoll.refuse" (list (list (not (regexMatch "^(0|[1-9][0-9]{0,8})(\\.(0|[1-9][0-9]{0,8})){0,3}$" $version))
  (printf "%s.version is %q, but it must be one to four numbers joined by dots, each of 9 digits at most and without a %s"
    $name $version "leading 0"))
) }}
{{- end }}
{{- end }}

{{/* `--set` makes a text of a fraction, so these numbers may be texts. The schema bounds those that are numbers to YAML. */}}
{{- define "plimsoll.checks.numbers" -}}
{{- $rules := .Values.monitoring.rules }}
{{- range list
  (list "serving.objectiveMs" .Values.serving.objectiveMs 0 600000)
  (list "serving.maxWaitMs" .Values.serving.maxWaitMs 0 10000)
  (list "tracing.ratio" .Values.tracing.ratio 0 1)
  (list "judge.alpha" .Values.judge.alpha 0.0001 0.5)
  (list "judge.margin" .Values.judge.margin 0 0.4)
  (list "judge.effect" .Values.judge.effect 0.01 100)
  (list "judge.failures" .Values.judge.failures 0.0001 0.99)
  (list "monitoring.rules.availabilityObjective" $rules.availabilityObjective 93.06 99.9999)
  (list "monitoring.rules.latencyObjective" $rules.latencyObjective 93.06 99.9999)
}}
{{- $text := index . 1 | toString }}
{{- $within := and (ge (float64 $text) (index . 2 | float64)) (le (float64 $text) (index . 3 | float64)) }}
{{- $number := or (kindIs "float64" (index . 1)) (regexMatch "^[0-9]{1,6}([.][0-9]{1,9})?$" $text) }}
{{- include "plimsoll.refuse" (list (list (not (and $number $within))
  (printf "%s is %q, but it must be a number from %v to %v without a unit" (first .) $text (index . 2) (last .)))
) }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.serving" -}}
{{- with .Values.serving }}
{{- include "plimsoll.refuse" (list
  (list (and .queueLimit (lt (int .queueLimit) (int .concurrency)))
    (printf "serving.queueLimit is %v, below serving.concurrency, %v; raise it, or set 0" .queueLimit .concurrency))
  (list (ge (float64 .maxWaitMs) (float64 .objectiveMs))
    (printf "serving.maxWaitMs, %v, must be below serving.objectiveMs, %v; lower the wait or raise the objective"
      .maxWaitMs .objectiveMs))
) }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.access" -}}
{{- $way := ternary "" (printf "a Service of type %s" .Values.service.type) (eq .Values.service.type "ClusterIP") }}
{{- $way = ternary "an Ingress" $way .Values.ingress.enabled }}
{{- $way = ternary "a GRPCRoute" $way .Values.grpc.route.enabled }}
{{- $way = ternary "an HTTPRoute" $way .Values.httpRoute.enabled }}
{{- with .Values }}
{{- $collector := or .networkPolicy.collector (include "plimsoll.urlNamespace" (dict "root" $ "url" .tracing.endpoint)) }}
{{- include "plimsoll.refuse" (list
  (list (and $way (not .auth.existingSecret) (not .auth.allowAnonymous))
    (printf "%s lets anyone in who finds it; name a Secret of API keys in auth.existingSecret, or set %s" $way
      "auth.allowAnonymous=true"))
  (list (and $way .networkPolicy.enabled (not .networkPolicy.clients))
    (printf "%s brings requests that the network policy blocks; name their source in networkPolicy.clients, such as %s" $way
      "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: gateways}}} or {ipBlock: {cidr: 192.0.2.0/24}}"))
  (list (and .networkPolicy.enabled .tracing.endpoint (not $collector))
    (printf "tracing.endpoint is %s, which is no <service>.<namespace>, so the network policy would block traces; %s"
      .tracing.endpoint "name the collector in networkPolicy.collector, such as {ipBlock: {cidr: 192.0.2.1/32}}"))
) }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.grpc" -}}
{{- $http := .Values.httpRoute }}
{{- $ports := dict "service.port" .Values.service.port "metrics.port" .Values.metrics.port }}
{{- with .Values.grpc }}
{{- $same := or (not .route.parentRefs) (eq (toJson .route.parentRefs) (toJson $http.parentRefs)) }}
{{- $shared := or (not .route.hostnames) (not $http.hostnames) }}
{{- range .route.hostnames }}
{{- $shared = or $shared (has . $http.hostnames) }}
{{- end }}
{{- include "plimsoll.refuse" (list
  (list (and .enabled (eq (int .port) (int (get $ports "service.port"))))
    (printf "grpc.port and service.port are both %v; give the Service two ports" .port))
  (list (and .enabled (eq 8003 (int (get $ports "metrics.port"))))
    "metrics.port is 8003, where the pods answer gRPC; choose another")
  (list (and .route.enabled (not .route.parentRefs) (not $http.parentRefs))
    "a GRPCRoute needs a Gateway; name it in grpc.route.parentRefs or httpRoute.parentRefs")
  (list (and .route.enabled $http.enabled $same $shared)
    (printf "a Gateway accepts only one of a GRPCRoute and an HTTPRoute for a host name of one listener; %s"
      "set httpRoute.hostnames and different grpc.route.hostnames, or other listeners in grpc.route.parentRefs"))
) }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.gpu" -}}
{{- $resource := include "plimsoll.gpuResource" . }}
{{- range ternary (include "plimsoll.tracks" . | fromYaml) dict .Values.gpu.enabled }}
{{- $memory := dig "limits" "memory" "" .resources | toString }}
{{- include "plimsoll.refuse" (list
  (list (and (regexMatch "(^|[-_./])cpu($|[-_.])" .image.tag) (not .image.digest))
    (printf "gpu.enabled needs torch for GPUs, but %s.tag is %s; set the tag that ends in -gpu" .imageValue .image.tag))
  (list (hasKey (default dict .resources.limits) $resource)
    (printf "gpu.enabled adds %s to the limits, but %s.limits has it too; set gpu.count" $resource .resourcesValue))
  (list (regexMatch "^([0-9]+Mi|[0-3]Gi)$" $memory)
    (printf "gpu.enabled needs %s.limits.memory above %s, since CUDA alone takes that; 8Gi is a start" .resourcesValue $memory))
) }}
{{- end }}
{{- $version := .Capabilities.KubeVersion.Version }}
{{- include "plimsoll.refuse" (list (list (and .Values.gpu.dra.enabled (semverCompare "<1.34.0-0" $version))
  (printf "gpu.dra.enabled needs Kubernetes 1.34, and this is %s; set gpu.resourceName instead" $version))
) }}
{{- end }}

{{- define "plimsoll.checks.canary" -}}
{{- $stable := .Values.model }}
{{- with .Values.canary }}
{{- $own := or .model.version .image.repository .image.tag .image.digest }}
{{- $differs := (include "plimsoll.canaryMode" $ | fromYaml).differs }}
{{- $shared := and $differs (has .model.configMap.name (list "" $stable.configMap.name)) }}
{{- include "plimsoll.refuse" (list
  (list (and (ne .mode "none") (not $own))
    (printf "canary.mode is %s, but the canary is the same as stable; set canary.model.version or canary.image" .mode))
  (list (and (ne .mode "none") (eq $stable.source "configMap") $shared)
    (printf "each version needs its own ConfigMap, but canary.model.configMap.name is %q; name that of version %s"
      .model.configMap.name .model.version))
) }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.autoscaling" -}}
{{- $scaling := .Values.autoscaling }}
{{- $target := divf (include "plimsoll.inflightMilli" . | float64) 1000 }}
{{- $limit := default (mul 2 .Values.serving.concurrency) .Values.serving.queueLimit }}
{{- range ternary dict (include "plimsoll.tracks" . | fromYaml) (eq $scaling.engine "none") }}
{{- $cpu := or (dig "requests" "cpu" "" .resources) (dig "limits" "cpu" "" .resources) }}
{{- include "plimsoll.refuse" (list
  (list (gt (int .least) (int .most))
    (printf "%s is %v, above %s, %v; raise one or lower the other" .leastValue .least .mostValue .most))
  (list (and (include "plimsoll.scalesByCpu" $) (not $cpu))
    (printf "the autoscaler measures CPU in percent of the pods' request; set %s.requests.cpu" .resourcesValue))
) }}
{{- end }}
{{- include "plimsoll.refuse" (list
  (list (gt (int $scaling.keepReplicas) (int $scaling.maxReplicas))
    (printf "autoscaling.keepReplicas is %v, but an autoscaler would cut that to autoscaling.maxReplicas, %v; raise it"
      $scaling.keepReplicas $scaling.maxReplicas))
  (list (and (eq $scaling.engine "prometheusAdapter") (ge (mulf 1.1 $target) (float64 $limit)))
    (printf "autoscaling.targetPercent aims at %g requests in flight per pod and tolerates a tenth more, but a pod %s %v; %s"
      $target "refuses more than" $limit "lower it, or raise serving.queueLimit"))
) }}
{{- end }}

{{- define "plimsoll.checks.judge" -}}
{{- $interval := include "plimsoll.scrapeInterval" . }}
{{- with .Values.judge }}
{{- $there := or .prometheusPeers (include "plimsoll.urlNamespace" (dict "root" $ "url" .prometheusUrl)) }}
{{- include "plimsoll.refuse" (list
  (list (and .enabled (not .prometheusUrl))
    "the judge reads Prometheus; set judge.prometheusUrl, such as http://prometheus-operated.monitoring:9090")
  (list (and .enabled (hasSuffix "ms" $interval))
    (printf "the pods are scraped each %s, but the judge counts in seconds; set an interval of the monitor such as 15s"
      $interval))
  (list (le (float64 .effect) (float64 .margin))
    (printf "judge.effect, %v, must be above judge.margin, %v, which does not matter; raise it or lower the margin"
      .effect .margin))
  (list (and .enabled $.Values.networkPolicy.enabled (not $there))
    (printf "judge.prometheusUrl is %s, which is no <service>.<namespace>, so the network policy would block it; %s"
      .prometheusUrl "name its pods or addresses in judge.prometheusPeers, such as {ipBlock: {cidr: 192.0.2.1/32}}"))
) }}
{{- end }}
{{- end }}
