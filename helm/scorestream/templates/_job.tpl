{{/*
A job that Helm runs before an upgrade. Takes root, name, values, user, hook (when), arguments, and id (of the object).
Settings are spelled in the job itself and its service account is a hook too: at the first install nothing
else of the release exists yet.
*/}}
{{- define "scorestream.hook" -}}
helm.sh/hook: {{ .hook }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: {{ .delete }}
{{- end }}

{{- define "scorestream.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "scorestream.fullname" (dict "root" .root "name" .id) }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "scorestream.labels" . | nindent 4 }}
  annotations: {{- include "scorestream.hook" (dict "hook" .hook "weight" 0 "delete" "before-hook-creation,hook-succeeded") | nindent 4 }}
spec:
  backoffLimit: 3
  activeDeadlineSeconds: 240
  # A job that failed stays a day for its log, then goes by itself.
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels: {{- include "scorestream.labels" . | nindent 8 }}
    spec:
      {{- include "scorestream.pod" (merge (dict "name" .id) .) | nindent 6 }}
      restartPolicy: Never
      {{- if .before }}
      initContainers:
        {{- range $name, $arguments := .before }}
        - name: {{ $name }}
          {{- include "scorestream.job.container" (merge (dict "arguments" $arguments) $) | nindent 10 }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .main | default .name }}
          {{- include "scorestream.job.container" . | nindent 10 }}
      volumes:
        {{- include "scorestream.scratch.volume" . | nindent 8 }}
        {{- include "scorestream.kafka.volume" . | nindent 8 }}
{{- end }}

{{- define "scorestream.job.container" -}}
{{ include "scorestream.container" . }}
args:
  {{- range .arguments }}
  - {{ . | quote }}
  {{- end }}
env:
  {{- range $name, $value := include "scorestream.kafka.config" . | fromYaml }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  {{- range $name, $value := .env }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
volumeMounts:
  {{- include "scorestream.scratch.mount" . | nindent 2 }}
  {{- include "scorestream.kafka.mount" . | nindent 2 }}
{{- end }}

{{- define "scorestream.job.serviceaccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "scorestream.fullname" (dict "root" .root "name" .id) }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "scorestream.labels" . | nindent 4 }}
  annotations: {{- include "scorestream.hook" (dict "hook" .hook "weight" -5 "delete" "before-hook-creation,hook-succeeded,hook-failed") | nindent 4 }}
automountServiceAccountToken: false
{{- end }}
