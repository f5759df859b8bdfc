{{/* The name of the chart, in labels. */}}
{{- define "mesh.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* The name of all objects. Short enough for what is put behind it. */}}
{{- define "mesh.fullname" -}}
{{- $name := include "mesh.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* What pods of a component are selected by; never changed, since Deployments cannot change it. */}}
{{- define "mesh.selector" -}}
app.kubernetes.io/name: {{ include "mesh.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The labels of every object of a component. */}}
{{- define "mesh.labels" -}}
{{ include "mesh.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: kubectl-mesh
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "mesh.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "mesh.webhookAccount" -}}
{{- $made := include "mesh.fullname" . }}
{{- default (ternary $made "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "mesh.syncAccount" -}}
{{- default (printf "%s-sync" (include "mesh.fullname" .)) .Values.sync.serviceAccount.name }}
{{- end }}

{{- define "mesh.tlsSecret" -}}
{{- default (printf "%s-tls" (include "mesh.fullname" .)) .Values.tls.secretName }}
{{- end }}

{{/* Whether the roles of a sync are needed here. */}}
{{- define "mesh.syncAccess" -}}
{{- if or .Values.sync.access .Values.sync.cluster }}true{{ end }}
{{- end }}

{{- define "mesh.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "mesh.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What the ServiceAccount admission would mount, but with a token of an hour. */}}
{{- define "mesh.tokenVolume" -}}
name: token
projected:
  defaultMode: 288 # 0440, which not every reader of YAML takes for octal
  sources:
    - serviceAccountToken:
        path: token
        expirationSeconds: 3600
    - configMap:
        name: kube-root-ca.crt
        items:
          - key: ca.crt
            path: ca.crt
    - downwardAPI:
        items:
          - path: namespace
            fieldRef:
              fieldPath: metadata.namespace
{{- end }}

{{- define "mesh.tokenMount" -}}
name: token
mountPath: /var/run/secrets/kubernetes.io/serviceaccount
readOnly: true
{{- end }}

{{/* Zones first, then hosts; a pod that fits nowhere evenly is better than none. */}}
{{- define "mesh.spread" -}}
{{- if .Values.topologySpreadConstraints }}
{{- toYaml .Values.topologySpreadConstraints }}
{{- else }}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "mesh.selector" (dict "root" $ "component" "webhook") | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where API servers find a path of the webhook. There is never a caBundle: it belongs to whoever has the certificate. */}}
{{- define "mesh.clientConfig" -}}
{{- if .root.Values.admission.url -}}
url: {{ printf "%s%s" (trimSuffix "/" .root.Values.admission.url) .path | quote }}
{{- else -}}
service:
  name: {{ include "mesh.fullname" .root }}
  namespace: {{ .root.Release.Namespace }}
  path: {{ .path }}
  port: 443
{{- end }}
{{- end }}

{{/* The cluster must come up, and the webhook start, without the webhook. With `closed`, In or NotIn, only Namespaces that
have the label of those that fail closed, or have it not. */}}
{{- define "mesh.namespaceSelector" -}}
{{- with .root.Values.admission }}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values:
      {{- concat (list "kube-system" "kube-public" "kube-node-lease" $.root.Release.Namespace) .excludedNamespaces | uniq | toYaml | nindent 6 }}
  {{- if $.closed }}
  {{- $label := splitList "=" .validating.failClosedLabel }}
  - key: {{ first $label }}
    operator: {{ $.closed }}
    values: [{{ last $label | quote }}]
  {{- end }}
{{- with .namespaceSelector.matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* What carries an identity. Pods do not: every rollout would be reviewed many times over. */}}
{{- define "mesh.workloadRules" -}}
- apiGroups: [apps]
  apiVersions: [v1]
  operations: [CREATE, UPDATE]
  resources: [deployments, statefulsets, daemonsets]
  scope: Namespaced
- apiGroups: [argoproj.io]
  apiVersions: [v1alpha1]
  operations: [CREATE, UPDATE]
  resources: [rollouts]
  scope: Namespaced
- apiGroups: [batch]
  apiVersions: [v1]
  operations: [CREATE, UPDATE]
  resources: [jobs, cronjobs]
  scope: Namespaced
{{- end }}

{{/* Metadata can be changed through the status of these. */}}
{{- define "mesh.statusRules" -}}
- apiGroups: [apps]
  apiVersions: [v1]
  operations: [UPDATE]
  resources: [deployments/status, statefulsets/status, daemonsets/status]
  scope: Namespaced
- apiGroups: [argoproj.io]
  apiVersions: [v1alpha1]
  operations: [UPDATE]
  resources: [rollouts/status]
  scope: Namespaced
- apiGroups: [batch]
  apiVersions: [v1]
  operations: [UPDATE]
  resources: [jobs/status, cronjobs/status]
  scope: Namespaced
{{- end }}

{{/* Annotations of both webhook configurations. */}}
{{- define "mesh.configurationAnnotations" -}}
{{- $annotations := .Values.admission.annotations }}
{{- if eq .Values.tls.mode "cert-manager" }}
{{- $annotations = merge (dict "cert-manager.io/inject-ca-from" (printf "%s/%s" .Release.Namespace (include "mesh.tlsSecret" .))) $annotations }}
{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whoever may break the glass passes without the webhook, also when it is down. The API server evaluates this itself. */}}
{{- define "mesh.notBreakGlass" -}}
- name: not-break-glass
  expression: "!authorizer.group('kubectl-mesh.io').resource('globalnames').check('breakglass').allowed()"
{{- end }}
