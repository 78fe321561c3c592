{{- define "pilothouse.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "pilothouse.fullname" -}}
{{- $name := include "pilothouse.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- /* A name for cluster-scoped objects, (list $ "receiver"): releases in two namespaces must not share them. */ -}}
{{- define "pilothouse.clusterName" -}}
{{- $root := index . 0 -}}
{{- printf "%s-%s.%s" (include "pilothouse.fullname" $root) (index . 1) $root.Release.Namespace -}}
{{- end }}

{{- define "pilothouse.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "pilothouse.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pilothouse
{{- end }}

{{- /* Selects the pods of one part: (list $ "receiver"). Never changes, since selectors cannot. */ -}}
{{- define "pilothouse.selector" -}}
app.kubernetes.io/name: {{ include "pilothouse.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "pilothouse.image" -}}
{{- $image := .image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .default }}
{{- end -}}
{{- end }}

{{- define "pilothouse.ownValkey" -}}
{{- if not (or .Values.redis.url .Values.redis.existingSecret) }}true{{ end -}}
{{- end }}

{{- define "pilothouse.namespaces" -}}
{{- prepend .Values.namespaces .Release.Namespace | uniq | join "," -}}
{{- end }}

{{- define "pilothouse.env" -}}
- name: PILOTHOUSE_NAMESPACES
  value: {{ include "pilothouse.namespaces" . | quote }}
- name: PILOTHOUSE_INSTALLATION
  value: {{ .Values.installation | quote }}
{{- if .Values.redis.existingSecret }}
- name: PILOTHOUSE_REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.redis.existingSecret }}, key: url}}
{{- else if .Values.redis.url }}
- name: PILOTHOUSE_REDIS_URL
  value: {{ .Values.redis.url | quote }}
{{- else }}
{{- $address := printf "%s-valkey.%s.svc:6379/0" (include "pilothouse.fullname" .) .Release.Namespace }}
{{- if .Values.valkey.passwordSecret }}
{{- include "pilothouse.valkeyPassword" . }}
- name: PILOTHOUSE_REDIS_URL
  value: redis://:$(VALKEY_PASSWORD)@{{ $address }}
{{- else }}
- name: PILOTHOUSE_REDIS_URL
  value: redis://{{ $address }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: PILOTHOUSE_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "pilothouse.valkeyPassword" }}
- name: VALKEY_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.valkey.passwordSecret }}, key: password}}
{{- end }}

{{- /* The restricted Pod Security Standard, and one user for all files. */ -}}
{{- define "pilothouse.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "pilothouse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "pilothouse.placement" -}}
{{- $root := index . 0 }}{{ $part := index . 1 }}{{ $values := index . 2 -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {{ include "pilothouse.selector" (list $root $part) | fromYaml | toJson }}}
{{- with $values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}
