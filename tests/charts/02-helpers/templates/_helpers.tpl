{{- define "helpers.name" -}}
{{- default .Chart.Name .Values.name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "helpers.labels" -}}
app.kubernetes.io/name: {{ include "helpers.name" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
