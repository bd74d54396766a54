{{/*
The one pod template. Takes root, track (stable or canary), model, image and resources.

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
    {{- if not (hasKey $values.podAnnotations "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes") }}
    # Nothing in them outlives a pod, so they need not keep a node from being scaled away.
    cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes: {{ include "plimsoll.emptyVolumes" . }}
    {{- end }}
    plimsoll.dev/desired-state: |
      {{- include "plimsoll.desiredState" .model | nindent 6 }}
spec:
  serviceAccountName: {{ include "plimsoll.serviceAccountName" .root | quote }}
  automountServiceAccountToken: false
  # A Service named `plimsoll` would inject PLIMSOLL_PORT=tcp://..., which is a setting's name.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $values.shutdown.waitSeconds (include "plimsoll.drainSeconds" .root) 5 }}
  securityContext:
    {{- include "plimsoll.podSecurity" . | nindent 4 }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with merge dict $values.nodeSelector (ternary $values.gpu.nodeSelector dict $values.gpu.enabled) }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat $values.tolerations (ternary $values.gpu.tolerations list $values.gpu.enabled) }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and $values.gpu.enabled $values.gpu.runtimeClassName }}
  runtimeClassName: {{ $values.gpu.runtimeClassName | quote }}
  {{- end }}
  {{- if and $values.gpu.enabled $values.gpu.dra.enabled }}
  resourceClaims:
    - name: gpu
      resourceClaimTemplateName: {{ include "plimsoll.claimName" .root }}
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
  {{- with $values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: plimsoll
      image: {{ include "plimsoll.image" . | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      # Why the server ended is in `kubectl describe pod`.
      terminationMessagePolicy: FallbackToLogsOnError
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
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      startupProbe:
        httpGet: {path: /startupz, port: http}
        periodSeconds: {{ $values.probes.startup.periodSeconds }}
        timeoutSeconds: {{ $values.probes.startup.timeoutSeconds }}
        failureThreshold: {{ divf $values.probes.startup.budgetSeconds $values.probes.startup.periodSeconds | ceil }}
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        {{- toYaml $values.probes.readiness | nindent 8 }}
      livenessProbe:
        httpGet: {path: /livez, port: http}
        {{- toYaml $values.probes.liveness | nindent 8 }}
      resources:
        {{- include "plimsoll.resources" . | nindent 8 }}
      volumeMounts:
        {{- include "plimsoll.volumeMounts" . | nindent 8 }}
  volumes:
    {{- include "plimsoll.volumes" . | nindent 4 }}
{{- end }}

{{/* The file that tells the server which versions to serve. */}}
{{- define "plimsoll.desiredState" -}}
models:
  - name: {{ .name | quote }}
    versions:
      - version: {{ include "plimsoll.asText" .version | quote }}
{{- end }}

{{/* A value that may be a number, as `--set model.version=2` gives, as text. */}}
{{- define "plimsoll.asText" -}}
{{- ternary . (int64 . | toString) (kindIs "string" .) }}
{{- end }}
