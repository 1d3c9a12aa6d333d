{{/* What all pods have in common. Each takes a dict: root, name (the component), values (its block of values). */}}

{{/* Pod level: who it is, that it may nothing, where it runs. */}}
{{- define "scorestream.pod" -}}
serviceAccountName: {{ include "scorestream.fullname" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName | default .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Replicas apart from each other: over zones if it can be, over machines more so. */}}
{{- define "scorestream.spread" -}}
topologySpreadConstraints:
  {{- range $key, $when := .root.Values.topologySpread }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $when }}
    labelSelector:
      matchLabels:
        {{- include "scorestream.selector" (dict "root" $.root "name" $.name) | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{- define "scorestream.container" -}}
image: {{ include "scorestream.image" (dict "root" .root "image" .values.image) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}

{{/* Probes of a process that has /healthz and /readyz. startup: the path asked until it first answers. */}}
{{- define "scorestream.probes" -}}
startupProbe:
  httpGet: {path: {{ .startup | default "/healthz" | quote }}, port: http}
  periodSeconds: 2
  failureThreshold: {{ .startupFailures | default 60 }}
  timeoutSeconds: 2
readinessProbe:
  httpGet: {path: {{ .ready | default "/readyz" | quote }}, port: http}
  periodSeconds: 2
  failureThreshold: 2
  timeoutSeconds: 2
livenessProbe:
  httpGet: {path: {{ .alive | default "/healthz" | quote }}, port: http}
  periodSeconds: 10
  failureThreshold: 3
  timeoutSeconds: 3
{{- end }}

{{/* How a component reaches Kafka: its entries of a ConfigMap. */}}
{{- define "scorestream.kafka.config" -}}
{{- $kafka := .root.Values.kafka -}}
KAFKA_BOOTSTRAP_SERVERS: {{ $kafka.bootstrapServers | quote }}
KAFKA_SECURITY_PROTOCOL: {{ $kafka.securityProtocol | quote }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
KAFKA_SASL_MECHANISM: {{ $kafka.saslMechanism | quote }}
KAFKA_SASL_USERNAME: {{ (get $kafka.users .user).username | quote }}
KAFKA_SASL_PASSWORD_FILE: /etc/scorestream/kafka/password
{{- end }}
{{- if $kafka.ca.secret }}
KAFKA_SSL_CAFILE: /etc/scorestream/kafka/ca.crt
{{- end }}
{{- end }}

{{/* The password and the brokers' authority, as files of one folder. Takes root and user. */}}
{{- define "scorestream.kafka.secrets" -}}
{{- $kafka := .root.Values.kafka -}}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
{{- $user := get $kafka.users .user }}
- secret:
    name: {{ $user.secret }}
    items: [{key: {{ $user.key }}, path: password}]
{{- end }}
{{- if $kafka.ca.secret }}
- secret:
    name: {{ $kafka.ca.secret }}
    items: [{key: {{ $kafka.ca.key }}, path: ca.crt}]
{{- end }}
{{- end }}

{{- define "scorestream.kafka.mount" -}}
{{- if include "scorestream.kafka.secrets" . }}
- {name: kafka, mountPath: /etc/scorestream/kafka, readOnly: true}
{{- end }}
{{- end }}

{{- define "scorestream.kafka.volume" -}}
{{- with include "scorestream.kafka.secrets" . }}
- name: kafka
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- end }}

{{/* Room to write: the root file system is read-only. */}}
{{- define "scorestream.scratch.mount" -}}
- {name: scratch, mountPath: /tmp}
{{- end }}
{{- define "scorestream.scratch.volume" -}}
- name: scratch
  emptyDir: {sizeLimit: {{ .values.scratch | default "256Mi" }}}
{{- end }}

{{/* The volume that stands in for an object store. */}}
{{- define "scorestream.shared.mount" -}}
{{- if .root.Values.sharedVolume.enabled }}
- {name: shared, mountPath: /var/lib/scorestream, readOnly: {{ .readOnly | default false }}}
{{- end }}
{{- end }}
{{- define "scorestream.shared.volume" -}}
{{- if .root.Values.sharedVolume.enabled }}
- name: shared
  persistentVolumeClaim:
    claimName: {{ .root.Values.sharedVolume.existingClaim | default (include "scorestream.fullname" (dict "root" .root "name" "shared")) }}
{{- end }}
{{- end }}

{{/* Whether MLflow keeps its database or its artifacts on a volume of its own. */}}
{{- define "scorestream.mlflow.onVolume" -}}
{{- with .Values.mlflow }}{{ if not (and .database.secret .artifacts) }}yes{{ end }}{{ end }}
{{- end }}

{{/* Credentials of an object store that knows no pod identity: each name is a key of the secret. */}}
{{- define "scorestream.objectStore.env" -}}
{{- with .root.Values.objectStore }}
{{- if .secret }}
{{- range $name := .keys }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $.root.Values.objectStore.secret }}, key: {{ $name }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
A container's variables that are not in its ConfigMap. Of the dict: instance (the variable that carries the pod's
name), database (name, secret, key), objects (true: it works with an object store).
*/}}
{{- define "scorestream.env" -}}
{{- $parts := list -}}
{{- with .instance }}
{{- $parts = append $parts (printf "- name: %s\n  valueFrom: {fieldRef: {fieldPath: metadata.name}}" .) }}
{{- end }}
{{- with .database }}
{{- if .secret }}
{{- $parts = append $parts (printf "- name: %s\n  valueFrom:\n    secretKeyRef: {name: %s, key: %s}" .name .secret .key) }}
{{- end }}
{{- end }}
{{- if .objects }}{{ $parts = append $parts (include "scorestream.objectStore.env" . | trim) }}{{ end }}
{{- with compact $parts }}
env:
  {{- join "\n" . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A rolling update adds one pod before it takes one away. */}}
{{- define "scorestream.rolling" -}}
strategy:
  type: RollingUpdate
  rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- end }}

{{/* Changes with the component's ConfigMap, so that its pods start anew. */}}
{{- define "scorestream.checksum" -}}
checksum/config: {{ include (print .root.Template.BasePath "/" .file) .root | sha256sum }}
{{- end }}
