{{/*
Environment variables of the server as a list of names and values. An empty value is left out, a map is a `valueFrom`.
Takes what the pod takes.
*/}}
{{- define "plimsoll.environment" -}}
{{- $values := .root.Values }}
{{- $serving := $values.serving }}
{{- $keys := $values.auth.existingSecret }}
{{- /* The server's threads follow its CPU limit, or its request. The kubelet rounds up to whole CPUs. */}}
{{- $cpu := ternary "requests.cpu" "" (dig "requests" "cpu" "" .resources | empty | not) }}
{{- $cpu = ternary "limits.cpu" $cpu (dig "limits" "cpu" "" .resources | empty | not) }}
{{- $settings := list
  (list "PLIMSOLL_TRACK" .track)
  (list "PLIMSOLL_DESIRED_STATE" "/etc/plimsoll/desired-state.yaml")
  (list "PLIMSOLL_DEFAULT_MODEL" .model.name)
  (list "PLIMSOLL_KEYS_FILE" (ternary "/etc/plimsoll-keys/keys.yaml" "" (ne $keys "")))
  (list "PLIMSOLL_ALLOW_ANONYMOUS" (ternary "true" "" (eq $keys "")))
  (list "PLIMSOLL_HOST" (ternary "::" "" (include "plimsoll.ipv6" .root | empty | not)))
  (list "PLIMSOLL_METRICS_PORT" $values.metrics.port)
  (list "PLIMSOLL_GRPC_PORT" (ternary 8003 "" $values.grpc.enabled))
  (list "PLIMSOLL_OBJECTIVE_MS" $serving.objectiveMs)
  (list "PLIMSOLL_CONCURRENCY" $serving.concurrency)
  (list "PLIMSOLL_QUEUE_LIMIT" (default "" $serving.queueLimit))
  (list "PLIMSOLL_MAX_BATCH_ROWS" $serving.maxBatchRows)
  (list "PLIMSOLL_MAX_WAIT_MS" $serving.maxWaitMs)
  (list "PLIMSOLL_REQUEST_TIMEOUT_MS" (int64 $serving.requestTimeoutMs))
  (list "PLIMSOLL_CPUS" (ternary (dict "resourceFieldRef" (dict "resource" $cpu)) "" (ne $cpu "")))
  (list "PLIMSOLL_DEVICE" (ternary "cuda" "" $values.gpu.enabled))
  (list "PLIMSOLL_TORCH_THREADS" (default "" $serving.torchThreads))
  (list "PLIMSOLL_MAX_BODY_BYTES" (int64 $serving.maxBodyBytes))
  (list "PLIMSOLL_LOG_FORMAT" "json")
  (list "PLIMSOLL_LOG_LEVEL" $serving.logLevel)
  (list "PLIMSOLL_START_SECONDS" (max 1 (sub $values.probes.startup.budgetSeconds 10)))
  (list "PLIMSOLL_STOP_WAIT_SECONDS" $values.shutdown.waitSeconds)
  (list "PLIMSOLL_STOP_DRAIN_SECONDS" (include "plimsoll.drainSeconds" .root))
}}
{{- $attributes := list "k8s.pod.name=$(POD_NAME)" "k8s.namespace.name=$(POD_NAMESPACE)"
  "k8s.node.name=$(NODE_NAME)" "k8s.container.name=plimsoll" | join "," }}
{{- $tracing := list
  (list "OTEL_EXPORTER_OTLP_ENDPOINT" $values.tracing.endpoint)
  (list "POD_NAME" (dict "fieldRef" (dict "fieldPath" "metadata.name")))
  (list "POD_NAMESPACE" (dict "fieldRef" (dict "fieldPath" "metadata.namespace")))
  (list "NODE_NAME" (dict "fieldRef" (dict "fieldPath" "spec.nodeName")))
  (list "OTEL_RESOURCE_ATTRIBUTES" $attributes)
  (list "OTEL_TRACES_SAMPLER" "parentbased_traceidratio")
  (list "OTEL_TRACES_SAMPLER_ARG" $values.tracing.ratio)
}}
{{- range concat $settings (ternary $tracing list (ne $values.tracing.endpoint "")) }}
{{- if kindIs "map" (last .) }}
- {name: {{ first . }}, valueFrom: {{ last . | toJson }}}
{{- else if ne (last . | toString) "" }}
- {name: {{ first . }}, value: {{ last . | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/*
Timeout of an Ingress or an HTTPRoute: five seconds more than a request may take, so that the server answers 504 first and
gives a reason. Clients that set a longer timeout themselves need shutdown.drainSeconds, which counts here too.
*/}}
{{- define "plimsoll.routeSeconds" -}}
{{- add 5 (max (divf .Values.serving.requestTimeoutMs 1000 | ceil) .Values.shutdown.drainSeconds) }}
{{- end }}

{{/* Seconds that requests in flight get when a pod stops: shutdown.drainSeconds, or the default timeout of a request. */}}
{{- define "plimsoll.drainSeconds" -}}
{{- default (divf .Values.serving.requestTimeoutMs 1000 | ceil) .Values.shutdown.drainSeconds | int64 }}
{{- end }}
