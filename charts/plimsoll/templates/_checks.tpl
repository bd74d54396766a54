{{/* Values that are fine one by one and wrong together. Each sentence names the values, and says what to do. */}}
{{- define "plimsoll.checks" -}}
{{- include "plimsoll.checks.texts" . }}
{{- include "plimsoll.checks.versions" . }}
{{- include "plimsoll.checks.numbers" . }}
{{- include "plimsoll.checks.release" . }}
{{- include "plimsoll.checks.security" . }}
{{- include "plimsoll.checks.serving" . }}
{{- include "plimsoll.checks.model" . }}
{{- include "plimsoll.checks.access" . }}
{{- include "plimsoll.checks.gpu" . }}
{{- include "plimsoll.checks.canary" . }}
{{- include "plimsoll.checks.autoscaling" . }}
{{- include "plimsoll.checks.monitoring" . }}
{{- end }}

{{- define "plimsoll.checks.release" -}}
{{- if not (kindIs "bool" .Values.enabled) }}
{{- fail (printf "enabled is %v, a %s; give true or false without quotes, by --set and not by --set-string" .Values.enabled (ternary "text" "number" (kindIs "string" .Values.enabled))) }}
{{- end }}
{{- if not .Values.enabled }}
{{- fail "enabled is false, and nothing has left the chart out: in Chart.yaml of the chart that depends on it say `condition: plimsoll.enabled`, or uninstall the release" }}
{{- end }}
{{- $fullname := include "plimsoll.fullname" . }}
{{- if not (regexMatch "^[a-z]$|^[a-z][a-z0-9-]*[a-z0-9]$" $fullname) }}
{{- fail (printf "the objects would be called %s, and Kubernetes wants a lower-case letter first, then letters, digits and dashes, and no dash at the end; set fullnameOverride" $fullname) }}
{{- end }}
{{- if not (regexMatch "^[A-Za-z0-9]$|^[A-Za-z0-9][A-Za-z0-9_.-]*[A-Za-z0-9]$" (include "plimsoll.name" .)) }}
{{- fail (printf "nameOverride is %s, and a label's value is letters, digits, dashes, dots and underscores, letters or digits at both ends" (include "plimsoll.name" .)) }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.security" -}}
{{- with .Values.podSecurity.seccompProfile }}
{{- if ne (eq .type "Localhost") (not (empty .localhostProfile)) }}
{{- fail (printf "podSecurity.seccompProfile.type is %s; a localhostProfile goes with Localhost, and with nothing else" .type) }}
{{- end }}
{{- end }}
{{- range $name, $what := dict "fsGroup" "a group" "runAsUser" "a user" "runAsGroup" "a group" }}
{{- $value := index $.Values.podSecurity $name }}
{{- if not (kindIs "invalid" $value) }}
{{- if or (kindIs "string" $value) (kindIs "bool" $value) }}
{{- fail (printf "podSecurity.%s is %v, and %s is a number here, such as 65532; null leaves it to the image and the cluster" $name $value $what) }}
{{- end }}
{{- if lt (int64 $value) 1 }}
{{- fail (printf "podSecurity.%s is %d, which is root or nobody at all; take a number from 1 on, or null to leave it to the image and the cluster" $name (int64 $value)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.serving" -}}
{{- with .Values.serving }}
{{- if and .queueLimit (lt (int .queueLimit) (int .concurrency)) }}
{{- fail (printf "serving.queueLimit is %d, below serving.concurrency, %d; raise it, or leave it 0" (int .queueLimit) (int .concurrency)) }}
{{- end }}
{{- if ge (float64 .maxWaitMs) (float64 .objectiveMs) }}
{{- fail (printf "serving.maxWaitMs, %g, lets a request wait for as long as serving.objectiveMs, %g, allows for its whole answer, or longer; lower the wait or raise the objective" (float64 .maxWaitMs) (float64 .objectiveMs)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.model" -}}
{{- with .Values.model }}
{{- if and (eq .source "pvc") (not .pvc.claimName) }}
{{- fail "model.source is pvc; name the claim in model.pvc.claimName" }}
{{- end }}
{{- if and (eq .source "configMap") (not .configMap.name) }}
{{- fail "model.source is configMap; name the ConfigMap in model.configMap.name" }}
{{- end }}
{{- if and (ne .source "pvc") .pvc.claimName }}
{{- fail (printf "model.pvc.claimName is set and model.source is %s; set model.source to pvc, or leave the claim out" .source) }}
{{- end }}
{{- if and (ne .source "configMap") .configMap.name }}
{{- fail (printf "model.configMap.name is set and model.source is %s; set model.source to configMap, or leave the name out" .source) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.access" -}}
{{- $way := "" }}
{{- with .Values }}
{{- if ne .service.type "ClusterIP" }}{{ $way = printf "a Service of type %s" .service.type }}{{ end }}
{{- if .ingress.enabled }}{{ $way = "an Ingress" }}{{ end }}
{{- if .httpRoute.enabled }}{{ $way = "an HTTPRoute" }}{{ end }}
{{- if and $way (not .auth.existingSecret) (not .auth.allowAnonymous) }}
{{- fail (printf "%s lets anyone in who finds it, and auth.existingSecret names no Secret of API keys; name one, or set auth.allowAnonymous=true if that is meant" $way) }}
{{- end }}
{{- if and .auth.existingSecret .auth.allowAnonymous }}
{{- fail "auth.existingSecret asks for keys and auth.allowAnonymous for none; leave one of them out" }}
{{- end }}
{{- if and .ingress.enabled (not .ingress.hosts) }}
{{- fail "ingress.enabled needs at least one host name in ingress.hosts" }}
{{- end }}
{{- if and .httpRoute.enabled (not .httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled needs a Gateway in httpRoute.parentRefs, such as {name: public, namespace: gateways}" }}
{{- end }}
{{- if and $way .networkPolicy.enabled (not .networkPolicy.clients) }}
{{- $such := "the namespace of the gateway or the controller, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: gateways}}}, or {podSelector: {}} where it runs in this one" }}
{{- if ne .service.type "ClusterIP" }}{{ $such = "the addresses of clients and nodes, {ipBlock: {cidr: 192.0.2.0/24}}" }}{{ end }}
{{- fail (printf "%s brings requests from elsewhere, and the network policy lets none in; name in networkPolicy.clients who brings them: %s" $way $such) }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.tracing.endpoint (not .Values.networkPolicy.collector) (not (include "plimsoll.collectorNamespace" .)) }}
{{- fail (printf "tracing.endpoint is %s, which is no <service>.<namespace>, and the network policy would keep traces from it; name it in networkPolicy.collector, such as {ipBlock: {cidr: 192.0.2.1/32}}" .Values.tracing.endpoint) }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.gpu" -}}
{{- $images := dict "image" .Values.image "canary.image" (ternary .Values.canary.image dict (ne .Values.canary.mode "none")) }}
{{- with .Values.gpu }}
{{- if .enabled }}
{{- range $name, $image := $images }}
{{- if and (regexMatch "(^|[-_./])cpu($|[-_.])" (toString $image.tag)) (not $image.digest) }}
{{- fail (printf "gpu.enabled asks for a GPU, and %s.tag is %s, whose torch cannot use one; take the tag that ends in -gpu" $name (toString $image.tag)) }}
{{- end }}
{{- end }}
{{- range $name, $resources := include "plimsoll.writtenResources" $ | fromJson }}
{{- $limits := default dict $resources.limits }}
{{- if hasKey $limits (include "plimsoll.gpuResource" $) }}
{{- fail (printf "gpu.enabled adds %s to the limits, and %s.limits has it too; set gpu.count" (include "plimsoll.gpuResource" $) $name) }}
{{- end }}
{{- if regexMatch "^([0-9]+Mi|[0-3]Gi)$" (toString $limits.memory) }}
{{- fail (printf "gpu.enabled needs more than %s.limits.memory, %s, which CUDA alone takes; 8Gi is a start, as in values-gpu.yaml" $name $limits.memory) }}
{{- end }}
{{- end }}
{{- if and .dra.enabled (ne .resourceName "nvidia.com/gpu") }}
{{- fail (printf "gpu.dra.enabled asks by a claim, and gpu.resourceName is %s; leave one of them out" .resourceName) }}
{{- end }}
{{- if and .migProfile (ne .resourceName "nvidia.com/gpu") }}
{{- fail (printf "gpu.migProfile is %s and gpu.resourceName is %s; both name a resource, leave one of them out" .migProfile .resourceName) }}
{{- end }}
{{- if and .dra.enabled (semverCompare "<1.34.0-0" $.Capabilities.KubeVersion.Version) }}
{{- fail (printf "gpu.dra.enabled needs Kubernetes 1.34, and this one is %s; leave it out and ask by gpu.resourceName" $.Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if and .dra.enabled .migProfile }}
{{- fail (printf "gpu.dra.enabled asks by a claim, and gpu.migProfile is %s; ask for a slice in gpu.dra.selectors" .migProfile) }}
{{- end }}
{{- else if or .migProfile .dra.enabled .runtimeClassName .nodeSelector }}
{{- fail "gpu.migProfile, gpu.dra, gpu.runtimeClassName or gpu.nodeSelector is set, and gpu.enabled is not; set gpu.enabled=true" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Resources that are written down, by the name of their value; the canary's where it has some of its own. */}}
{{- define "plimsoll.writtenResources" -}}
{{- $written := dict "resources" .Values.resources }}
{{- if and (ne .Values.canary.mode "none") .Values.canary.resources }}{{ $_ := set $written "canary.resources" .Values.canary.resources }}{{ end }}
{{- toJson $written }}
{{- end }}

{{- define "plimsoll.checks.canary" -}}
{{- $values := .Values }}
{{- $version := include "plimsoll.canaryVersion" . }}
{{- $differs := include "plimsoll.versionsDiffer" . }}
{{- with .Values.canary }}
{{- if ne .mode "none" }}
{{- if not (or .model.version .image.repository .image.tag .image.digest) }}
{{- fail (printf "canary.mode is %s, and nothing says what the canary is; set canary.model.version, or an image in canary.image" .mode) }}
{{- end }}
{{- if and (eq $values.model.source "configMap") $differs (not .model.configMap.name) }}
{{- fail (printf "model.source is configMap, and each version has one of its own; name that of version %s in canary.model.configMap.name" $version) }}
{{- end }}
{{- if and .model.configMap.name (eq .model.configMap.name $values.model.configMap.name) $differs }}
{{- fail (printf "canary.model.configMap.name is %s, which model.configMap.name is too, and the versions are not the same; each has one of its own" .model.configMap.name) }}
{{- end }}
{{- if and .model.configMap.name (ne $values.model.source "configMap") }}
{{- fail (printf "canary.model.configMap.name is set and model.source is %s; set model.source to configMap, or leave the name out" $values.model.source) }}
{{- end }}
{{- end }}
{{- if and (ne .mode "gatewayAPI") .weight }}
{{- fail (printf "canary.weight is %d and canary.mode is %s; weights are split by a Gateway: set canary.mode=gatewayAPI, or canary.weight=0" (int .weight) .mode) }}
{{- end }}
{{- if eq .mode "gatewayAPI" }}
{{- if not $values.httpRoute.enabled }}
{{- fail "canary.mode is gatewayAPI, and there is no route to split; set httpRoute.enabled=true and its parentRefs, or canary.mode=replicas" }}
{{- end }}
{{- if $values.ingress.enabled }}
{{- fail "ingress.enabled leads to the pods of both tracks, whatever canary.weight says; leave it out with canary.mode=gatewayAPI, or set canary.mode=replicas" }}
{{- end }}
{{- if ne $values.service.type "ClusterIP" }}
{{- fail (printf "service.type %s leads to the pods of both tracks, whatever canary.weight says; set ClusterIP with canary.mode=gatewayAPI, or set canary.mode=replicas" $values.service.type) }}
{{- end }}
{{- if and .weight (not .replicas) }}
{{- fail (printf "canary.weight is %d and canary.replicas is 0, so that nobody would answer; set canary.weight=0 first" (int .weight)) }}
{{- end }}
{{- include "plimsoll.checks.canaryReady" $ }}
{{- end }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.autoscaling" -}}
{{- $values := .Values }}
{{- with .Values.autoscaling }}
{{- if ne .engine "none" }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "autoscaling.minReplicas is %d, above autoscaling.maxReplicas, %d; raise one or lower the other" (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
{{- if include "plimsoll.goesByCpu" $ }}
{{- range $name, $resources := include "plimsoll.writtenResources" $ | fromJson }}
{{- if not (or (dig "requests" "cpu" "" $resources) (dig "limits" "cpu" "" $resources)) }}
{{- fail (printf "autoscaling goes by CPU in percent of the pods' request, and %s.requests.cpu is not set; set it" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- $target := divf (include "plimsoll.inflightMilli" $ | float64) 1000 }}
{{- $limit := default (mul 2 $values.serving.concurrency) $values.serving.queueLimit }}
{{- if and (eq .engine "prometheusAdapter") (ge (mulf 1.1 $target) (float64 $limit)) }}
{{- fail (printf "autoscaling.targetPercent aims at %g requests in flight per pod, a tenth more is tolerated, and a pod refuses more than %d; lower it, or raise serving.queueLimit" $target (int $limit)) }}
{{- end }}
{{- if eq $values.canary.mode "replicas" }}
{{- fail "canary.mode=replicas splits by the number of pods, which autoscaling.engine changes; split by a Gateway (canary.mode=gatewayAPI), or set autoscaling.engine=none" }}
{{- end }}
{{- if and (eq $values.canary.mode "gatewayAPI") (or (lt (int $values.canary.replicas) 1) (gt (int $values.canary.replicas) (int $values.canary.maxReplicas))) }}
{{- fail (printf "canary.replicas is %d, the fewest that its autoscaler keeps; take 1 to canary.maxReplicas, %d" (int $values.canary.replicas) (int $values.canary.maxReplicas)) }}
{{- end }}
{{- end }}
{{- include "plimsoll.checks.switch" (dict "root" $ "track" "stable" "replicas" $values.replicas "most" .maxReplicas) }}
{{- if ne $values.canary.mode "none" }}
{{- include "plimsoll.checks.switch" (dict "root" $ "track" "canary" "replicas" $values.canary.replicas "most" $values.canary.maxReplicas) }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Asks the cluster, where Helm may, whether switching the autoscaler on or off would take pods of a track away: without it as
many stay as `replicas` says, and a new one cuts to its most at once. Takes root, track, replicas and most.
*/}}
{{- define "plimsoll.checks.switch" -}}
{{- $name := include "plimsoll.trackName" . }}
{{- $prefix := ternary "" "canary." (eq .track "stable") }}
{{- $on := ne .root.Values.autoscaling.engine "none" }}
{{- $most := include "plimsoll.mostPods" . | int }}
{{- $live := dig "spec" "replicas" 0 (lookup "apps/v1" "Deployment" .root.Release.Namespace $name) | int }}
{{- if gt $live $most }}
{{- $scaled := lookup "autoscaling/v2" "HorizontalPodAutoscaler" .root.Release.Namespace $name }}
{{- if and $scaled (not $on) }}
{{- fail (printf "autoscaling.engine=none leaves as many pods of Deployment %s as %sreplicas says, %d, and %d run; set %sreplicas=%d in the same upgrade, and lower it afterwards" $name $prefix $most $live $prefix $live) }}
{{- else if and $on (not $scaled) }}
{{- fail (printf "%d pods of Deployment %s run, and its autoscaler would cut them to %d at once; raise %s, or lower %sreplicas first" $live $name $most (ternary "autoscaling.maxReplicas" "canary.maxReplicas" (eq .track "stable")) $prefix) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Asks the cluster, where Helm may: a Gateway answers 503 for a canary that has no ready pod. */}}
{{- define "plimsoll.checks.canaryReady" -}}
{{- $fullname := include "plimsoll.fullname" . }}
{{- if and .Values.canary.weight .Release.IsUpgrade (lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-stable" $fullname)) }}
{{- $canary := lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-canary" $fullname) }}
{{- if not (dig "status" "readyReplicas" 0 $canary) }}
{{- fail (printf "canary.weight is %d and no pod of Deployment %s-canary is ready; set canary.weight=0, wait until one is, then set the weight" (int .Values.canary.weight) $fullname) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "plimsoll.checks.monitoring" -}}
{{- with .Values.monitoring }}
{{- if and .podMonitor.enabled .serviceMonitor.enabled }}
{{- fail "monitoring.podMonitor and monitoring.serviceMonitor would scrape every pod twice; enable one of them" }}
{{- end }}
{{- end }}
{{- end }}
