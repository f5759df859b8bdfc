// Command mesh-probe asks an istiod for all that a proxy of some identity would get, and prints it as JSON:
//
//	mesh-probe -address 127.0.0.1:15010 -kind sidecar -namespace shop -cluster c1 -region us-west-2 [-host HOST]
//	{"clusters": […], "endpoints": […], "listeners": […], "routes": […]}
//
// The resources are Envoy's own, in protobuf's JSON. The proxy need not exist: istiod's plaintext port asks for no
// certificate. It speaks the aggregated discovery service of Envoy's xDS protocol, state of the world.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	connections "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	_ "istio.io/istio/pkg/config/xds" // registers Envoy's extension types, so that they can be printed
)

const (
	clusters  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	endpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	listeners = "type.googleapis.com/envoy.config.listener.v3.Listener"
	routes    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

	// longest is how long all four answers may take.
	longest = 20 * time.Second
	// largest is the largest answer that is taken, in bytes.
	largest = 64 << 20
)

// proxy is who asks.
type proxy struct {
	kind, namespace, cluster, address, region, network, view string
	labels                                                   map[string]any
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mesh-probe:", err)
		os.Exit(1)
	}
}

func run(arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("mesh-probe", flag.ContinueOnError)
	var who proxy
	var server, labels, host string
	flags.StringVar(&server, "address", "127.0.0.1:15010", "istiod's plaintext port")
	flags.StringVar(&who.kind, "kind", "sidecar", "sidecar or router")
	flags.StringVar(&who.namespace, "namespace", "default", "the proxy's namespace")
	flags.StringVar(&who.cluster, "cluster", "Kubernetes", "the proxy's cluster")
	flags.StringVar(&who.address, "ip", "10.0.0.250", "the proxy's address")
	flags.StringVar(&who.region, "region", "", "the proxy's region, or region/zone")
	flags.StringVar(&who.network, "network", "", "the proxy's network")
	flags.StringVar(&who.view, "view", "", "the only network whose endpoints a gateway asks for")
	flags.StringVar(&labels, "labels", "", "the pod's labels: k=v,k=v")
	flags.StringVar(&host, "host", "", "print only what mentions this host")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	who.labels = map[string]any{}
	for pair := range strings.SplitSeq(labels, ",") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			who.labels[key] = value
		}
	}
	answers, err := ask(server, who)
	if err != nil {
		return err
	}
	printed := map[string][]json.RawMessage{}
	for name, resources := range answers {
		printed[name] = []json.RawMessage{}
		for _, resource := range resources {
			text, err := protojson.Marshal(resource)
			if err != nil {
				return err
			}
			if strings.Contains(string(text), host) {
				printed[name] = append(printed[name], text)
			}
		}
	}
	return json.NewEncoder(out).Encode(printed)
}

// ask has one conversation: clusters and listeners, then what these name.
func ask(server string, who proxy) (map[string][]*anypb.Any, error) {
	node, err := who.node()
	if err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient(server, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largest)))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		return nil, err
	}
	get := func(kind string, names ...string) ([]*anypb.Any, error) {
		if err := stream.Send(&discovery.DiscoveryRequest{Node: node, TypeUrl: kind, ResourceNames: names}); err != nil {
			return nil, err
		}
		for {
			answer, err := stream.Recv()
			if err != nil {
				return nil, err
			}
			// istiod may send again what was asked before: everything is acknowledged, as a proxy does.
			acknowledged := &discovery.DiscoveryRequest{TypeUrl: answer.TypeUrl, VersionInfo: answer.VersionInfo, ResponseNonce: answer.Nonce}
			if answer.TypeUrl == kind {
				acknowledged.ResourceNames = names
			}
			if err := stream.Send(acknowledged); err != nil {
				return nil, err
			}
			if answer.TypeUrl == kind {
				return answer.Resources, nil
			}
		}
	}
	found := map[string][]*anypb.Any{"endpoints": nil, "routes": nil}
	if found["clusters"], err = get(clusters); err != nil {
		return nil, err
	}
	if found["listeners"], err = get(listeners); err != nil {
		return nil, err
	}
	named, err := namedEndpoints(found["clusters"])
	if err == nil && len(named) > 0 {
		found["endpoints"], err = get(endpoints, named...)
	}
	if err != nil {
		return nil, err
	}
	named, err = namedRoutes(found["listeners"])
	if err == nil && len(named) > 0 {
		found["routes"], err = get(routes, named...)
	}
	return found, err
}

// node is how the proxy introduces itself: the shape is pilot-agent's.
func (who proxy) node() (*core.Node, error) {
	if who.kind != "sidecar" && who.kind != "router" {
		return nil, errors.New("-kind is sidecar or router")
	}
	metadata := map[string]any{
		"NAMESPACE": who.namespace, "CLUSTER_ID": who.cluster, "NETWORK": who.network, "INSTANCE_IPS": who.address,
		"LABELS": who.labels, "ISTIO_VERSION": "1.32.0",
	}
	if who.view != "" {
		metadata["REQUESTED_NETWORK_VIEW"] = who.view
	}
	fields, err := structpb.NewStruct(metadata)
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%s~%s~probe.%s~%s.svc.cluster.local", who.kind, who.address, who.namespace, who.namespace)
	node := &core.Node{Id: id, Metadata: fields}
	if region, zone, _ := strings.Cut(who.region, "/"); region != "" {
		node.Locality = &core.Locality{Region: region, Zone: zone}
	}
	return node, nil
}

// namedEndpoints are the clusters whose endpoints are asked for apart.
func namedEndpoints(resources []*anypb.Any) ([]string, error) {
	var names []string
	for _, resource := range resources {
		found := &cluster.Cluster{}
		if err := resource.UnmarshalTo(found); err != nil {
			return nil, err
		}
		if found.GetType() == cluster.Cluster_EDS {
			names = append(names, found.Name)
		}
	}
	return names, nil
}

// namedRoutes are the route configurations that listeners ask for.
func namedRoutes(resources []*anypb.Any) ([]string, error) {
	seen := map[string]bool{}
	var names []string
	for _, resource := range resources {
		found := &listener.Listener{}
		if err := resource.UnmarshalTo(found); err != nil {
			return nil, err
		}
		for _, chain := range append(found.FilterChains, found.DefaultFilterChain) {
			for _, filter := range chain.GetFilters() {
				manager := &connections.HttpConnectionManager{}
				if filter.GetTypedConfig() == nil || !filter.GetTypedConfig().MessageIs(manager) {
					continue
				}
				if err := filter.GetTypedConfig().UnmarshalTo(manager); err != nil {
					return nil, err
				}
				name := manager.GetRds().GetRouteConfigName()
				if name != "" && !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	return names, nil
}
