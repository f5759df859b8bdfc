//! What a kubelet and the controllers of Kubernetes would see to: a Pod for each Deployment, endpoints of Services, and
//! their addresses.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use serde_json::{Value, json};

use crate::servers::ApiServer;

/// What a Deployment wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) labels: BTreeMap<String, String>,
    /// Of its container, and for its proxy alone.
    pub(super) environment: BTreeMap<String, String>,
    /// Of its container, with their names.
    pub(super) ports: Vec<(String, u16)>,
    /// Whether its proxy is a gateway instead of a sidecar.
    pub(super) gateway: bool,
}

/// What every Deployment of a cluster wants, those without replicas aside.
pub(super) fn wanted(server: &ApiServer) -> Vec<Wanted> {
    items(server, "/apis/apps/v1/deployments").iter().filter(|it| it["spec"]["replicas"] != 0).map(of).collect()
}

fn of(deployment: &Value) -> Wanted {
    let template = &deployment["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let port = |port: &Value| (text(&port["name"]), number(&port["containerPort"]));
    let variable = |variable: &Value| (text(&variable["name"]), text(&variable["value"]));
    let mut environment: BTreeMap<String, String> = list(&container["env"]).iter().map(variable).collect();
    environment.extend(proxy_metadata(&template["metadata"]["annotations"]));
    Wanted {
        namespace: text(&deployment["metadata"]["namespace"]),
        name: text(&deployment["metadata"]["name"]),
        account: template["spec"]["serviceAccountName"].as_str().unwrap_or("default").to_owned(),
        labels: texts(&template["metadata"]["labels"]),
        environment,
        ports: list(&container["ports"]).iter().map(port).collect(),
        gateway: template["metadata"]["annotations"]["inject.istio.io/templates"] == "gateway",
    }
}

/// What the injector would take from the pod's own configuration of its proxy.
fn proxy_metadata(annotations: &Value) -> BTreeMap<String, String> {
    let Some(config) = annotations["proxy.istio.io/config"].as_str() else { return BTreeMap::new() };
    let config: Value = serde_saphyr::from_str(config).expect("the configuration of a proxy is YAML");
    texts(&config["proxyMetadata"])
}

impl Wanted {
    /// Whether its proxy answers what the pod asks of names; else the cluster's name server does.
    pub(super) fn captures_names(&self) -> bool {
        !self.gateway && self.environment.get("ISTIO_META_DNS_CAPTURE").is_none_or(|on| on == "true")
    }
}

/// Registers the node of a cluster.
pub(super) fn register_node(server: &ApiServer, name: &str, region: &str) {
    let labels = json!({"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": format!("{region}a")});
    create(server, "/api/v1/nodes", &json!({"metadata": {"name": name, "labels": labels}}));
}

/// Writes the Pod of a Deployment. Returns its token for istiod.
pub(super) fn register_pod(server: &ApiServer, pod: &Wanted, node: &str, address: Ipv4Addr) -> String {
    let Wanted { namespace, name, account, labels, .. } = pod;
    create(server, &format!("/api/v1/namespaces/{namespace}/serviceaccounts"), &json!({"metadata": {"name": account}}));
    let ports: Vec<Value> = pod.ports.iter().map(|(name, port)| json!({"name": name, "containerPort": port})).collect();
    let made = create(
        server,
        &format!("/api/v1/namespaces/{namespace}/pods"),
        &json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "nodeName": node,
                "serviceAccountName": account,
                "containers": [{"name": "app", "image": "app", "ports": ports}],
            },
        }),
    );
    let status = json!({"status": {
        "phase": "Running",
        "podIP": address.to_string(),
        "podIPs": [{"ip": address.to_string()}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }});
    let (code, answer) = server.patch(&format!("/api/v1/namespaces/{namespace}/pods/{name}/status"), &status);
    assert_eq!(code, 200, "{answer}");
    let request = json!({"spec": {
        "audiences": ["istio-ca"],
        "expirationSeconds": 43_200,
        "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": made["metadata"]["uid"]},
    }});
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let (code, answer) = server.create(&path, &request);
    assert_eq!(code, 201, "{answer}");
    text(&answer["status"]["token"])
}

