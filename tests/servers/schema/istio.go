package main

import (
	"encoding/json"

	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pkg/config"
	istiovalidation "istio.io/istio/pkg/config/validation"
	"istio.io/istio/pkg/util/protomarshal"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"google.golang.org/protobuf/proto"
)

// istioKinds are the kinds that istiod's validating webhook is asked about here: those that we write.
var istioKinds = map[string]struct {
	spec     func() proto.Message
	validate istiovalidation.ValidateFunc
}{
	"ServiceEntry":    {func() proto.Message { return &networking.ServiceEntry{} }, istiovalidation.ValidateServiceEntry},
	"DestinationRule": {func() proto.Message { return &networking.DestinationRule{} }, istiovalidation.ValidateDestinationRule},
}

// istioValidation is what istiod's validating webhook would say.
func istioValidation(gvk schema.GroupVersionKind, meta *metav1.ObjectMeta, spec any) (errs, warnings []string) {
	kind, known := istioKinds[gvk.Kind]
	if gvk.Group != "networking.istio.io" || !known {
		return nil, nil
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return []string{"istiod: " + err.Error()}, nil
	}
	message := kind.spec()
	if err := protomarshal.ApplyJSONStrict(string(text), message); err != nil {
		return []string{"istiod: " + err.Error()}, nil
	}
	warning, err := kind.validate(config.Config{
		Meta: config.Meta{
			GroupVersionKind: config.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind},
			Name:             meta.Name,
			Namespace:        meta.Namespace,
			Labels:           meta.Labels,
			Annotations:      meta.Annotations,
		},
		Spec: message,
	})
	if err != nil {
		errs = append(errs, "istiod: "+err.Error())
	}
	if warning != nil {
		warnings = append(warnings, "istiod: "+warning.Error())
	}
	return errs, warnings
}
