{{/* What the server is told. Takes what the pod does. */}}
{{- define "plimsoll.environment" -}}
{{- $values := .root.Values -}}
- name: PLIMSOLL_TRACK
  value: {{ .track }}
- name: PLIMSOLL_DESIRED_STATE
  value: /etc/plimsoll/desired-state.yaml
- name: PLIMSOLL_DEFAULT_MODEL
  value: {{ .model.name | quote }}
{{- if $values.auth.existingSecret }}
- name: PLIMSOLL_KEYS_FILE
  value: /etc/plimsoll-keys/keys.yaml
{{- else }}
- name: PLIMSOLL_ALLOW_ANONYMOUS
  value: "true"
{{- end }}
{{- if or (has "IPv6" $values.service.ipFamilies) (contains "DualStack" $values.service.ipFamilyPolicy) }}
# Every address of both families.
- name: PLIMSOLL_HOST
  value: "::"
{{- end }}
- name: PLIMSOLL_METRICS_PORT
  value: {{ $values.metrics.port | quote }}
- name: PLIMSOLL_OBJECTIVE_MS
  value: {{ $values.serving.objectiveMs | quote }}
- name: PLIMSOLL_CONCURRENCY
  value: {{ $values.serving.concurrency | quote }}
{{- with $values.serving.queueLimit }}
- name: PLIMSOLL_QUEUE_LIMIT
  value: {{ . | quote }}
{{- end }}
- name: PLIMSOLL_MAX_BATCH_ROWS
  value: {{ $values.serving.maxBatchRows | quote }}
- name: PLIMSOLL_MAX_WAIT_MS
  value: {{ $values.serving.maxWaitMs | quote }}
- name: PLIMSOLL_REQUEST_TIMEOUT_MS
  value: {{ int64 $values.serving.requestTimeoutMs | quote }}
{{- /* The kubelet rounds up to whole CPUs. */}}
{{- $limits := .resources.limits | default dict }}
{{- $requests := .resources.requests | default dict }}
{{- with or (and $limits.cpu "limits.cpu") (and $requests.cpu "requests.cpu") }}
- name: PLIMSOLL_CPUS
  valueFrom: {resourceFieldRef: {resource: {{ . }}}}
{{- end }}
{{- if $values.gpu.enabled }}
# Without a GPU the pod says so, and does not compute on the CPU in silence.
- name: PLIMSOLL_DEVICE
  value: cuda
{{- end }}
{{- with $values.serving.torchThreads }}
- name: PLIMSOLL_TORCH_THREADS
  value: {{ . | quote }}
{{- end }}
- name: PLIMSOLL_MAX_BODY_BYTES
  value: {{ int64 $values.serving.maxBodyBytes | quote }}
- name: PLIMSOLL_LOG_FORMAT
  value: json
- name: PLIMSOLL_LOG_LEVEL
  value: {{ $values.serving.logLevel }}
# Ten seconds before the kubelet gives up, so that the log says what took too long.
- name: PLIMSOLL_START_SECONDS
  value: {{ max 1 (sub $values.probes.startup.budgetSeconds 10) | quote }}
- name: PLIMSOLL_STOP_WAIT_SECONDS
  value: {{ $values.shutdown.waitSeconds | quote }}
- name: PLIMSOLL_STOP_DRAIN_SECONDS
  value: {{ include "plimsoll.drainSeconds" .root | quote }}
{{- with $values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME),k8s.container.name=plimsoll
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ $values.tracing.ratio | quote }}
{{- end }}
{{- end }}

{{/*
Seconds after which whatever stands before the pods gives up: five more than a request may take, so that the server answers 504
first, with a reason. Requests that ask for longer themselves are given it by shutdown.drainSeconds, here too.
*/}}
{{- define "plimsoll.routeSeconds" -}}
{{- add 5 (max (include "plimsoll.requestSeconds" .) (include "plimsoll.drainSeconds" .)) }}
{{- end }}

{{/* Seconds that requests in flight get: what is set, or as long as one may take. */}}
{{- define "plimsoll.drainSeconds" -}}
{{- default (include "plimsoll.requestSeconds" .) .Values.shutdown.drainSeconds | int64 }}
{{- end }}

{{/* Seconds that a request may take which does not say so itself. */}}
{{- define "plimsoll.requestSeconds" -}}
{{- ceil (divf .Values.serving.requestTimeoutMs 1000) | int64 }}
{{- end }}
