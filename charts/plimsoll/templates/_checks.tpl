{{/* Values that are fine one by one and wrong together. Each sentence names the values, and says what to do. */}}
{{- define "plimsoll.checks" -}}
{{- include "plimsoll.checks.serving" . }}
{{- include "plimsoll.checks.model" . }}
{{- include "plimsoll.checks.access" . }}
{{- include "plimsoll.checks.gpu" . }}
{{- include "plimsoll.checks.monitoring" . }}
{{- end }}

{{- define "plimsoll.checks.serving" -}}
{{- with .Values.serving }}
{{- if and .queueLimit (lt (int .queueLimit) (int .concurrency)) }}
{{- fail (printf "serving.queueLimit is %d, below serving.concurrency, %d; raise it, or leave it 0" (int .queueLimit) (int .concurrency)) }}
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
{{- $tag := toString .Values.image.tag }}
{{- with .Values.gpu }}
{{- if .enabled }}
{{- if and (regexMatch "(^|[-_./])cpu($|[-_.])" $tag) (not $.Values.image.digest) }}
{{- fail (printf "gpu.enabled asks for a GPU, and image.tag is %s, whose torch cannot use one; take the tag that ends in -gpu" $tag) }}
{{- end }}
{{- $limits := default dict $.Values.resources.limits }}
{{- if hasKey $limits (include "plimsoll.gpuResource" $) }}
{{- fail (printf "gpu.enabled adds %s to the limits, and resources.limits has it too; set gpu.count" (include "plimsoll.gpuResource" $)) }}
{{- end }}
{{- if regexMatch "^([0-9]+Mi|[0-3]Gi)$" (toString $limits.memory) }}
{{- fail (printf "gpu.enabled needs more than resources.limits.memory, %s, which CUDA alone takes; 8Gi is a start, as in values-gpu.yaml" $limits.memory) }}
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

{{- define "plimsoll.checks.monitoring" -}}
{{- with .Values.monitoring }}
{{- if and .podMonitor.enabled .serviceMonitor.enabled }}
{{- fail "monitoring.podMonitor and monitoring.serviceMonitor would scrape every pod twice; enable one of them" }}
{{- end }}
{{- end }}
{{- end }}
