{{/*
The pod template of a track. Takes root, track, model, image and resources.

The desired state is an annotation of the template, which the downward API turns into a file. A ConfigMap would change under
the pods of the old revision too, and one of those that restarts during an upgrade would serve the new version.
*/}}
{{- define "plimsoll.pod" -}}
{{- $values := .root.Values -}}
{{- $gpu := ternary $values.gpu dict $values.gpu.enabled -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- $empty := list -}}
{{- range concat (include "plimsoll.volumes" . | fromYamlArray) $values.extraVolumes -}}
{{- $volumes = append $volumes (omit . "mount") -}}
{{- $mounts = ternary (append $mounts (merge (dict "name" .name) (default dict .mount))) $mounts (hasKey . "mount") -}}
{{- $empty = ternary (append $empty .name) $empty (hasKey . "emptyDir") -}}
{{- end -}}
{{- /* The empty volumes hold nothing that outlives a pod, so the cluster autoscaler may remove its node. */ -}}
{{- $evictable := dict "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes" (join "," $empty) -}}
metadata:
  labels:
    {{- toYaml (merge (include "plimsoll.trackLabels" . | fromYaml) $values.podLabels $values.commonLabels) | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: plimsoll
    {{- toYaml (merge dict (omit $values.podAnnotations "kubectl.kubernetes.io/default-container") $evictable) | nindent 4 }}
    plimsoll.dev/desired-state: |
      models:
        - name: {{ .model.name | quote }}
          versions:
            - version: {{ .model.version | quote }}
spec:
  serviceAccountName: {{ include "plimsoll.serviceAccountName" .root | quote }}
  automountServiceAccountToken: false
  # A Service named `plimsoll` would inject PLIMSOLL_PORT=tcp://..., which is a setting's name.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $values.shutdown.waitSeconds (include "plimsoll.drainSeconds" .root) 5 }}
  securityContext:
    {{- include "plimsoll.podSecurity" .root | nindent 4 }}
  {{- include "plimsoll.given" (dict
    "imagePullSecrets" $values.imagePullSecrets
    "priorityClassName" $values.priorityClassName
    "nodeSelector" (merge dict $values.nodeSelector (default dict $gpu.nodeSelector))
    "tolerations" (concat $values.tolerations (default list $gpu.tolerations))
    "runtimeClassName" $gpu.runtimeClassName
    "affinity" $values.affinity
    "dnsConfig" $values.dnsConfig
    "initContainers" $values.initContainers
  ) | indent 2 }}
  {{- if and $gpu $gpu.dra.enabled }}
  resourceClaims:
    - name: gpu
      resourceClaimTemplateName: {{ include "plimsoll.claimName" .root }}
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
      image: {{ include "plimsoll.image" . | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      # `kubectl describe pod` then shows why the server ended.
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        {{- include "plimsoll.containerSecurity" . | nindent 8 }}
      ports:
        - {name: http, containerPort: 8000}
        - {name: metrics, containerPort: {{ $values.metrics.port }}}
        {{- if $values.grpc.enabled }}
        - {name: grpc, containerPort: 8003}
        {{- end }}
      env:
        {{- include "plimsoll.environment" . | trim | nindent 8 }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- include "plimsoll.given" (dict "envFrom" $values.extraEnvFrom) | indent 6 }}
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
        - {name: desired-state, mountPath: /etc/plimsoll, readOnly: true}
        {{- toYaml (concat $mounts $values.extraVolumeMounts) | nindent 8 }}
  volumes:
    {{- toYaml $volumes | nindent 4 }}
{{- end }}

{{/* The Pod Security Standard `restricted`, for a pod. */}}
{{- define "plimsoll.podSecurity" -}}
runAsNonRoot: true
{{- range $name := list "fsGroup" "runAsUser" "runAsGroup" }}
{{- with index $.Values.podSecurity $name }}
{{ $name }}: {{ int64 . }}
{{- end }}
{{- end }}
seccompProfile:
  {{- toYaml .Values.podSecurity.seccompProfile | nindent 2 }}
{{- end }}

{{/* The same for a container. */}}
{{- define "plimsoll.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
