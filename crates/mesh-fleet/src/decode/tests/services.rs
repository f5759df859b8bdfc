use mesh_model::facts::{GatewayService, Service, TargetPort};

use super::facts;

fn service(metadata: &str, spec: &str) -> Service {
    let text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: a, namespace: shop, {metadata}}}\nspec: {{{spec}}}\n"
    );
    facts(&text).services["shop"][0].clone()
}

#[test]
fn ports_keep_their_order_and_where_they_lead() {
    let ports = service(
        "",
        "ports: [{name: web, port: 80}, {port: 81, targetPort: 8081}, {port: 82, targetPort: http}, \
         {port: 83, targetPort: 0}, {port: 84, targetPort: '8084', protocol: UDP, appProtocol: grpc}, {port: 85, protocol: TCP}]",
    )
    .ports;
    let targets: Vec<_> = ports.iter().map(|port| (port.number, &port.target)).collect();
    assert_eq!(
        targets,
        [
            (80, &TargetPort::Unset),
            (81, &TargetPort::Number(8081)),
            (82, &TargetPort::Name("http".into())),
            (83, &TargetPort::Unset),
            (84, &TargetPort::Name("8084".into())),
            (85, &TargetPort::Unset),
        ]
    );
    assert_eq!((&*ports[0].name, &*ports[1].name), ("web", ""));
    assert_eq!(ports[4].app_protocol.as_deref(), Some("grpc"));
    assert_eq!(ports.iter().map(|port| port.not_tcp).collect::<Vec<_>>(), [false, false, false, false, true, false]);
}

#[test]
fn a_service_may_be_headless_external_or_ignored() {
    let plain = service("", "selector: {app: a, tier: b}");
    assert!(!plain.headless && !plain.external_name && !plain.ignored);
    assert_eq!(plain.selector.len(), 2);
    assert!(service("", "clusterIP: None").headless);
    assert!(service("", "type: ExternalName").external_name);
    assert!(service("annotations: {admiral.io/ignore: 'true'}", "").ignored);
    assert!(service("labels: {admiral.io/ignore: 'true'}", "").ignored);
    assert!(!service("labels: {admiral.io/ignore: 'false'}", "").ignored);
    assert!(service("", "selector: null").selector.is_empty());
}

#[test]
fn numbers_and_words_that_yaml_1_1_guesses_at_are_texts_in_labels() {
    let selector = service("", "selector: {a: yes, b: 0123, c: 1e3, d: 1.10, e: null, f: on}").selector;
    let values: Vec<_> = selector.iter().map(|(_, value)| &**value).collect();
    assert_eq!(values, ["yes", "0123", "1e3", "1.10", "", "on"]);
}

fn gateway(name: &str, app: &str, namespace: &str, rest: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {app}, \
         topology.istio.io/network: net1}}}}\n{rest}\n---\n"
    )
}

#[test]
fn gateways_are_in_the_order_of_their_apps_then_by_name() {
    let text = [
        gateway("b", "istio-ingressgateway", "istio-system", ""),
        gateway("z", "istio-eastwestgateway", "istio-system", ""),
        gateway("a", "istio-ingressgateway", "istio-system", ""),
        gateway("c", "other", "istio-system", ""),
        gateway("d", "istio-eastwestgateway", "shop", ""),
    ]
    .concat();
    let facts = facts(&text);
    let names: Vec<_> = facts.gateways.iter().map(|gateway| &*gateway.name).collect();
    assert_eq!(names, ["z", "a", "b"]);
    assert_eq!(facts.services["istio-system"].len(), 4, "a gateway is a Service too");
}

#[test]
fn a_gateway_s_addresses_are_read_as_they_are() {
    let spec =
        "spec: {externalIPs: [192.0.2.7], ports: [{port: 80, nodePort: 30080}, {port: 15443, nodePort: 31443}]}\n";
    let status = "status: {loadBalancer: {ingress: [{hostname: gw.example}, {ip: 192.0.2.8}]}}";
    let read =
        facts(&gateway("g", "istio-eastwestgateway", "istio-system", &format!("{spec}{status}"))).gateways.remove(0);
    assert_eq!(
        read,
        GatewayService {
            name: "g".into(),
            hostname: Some("gw.example".into()),
            ip: None,
            external_ip: Some("192.0.2.7".into()),
            node_port: Some(31443),
            ingresses: 2,
            network: Some("net1".into()),
        }
    );
    let pending =
        facts(&gateway("g", "istio-eastwestgateway", "istio-system", "status: {loadBalancer: {}}")).gateways.remove(0);
    assert_eq!((pending.hostname, pending.ip, pending.external_ip, pending.ingresses), (None, None, None, 0));
}
