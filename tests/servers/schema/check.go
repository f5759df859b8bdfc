package main

import (
	"context"
	"fmt"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	kjson "sigs.k8s.io/json"
)

// check says why an object would be refused, and what istiod would warn about. The order is the API server's for a
// strict create: unknown fields, defaults, metadata, schema, lists, rules; then istiod's webhook.
func (d definitions) check(text []byte) (errs, warnings []string) {
	object := map[string]any{}
	strict, err := kjson.UnmarshalStrict(text, &object)
	if err != nil {
		return []string{err.Error()}, nil
	}
	for _, err := range strict {
		errs = append(errs, err.Error())
	}
	gvk := (&unstructured.Unstructured{Object: object}).GroupVersionKind()
	definition, known := d[gvk]
	if !known {
		return append(errs, fmt.Sprintf("no CRD serves %s", gvk)), nil
	}
	meta, metaErrs := definition.metadata(object)
	errs = append(append(errs, metaErrs...), definition.body(object)...)
	if meta != nil {
		istioErrs, istioWarnings := istioValidation(gvk, meta, object["spec"])
		errs, warnings = append(errs, istioErrs...), istioWarnings
	}
	return errs, warnings
}

func (d definition) metadata(object map[string]any) (*metav1.ObjectMeta, []string) {
	meta, found, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{
		ReturnUnknownFieldPaths: true,
	})
	if err != nil {
		return nil, []string{err.Error()}
	}
	if !found {
		return nil, []string{"metadata: required"}
	}
	errs := unknownFields(unknown)
	path := field.NewPath("metadata")
	errs = append(errs, texts(metavalidation.ValidateObjectMeta(meta, d.namespaced, metavalidation.NameIsDNSSubdomain, path))...)
	return meta, errs
}

func (d definition) body(object map[string]any) []string {
	errs := unknownFields(pruning.PruneWithOptions(object, d.structural, true, structuralschema.UnknownFieldPathOptions{
		TrackUnknownFieldPaths: true,
	}))
	defaulting.PruneNonNullableNullsWithoutDefaults(object, d.structural)
	defaulting.Default(object, d.structural)
	errs = append(errs, texts(validation.ValidateCustomResource(nil, object, d.schema))...)
	errs = append(errs, texts(listtype.ValidateListSetsAndMaps(nil, d.structural, object))...)
	if d.rules != nil {
		broken, _ := d.rules.Validate(context.Background(), nil, d.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, texts(broken)...)
	}
	return errs
}

func unknownFields(paths []string) (errs []string) {
	for _, path := range paths {
		errs = append(errs, fmt.Sprintf("unknown field %q", path))
	}
	return errs
}

func texts(list field.ErrorList) (errs []string) {
	for _, err := range list {
		errs = append(errs, err.Error())
	}
	return errs
}
