{{/*
The one pod template. Takes root, track (stable) and model (name, version).

What a pod serves is written in its own template, as an annotation that the downward API turns into a file: a ConfigMap
would change under the pods of the old revision, and one of those, restarted during an upgrade, would come back as the new.
*/}}
{{- define "plimsoll.pod" -}}
{{- $values := .root.Values -}}
metadata:
  labels:
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "plimsoll.trackLabels" . | nindent 4 }}
  annotations:
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    kubectl.kubernetes.io/default-container: plimsoll
    plimsoll.dev/desired-state: |
      {{- include "plimsoll.desiredState" .model | nindent 6 }}
spec:
  serviceAccountName: {{ include "plimsoll.serviceAccountName" .root }}
  automountServiceAccountToken: false
  # A Service named `plimsoll` would inject PLIMSOLL_PORT=tcp://..., which is a setting's name.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $values.shutdown.waitSeconds $values.shutdown.drainSeconds 5 }}
  securityContext:
    {{- include "plimsoll.podSecurity" . | nindent 4 }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- with $values.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    - topologyKey: kubernetes.io/hostname
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      matchLabelKeys: [pod-template-hash]
      labelSelector:
        matchLabels:
          {{- include "plimsoll.trackLabels" . | nindent 10 }}
    {{- end }}
  containers:
    - name: plimsoll
      image: {{ include "plimsoll.image" .root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      securityContext:
        {{- include "plimsoll.containerSecurity" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 8000
        - name: metrics
          containerPort: {{ $values.metrics.port }}
      env:
        {{- include "plimsoll.environment" . | nindent 8 }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      startupProbe:
        httpGet: {path: /startupz, port: http}
        {{- toYaml $values.probes.startup | nindent 8 }}
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        {{- toYaml $values.probes.readiness | nindent 8 }}
      livenessProbe:
        httpGet: {path: /livez, port: http}
        {{- toYaml $values.probes.liveness | nindent 8 }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
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
  volumes:
    {{- with $values.auth.existingSecret }}
    - name: keys
      secret:
        secretName: {{ . }}
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
        sizeLimit: {{ $values.tmpSizeLimit }}
{{- end }}

{{/* The file that tells the server which versions to serve. A number, as `--set model.version=2` gives, is written as text. */}}
{{- define "plimsoll.desiredState" -}}
models:
  - name: {{ .name }}
    versions:
      - version: {{ ternary .version (int64 .version | toString) (kindIs "string" .version) | quote }}
{{- end }}

{{- define "plimsoll.environment" -}}
{{- $values := .root.Values -}}
{{- if and $values.serving.queueLimit (lt (int $values.serving.queueLimit) (int $values.serving.concurrency)) }}
{{- fail (printf "serving.queueLimit is %d, below serving.concurrency, %d; raise it, or leave it 0" (int $values.serving.queueLimit) (int $values.serving.concurrency)) }}
{{- end }}
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
{{- $resources := $values.resources | default dict }}
{{- $limits := $resources.limits | default dict }}
{{- $requests := $resources.requests | default dict }}
{{- with or (and $limits.cpu "limits.cpu") (and $requests.cpu "requests.cpu") }}
- name: PLIMSOLL_CPUS
  valueFrom: {resourceFieldRef: {resource: {{ . }}}}
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
- name: PLIMSOLL_STOP_WAIT_SECONDS
  value: {{ $values.shutdown.waitSeconds | quote }}
- name: PLIMSOLL_STOP_DRAIN_SECONDS
  value: {{ $values.shutdown.drainSeconds | quote }}
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

{{/* The Pod Security Standard `restricted`, for a pod and for a container. */}}
{{- define "plimsoll.podSecurity" -}}
runAsNonRoot: true
# The image's own group, so that mounted Secrets can be read.
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "plimsoll.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
