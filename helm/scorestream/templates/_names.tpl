{{/* Names and labels. Most take a dict: root (the chart's top context) and name (a component). */}}

{{/* What every object's name begins with. */}}
{{- define "scorestream.prefix" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if eq .Release.Name .Chart.Name -}}
{{ .Release.Name }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "scorestream.fullname" -}}
{{ include "scorestream.prefix" .root }}-{{ .name }}
{{- end }}

{{/* What never changes about a component's pods. */}}
{{- define "scorestream.selector" -}}
app.kubernetes.io/name: scorestream
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "scorestream.labels" -}}
{{ include "scorestream.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: scorestream
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* The image of a component: by digest where one is given, else by tag. Takes root and image (its values). */}}
{{- define "scorestream.image" -}}
{{- $shared := .root.Values.image -}}
{{- $repository := .image.repository -}}
{{- if $shared.registry -}}{{- $repository = printf "%s/%s" $shared.registry $repository -}}{{- end -}}
{{- if .image.digest -}}
{{ $repository }}@{{ .image.digest }}
{{- else -}}
{{ $repository }}:{{ .image.tag | default $shared.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Components that are switched on, by spaces. `training` is no object of this chart: Airflow starts its pods. */}}
{{- define "scorestream.components" -}}
{{- $v := .Values -}}
gateway ledger lag-exporter topics training
{{- range $lane, $set := $v.scorer.lanes }}{{ if $set.enabled }} scorer-{{ $lane }}{{ end }}{{ end }}
{{- if $v.features.enabled }} features{{ end }}
{{- if $v.archive.enabled }} archive{{ end }}
{{- if $v.mlflow.enabled }} mlflow{{ end }}
{{- if $v.model.version }} promotion{{ end }}
{{- end }}

{{/* Port of a component. */}}
{{- define "scorestream.port" -}}
{{- get (dict "gateway" 8000 "features" 8001 "scorer-sync" 8002 "scorer-batch" 8003 "ledger" 8004 "archive" 8005 "lag-exporter" 8006 "mlflow" 5000) . -}}
{{- end }}

{{/* Scheme and host of everything behind the Ingress, as browsers name it. */}}
{{- define "scorestream.ingress.origin" -}}
{{ ternary "https" "http" .Values.ingress.tls.enabled }}://{{ .Values.ingress.host }}
{{- end }}

{{/* Address of the registry: ours, under its path, or one that exists. */}}
{{- define "scorestream.mlflow.url" -}}
{{- if .Values.mlflow.enabled -}}
http://{{ include "scorestream.fullname" (dict "root" . "name" "mlflow") }}:5000{{ .Values.mlflow.path }}
{{- else -}}
{{ .Values.mlflow.externalUrl }}
{{- end -}}
{{- end }}
