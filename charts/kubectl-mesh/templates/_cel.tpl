{{/* Who judges and marks: `webhook` or `cel` is part of this engine. Empty where it is not. */}}
{{- define "mesh.hasWebhook" -}}
{{- if ne .Values.admission.engine "cel" }}true{{ end }}
{{- end }}

{{- define "mesh.hasCel" -}}
{{- if ne .Values.admission.engine "webhook" }}true{{ end }}
{{- end }}

{{/* In which version this server has MutatingAdmissionPolicies. Empty: it has none. */}}
{{- define "mesh.cel.marksVersion" -}}
{{- $has := .Capabilities.APIVersions }}
{{- if and (include "mesh.hasCel" .) .Values.admission.mutating.enabled }}
{{- if $has.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
admissionregistration.k8s.io/v1
{{- else if $has.Has "admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy" -}}
admissionregistration.k8s.io/v1beta1
{{- end }}
{{- end }}
{{- end }}

{{/* The first of some texts that is not empty. JSON's literals are CEL's, too: nothing in a value ends one. */}}
{{- define "mesh.cel.first" -}}
([{{ join ", " .of }}].filter(text, text != '') + [{{ toJson .default }}])[0]
{{- end }}

{{/* A name in a sentence, as the webhook writes it: quoted, plain, and not too long for it. */}}
{{- define "mesh.cel.quoted" -}}
'"' + [{{ . }}].map(text, size(text) <= 120 ? text : text.substring(0, 78) + '...' + text.substring(size(text) - 39))[0]
.split('').map(one, one.matches('^[ -~]$') ? one : '?').join('') + '"'
{{- end }}

{{/* Variables of `object` or `oldObject`: its template, what is read of it, and the identity. Kinds have different schemas, or none,
so that nothing is known of their types; what is no map is as good as not there, and `Reads` says so. */}}
{{- define "mesh.cel.object" -}}
{{- $object := .object }}
{{- $variables := printf "variables.%s" $object }}
{{- $keys := .root.Values.admission.cel.keys }}
- name: {{ $object }}Template
  expression: >-
    {{ $object }} == null ? null :
    request.kind.kind == 'CronJob' ? dyn({{ $object }}).?spec.?jobTemplate.?spec.?template.orValue(null) :
    dyn({{ $object }}).?spec.?template.orValue(null)
- name: {{ $object }}Meta
  expression: "type({{ $variables }}Template) == map ? {{ $variables }}Template.?metadata.orValue(null) : null"
- name: {{ $object }}Reads
  expression: >-
    ({{ $variables }}Template == null || type({{ $variables }}Template) == map)
    && ({{ $variables }}Meta == null || (type({{ $variables }}Meta) == map
    && [{{ $variables }}Meta.?labels.orValue(null), {{ $variables }}Meta.?annotations.orValue(null)]
    .all(pairs, pairs == null || (type(pairs) == map && pairs.all(key, type(pairs[key]) == string)))))
{{- range $map := list "labels" "annotations" }}
- name: {{ $object }}{{ title $map }}
  expression: >-
    {{ $variables }}Reads && {{ $variables }}Meta != null && {{ $variables }}Meta.?{{ $map }}.orValue(null) != null
    ? {{ $variables }}Meta.{{ $map }} : {}
- name: {{ $object }}Own{{ title $map }}
  expression: "{{ $object }} == null ? {} : dyn({{ $object }}).metadata.?{{ $map }}.orValue({})"
{{- end }}
- name: {{ $object }}Identity
  expression: >-
    {{ include "mesh.cel.first" (dict "default" "" "of" (list
      (printf "%sLabels[?%s].orValue('')" $variables (toJson $keys.identity))
      (printf "%sAnnotations[?%s].orValue('')" $variables (toJson $keys.identity))
    )) }}
{{- end }}

{{/* What is told of a workload by both policies: whether it is deployed, and its global name, empty where it has none that is legal. */}}
{{- define "mesh.cel.variables" -}}
{{- $env := toJson .Values.admission.cel.keys.env }}
{{ include "mesh.cel.object" (dict "root" . "object" "object") }}
{{ include "mesh.cel.object" (dict "root" . "object" "oldObject") }}
- name: env
  expression: >-
    {{ include "mesh.cel.first" (dict "default" "default" "of" (list
      (printf "variables.objectAnnotations[?%s].orValue('')" $env)
      (printf "variables.objectLabels[?%s].orValue('')" $env)
      "variables.objectLabels[?'env'].orValue('')"
      "request.namespace.contains('-') ? request.namespace.substring(request.namespace.lastIndexOf('-') + 1) : ''"
    )) }}
# The sign of Kelvin is the only one that becomes an ASCII letter in lower case.
- name: host
  expression: >-
    [variables.env + '.' + variables.objectIdentity + {{ printf ".%s" .Values.admission.cel.suffix | toJson }}]
    .map(host, variables.objectAnnotations[?'admiral.io/cname-case-sensitive'].orValue('') == 'true'
    ? host : host.lowerAscii().replace('\u212a', 'k'))[0]
- name: name
  expression: >-
    variables.objectIdentity != '' && size(variables.host) <= 242
    && variables.host.matches('^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?[.])+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$')
    ? variables.host : ''
{{- end }}

{{/* The patch of our marks in one place: `at` it, with its maps as they are and were. A value that the old object had is ours, and follows
the name; one that the request brings is its author's. A label cannot be worked out without sha-256: one of another identity goes. */}}
{{- define "mesh.cel.marks" -}}
{{- $now := printf "variables.object%s" .maps }}
{{- $before := printf "variables.oldObject%s" .maps }}
- patchType: JSONPatch
  jsonPatch:
    expression: >-
      !variables.reads{{ with .unless }} || {{ . }}{{ end }} ? [] :
      !('kubectl-mesh.io/global-name' in {{ $now }}Annotations) ? (variables.name == '' ? [] :
      size({{ $now }}Annotations) == 0
      ? [JSONPatch{op: 'add', path: {{ .at }} + '/annotations', value: {'kubectl-mesh.io/global-name': variables.name}}]
      : [JSONPatch{op: 'add', path: {{ .at }} + '/annotations/' + jsonpatch.escapeKey('kubectl-mesh.io/global-name'), value: variables.name}]) :
      {{ $now }}Annotations[?'kubectl-mesh.io/global-name'] != {{ $before }}Annotations[?'kubectl-mesh.io/global-name'] ? [] :
      variables.name == ''
      ? [JSONPatch{op: 'remove', path: {{ .at }} + '/annotations/' + jsonpatch.escapeKey('kubectl-mesh.io/global-name')}] :
      {{ $now }}Annotations['kubectl-mesh.io/global-name'] != variables.name
      ? [JSONPatch{op: 'replace', path: {{ .at }} + '/annotations/' + jsonpatch.escapeKey('kubectl-mesh.io/global-name'), value: variables.name}] : []
- patchType: JSONPatch
  jsonPatch:
    expression: >-
      variables.reads{{ with .unless }} && !({{ . }}){{ end }} && 'kubectl-mesh.io/identity' in {{ $now }}Labels
      && {{ $now }}Labels[?'kubectl-mesh.io/identity'] == {{ $before }}Labels[?'kubectl-mesh.io/identity']
      && (variables.name == '' || variables.objectIdentity != variables.oldObjectIdentity)
      ? [JSONPatch{op: 'remove', path: {{ .at }} + '/labels/' + jsonpatch.escapeKey('kubectl-mesh.io/identity')}] : []
{{- end }}
