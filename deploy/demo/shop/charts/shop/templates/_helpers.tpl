{{- define "shop.selector" -}}
app.kubernetes.io/name: shop
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "shop.labels" -}}
{{ include "shop.selector" . }}
app.kubernetes.io/version: {{ required "image.tag is missing: set it in values-<environment>.yaml" .Values.image.tag | quote }}
{{- end }}