/// Removes the Pod of a Deployment that is gone.
pub(super) fn remove_pod(server: &ApiServer, namespace: &str, name: &str) {
    let (code, answer) = server.delete(&format!("/api/v1/namespaces/{namespace}/pods/{name}?gracePeriodSeconds=0"));
    assert!(code == 200 || code == 404, "{answer}");
}

/// Where the Services of a cluster lead.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// From the address and port of a Service or a load balancer to those of a pod.
    pub(super) translations: BTreeMap<SocketAddrV4, SocketAddrV4>,
    /// The names of Services.
    pub(super) names: BTreeMap<String, Vec<Ipv4Addr>>,
}

/// Writes the EndpointSlice of each Service that selects pods, and says where Services lead.
pub(super) fn route(server: &ApiServer, node: &str, zone: &str, pods: &[(Wanted, Ipv4Addr)]) -> Routes {
    let mut routes = Routes::default();
    for service in items(server, "/api/v1/services") {
        let (namespace, name) = (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"]));
        let selector = texts(&service["spec"]["selector"]);
        let selected = |pod: &Wanted| {
            pod.namespace == namespace && selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
        };
        let behind: Vec<_> = pods.iter().filter(|(pod, _)| !selector.is_empty() && selected(pod)).collect();
        let addresses = addresses(&service);
        let known =
            if addresses.is_empty() { behind.iter().map(|(_, pod)| *pod).collect() } else { addresses[..1].to_vec() };
        routes.names.insert(format!("{name}.{namespace}.svc.cluster.local"), known);
        let ports = service["spec"]["ports"].as_array().cloned().unwrap_or_default();
        write_slice(server, &namespace, &name, node, zone, &ports, &behind);
        let Some((_, pod)) = behind.first() else { continue };
        for port in &ports {
            for &address in &addresses {
                let from = SocketAddrV4::new(address, number(&port["port"]));
                routes.translations.insert(from, SocketAddrV4::new(*pod, target(port)));
            }
        }
    }
    routes
}

/// Its own address and those of its load balancer; none of a headless one.
fn addresses(service: &Value) -> Vec<Ipv4Addr> {
    let balancers = service["status"]["loadBalancer"]["ingress"].as_array().cloned().unwrap_or_default();
    let all = [&service["spec"]["clusterIP"]].into_iter().chain(balancers.iter().map(|balancer| &balancer["ip"]));
    all.filter_map(|address| address.as_str()?.parse().ok()).collect()
}

fn write_slice(
    server: &ApiServer,
    namespace: &str,
    service: &str,
    node: &str,
    zone: &str,
    ports: &[Value],
    pods: &[&(Wanted, Ipv4Addr)],
) {
    let endpoints: Vec<Value> = pods
        .iter()
        .map(|(pod, address)| {
            json!({
                "addresses": [address.to_string()],
                "conditions": {"ready": true},
                "nodeName": node,
                "zone": zone,
                "targetRef": {"kind": "Pod", "name": pod.name, "namespace": pod.namespace},
            })
        })
        .collect();
    let ports: Vec<Value> =
        ports.iter().map(|port| json!({"name": port["name"], "port": target(port), "protocol": "TCP"})).collect();
    let slice = json!({
        "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    });
    let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
    create(server, &slices, &slice);
    // If it was there, with other pods.
    let (code, answer) = server.patch(&format!("{slices}/{service}"), &slice);
    assert_eq!(code, 200, "{answer}");
}

/// The port of the pod; named ones are not looked up.
fn target(port: &Value) -> u16 {
    if port["targetPort"].is_u64() { number(&port["targetPort"]) } else { number(&port["port"]) }
}

fn number(value: &Value) -> u16 {
    value.as_u64().and_then(|number| u16::try_from(number).ok()).expect("a port that an API server accepted")
}

/// Creates an object, unless it is there; returns it.
fn create(server: &ApiServer, collection: &str, object: &Value) -> Value {
    match server.create(collection, object) {
        (201, made) => made,
        (409, _) => server.get(&format!("{collection}/{}", text(&object["metadata"]["name"]))).1,
        (code, answer) => panic!("{}: {collection}: {code}: {answer}", server.name()),
    }
}

fn items(server: &ApiServer, path: &str) -> Vec<Value> {
    let (code, list) = server.get(path);
    assert_eq!(code, 200, "{list}");
    list["items"].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), text(value))).collect()
}
