//! What becomes of traffic: each mistake is found before it is pushed, and a trace breaks where it is. What proxies really do
//! with each is measured on a real mesh (docs/checks.md).

use std::fmt::Write as _;

use mesh_tests::TestEnv;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

use super::manifests::{dependency, deployment, namespace, service};
use super::ran;

const HOST: &str = "stage.checkout.global";
const CLIENT: &str = "c2/web/cart";

/// checkout runs in c1 and is called by cart in c2; both clusters have everything that a mesh has, and what is generated.
fn healthy() -> TestEnv {
    let env = unwritten();
    env.on_fleet(&["sync", "--yes"]).assert().success();
    env
}

/// The same before anything is generated.
fn unwritten() -> TestEnv {
    let env = TestEnv::new();
    let root = root("root", (2040, 1, 1));
    env.write("mesh.yaml", POLICY);
    for cluster in ["c1", "c2"] {
        env.write(&format!("{cluster}/istio.yaml"), &istio(cluster));
        env.write(&format!("{cluster}/root.yaml"), &bundle("istio-system", &root));
    }
    let ready = service("shop", "checkout", "checkout").replace(
        "---\napiVersion: v1\nkind: Service",
        "status: {readyReplicas: 1}\n---\napiVersion: v1\nkind: Service",
    );
    env.write("c1/shop.yaml", &(namespace("shop") + &ready));
    env.write(
        "c2/web.yaml",
        &(namespace("web") + &service("web", "cart", "cart") + &dependency("web", "cart", "cart", "checkout")),
    );
    env
}

const POLICY: &str = "\
apiVersion: kubectl-mesh.io/v1alpha1
kind: MeshPolicy
sans: serviceAccounts
fleet:
  members:
  - {name: c1, region: west}
  - {name: c2, region: east}
";

fn istio(cluster: &str) -> String {
    ISTIO.replace("CLUSTER", cluster)
}

const ISTIO: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: istio-system, labels: {topology.istio.io/network: CLUSTER-net}}
---
apiVersion: v1
kind: Service
metadata: {name: istio-eastwestgateway, namespace: istio-system, labels: {app: istio-eastwestgateway}}
spec: {selector: {istio: eastwestgateway}, ports: [{name: tls, port: 15443, targetPort: 15443}]}
status: {loadBalancer: {ingress: [{hostname: CLUSTER-gw.example}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-eastwestgateway, namespace: istio-system}
spec:
  replicas: 1
  template:
    metadata: {labels: {istio: eastwestgateway}}
    spec: {containers: [{name: istio-proxy, image: auto, env: [{name: ISTIO_META_REQUESTED_NETWORK_VIEW, value: CLUSTER-net}]}]}
status: {readyReplicas: 1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system}
spec:
  template:
    metadata: {labels: {app: istiod}}
    spec: {containers: [{name: discovery, image: 'docker.io/istio/pilot:1.30.2'}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: cluster.local
    defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - {port: {number: 15443, name: tls, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}, hosts: ['*.global']}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
";

/// A root in PEM that ends on a day.
fn root(name: &str, (year, month, day): (i32, u8, u8)) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_after = rcgen::date_time_ymd(year, month, day);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn bundle(namespace: &str, pem: &str) -> String {
    let data = json!({ "root-cert.pem": pem });
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio-ca-root-cert, namespace: {namespace}}}\ndata: {data}\n"
    )
}

/// A manifest of an Istio kind.
fn object(kind: &str, namespace: &str, spec: &str) -> String {
    let group = if matches!(kind, "PeerAuthentication" | "AuthorizationPolicy") { "security" } else { "networking" };
    format!(
        "apiVersion: {group}.istio.io/v1\nkind: {kind}\nmetadata: {{name: theirs, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

fn check(env: &TestEnv) -> Vec<(String, String)> {
    let said = ran(&mut env.on_fleet(&["check", "-o", "json"]));
    let document: Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}{}", said.stdout, said.stderr));
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let findings = document["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "severity"), text(finding, "name"))).collect()
}

/// The verdict of a trace, and the step that it calls broken.
fn trace(env: &TestEnv) -> (String, Option<String>) {
    let said = ran(&mut env.on_fleet(&["trace", CLIENT, HOST, "-o", "json"]));
    let document: Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}{}", said.stdout, said.stderr));
    let trace = &document["traces"][0];
    let ways = trace["ways"].as_array().unwrap().iter().flat_map(|way| way["hops"].as_array().unwrap());
    let mut hops = trace["hops"].as_array().unwrap().iter().chain(ways);
    let broken = hops.find(|hop| hop["state"] == "broken").map(|hop| hop["step"].as_str().unwrap().to_owned());
    (trace["verdict"].as_str().unwrap().to_owned(), broken)
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let env = healthy();
    assert_eq!(check(&env), []);
    assert_eq!(trace(&env), ("ok".to_owned(), None));
    let said = ran(&mut env.on_fleet(&["trace", CLIENT, HOST]));
    assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{}", said.stdout);
    let said = ran(&mut env.on_fleet(&["check"]));
    assert_eq!((said.code, &*said.stdout, &*said.stderr), (Some(0), "No findings in 2 clusters.\n", ""));
}

/// A mistake: where it is, what it says, the code that is found, and the step that a trace calls broken.
type Mistake = (&'static str, String, &'static str, Option<&'static str>);

#[test]
fn each_mistake_of_others_is_found_and_breaks_a_trace_where_it_is() {
    let hosts = format!("hosts: [{HOST}]");
    let routed = |host: &str, to: &str| {
        object(
            "VirtualService",
            "ops",
            &format!("{{hosts: ['{host}'], http: [{{route: [{{destination: {{host: {to}}}}}]}}]}}"),
        )
    };
    let rule = |spec: &str| object("DestinationRule", "web", &format!("{{host: {HOST}, trafficPolicy: {{{spec}}}}}"));
    let peer = |spec: &str| object("PeerAuthentication", "shop", spec);
    let access = |spec: &str| object("AuthorizationPolicy", "shop", spec);
    let from = |who: &str| format!("{{rules: [{{from: [{{source: {{principals: ['{who}']}}}}]}}]}}");
    let mistakes: Vec<Mistake> = vec![
        ("c2", routed(HOST, "other.ops.svc.cluster.local"), "host-diverted", Some("route")),
        ("c2", routed("*.global", "other.ops.svc.cluster.local"), "host-diverted", Some("route")),
        (
            "c2",
            object("VirtualService", "ops", &format!("{{{hosts}, http: [{{redirect: {{uri: /}}}}]}}")),
            "host-diverted",
            Some("route"),
        ),
        ("c2", routed(HOST, HOST), "host-routed", None),
        ("c2", rule("tls: {mode: DISABLE}"), "rule-tls", Some("rule")),
        ("c2", rule("tls: {mode: ISTIO_MUTUAL}"), "rule-replaced", None),
        ("c2", rule("loadBalancer: {simple: ROUND_ROBIN}"), "rule-replaced", None),
        (
            "c2",
            rule(
                "tls: {mode: ISTIO_MUTUAL}, loadBalancer: {localityLbSetting: {distribute: [{from: east/*, to: {north: 100}}]}}",
            ),
            "distribution-to-nowhere",
            Some("endpoints"),
        ),
        (
            "c2",
            rule("tls: {mode: ISTIO_MUTUAL}, loadBalancer: {localityLbSetting: {failover: [{from: east, to: west}]}}"),
            "no-failover",
            None,
        ),
        ("c2", object("Sidecar", "web", "{egress: [{hosts: ['./*']}]}"), "sidecar-hides", Some("entry")),
        ("c2", object("Sidecar", "istio-system", "{egress: [{hosts: ['./*']}]}"), "sidecar-hides", Some("entry")),
        ("c1", peer("{mtls: {mode: DISABLE}}"), "mtls-disabled", Some("authentication")),
        (
            "c1",
            peer("{selector: {matchLabels: {app: checkout}}, portLevelMtls: {'80': {mode: DISABLE}}}"),
            "mtls-disabled",
            Some("authentication"),
        ),
        ("c1", access(&from("cluster.local/ns/other/sa/other")), "caller-denied", Some("authorization")),
        ("c1", access(&from("spiffe://cluster.local/ns/web/sa/default")), "bad-principal", Some("authorization")),
        (
            "c1",
            access("{action: DENY, rules: [{from: [{source: {namespaces: [web]}}]}]}"),
            "caller-denied",
            Some("authorization"),
        ),
        ("c1", access("{}"), "caller-denied", Some("authorization")),
        (
            "c1",
            object(
                "ServiceEntry",
                "legacy",
                "{hosts: [stage.old.global], location: MESH_INTERNAL, resolution: DNS, ports: [{name: http, number: 80, protocol: HTTP}]}",
            ),
            "entry-leads-nowhere",
            None,
        ),
    ];
    let (env, before) = (healthy(), unwritten());
    for (cluster, text, code, step) in mistakes {
        let file = format!("{cluster}/theirs.yaml");
        before.write(&file, &text);
        let found = check(&before);
        assert!(found.iter().any(|(_, name)| name == code), "before the first sync: {code} in {found:?} of\n{text}");
        std::fs::remove_file(before.fleet().join(&file)).unwrap();
        env.write(&file, &text);
        let found = check(&env);
        assert!(found.iter().any(|(_, name)| name == code), "{code} in {found:?} of\n{text}");
        let (verdict, broken) = trace(&env);
        assert_eq!(broken.as_deref(), step, "{verdict} of\n{text}");
        assert_eq!(verdict == "broken", step.is_some(), "{verdict} of\n{text}");
        std::fs::remove_file(env.fleet().join(&file)).unwrap();
        assert_eq!(check(&env), [], "without it nothing is found:\n{text}");
    }
}

#[test]
fn policies_that_do_not_concern_the_client_are_not_found() {
    let env = healthy();
    for (cluster, text) in [
        ("c2", object("Sidecar", "other", "{egress: [{hosts: ['./*']}]}")),
        ("c2", object("Sidecar", "web", "{egress: [{hosts: ['./*', 'mesh-sync/*']}]}")),
        ("c2", object("Sidecar", "web", "{workloadSelector: {labels: {app: other}}, egress: [{hosts: ['./*']}]}")),
        (
            "c2",
            object(
                "VirtualService",
                "ops",
                &format!(
                    "{{hosts: [{HOST}], gateways: [ops/edge], http: [{{route: [{{destination: {{host: x}}}}]}}]}}"
                ),
            ),
        ),
        (
            "c2",
            object(
                "VirtualService",
                "ops",
                &format!("{{hosts: [{HOST}], exportTo: ['.'], http: [{{route: [{{destination: {{host: x}}}}]}}]}}"),
            ),
        ),
        (
            "c2",
            object("DestinationRule", "ops", &format!("{{host: {HOST}, trafficPolicy: {{tls: {{mode: DISABLE}}}}}}")),
        ),
        ("c1", object("PeerAuthentication", "shop", "{selector: {matchLabels: {app: other}}, mtls: {mode: DISABLE}}")),
        (
            "c1",
            object(
                "PeerAuthentication",
                "shop",
                "{selector: {matchLabels: {app: checkout}}, portLevelMtls: {'81': {mode: DISABLE}}}",
            ),
        ),
        (
            "c1",
            object(
                "AuthorizationPolicy",
                "shop",
                "{rules: [{from: [{source: {principals: ['cluster.local/ns/web/sa/*']}}]}]}",
            ),
        ),
        (
            "c1",
            object("AuthorizationPolicy", "shop", "{action: DENY, rules: [{from: [{source: {namespaces: [other]}}]}]}"),
        ),
        (
            "c1",
            object(
                "ServiceEntry",
                "legacy",
                "{hosts: [db.example.com], ports: [{name: tcp, number: 5432, protocol: TCP}]}",
            ),
        ),
    ] {
        let file = format!("{cluster}/theirs.yaml");
        env.write(&file, &text);
        assert_eq!(check(&env), [], "{text}");
        assert_eq!(trace(&env), ("ok".to_owned(), None), "{text}");
        std::fs::remove_file(env.fleet().join(&file)).unwrap();
    }
}

#[test]
fn each_mistake_of_a_mesh_s_set_up_is_found() {
    let old = "hosts: ['*.global']";
    for (cluster, from, to, code, step) in [
        ("c1", old, "hosts: ['*.mesh']", "gateway-closed", Some("sni")),
        ("c1", old, "hosts: ['*']", "gateway-open", None),
        ("c1", "AUTO_PASSTHROUGH", "PASSTHROUGH", "gateway-closed", Some("sni")),
        ("c1", "number: 15443", "number: 15444", "gateway-closed", Some("sni")),
        (
            "c1",
            "  selector: {istio: eastwestgateway}",
            "  selector: {istio: ingressgateway}",
            "gateway-closed",
            Some("sni"),
        ),
        ("c1", "  replicas: 1\n", "  replicas: 2\n", "", None),
        ("c1", "readyReplicas: 1", "readyReplicas: 0", "gateway-not-ready", Some("gateway")),
        (
            "c1",
            "hostname: c1-gw.example}",
            "hostname: c1-gw.example}, {hostname: c1-b.example}",
            "several-addresses",
            None,
        ),
        ("c1", "mode: STRICT", "mode: PERMISSIVE", "mtls-permissive", None),
        ("c2", "_CAPTURE: 'true'", "_CAPTURE: 'false'", "no-dns-capture", None),
        ("c2", "pilot:1.30.2", "pilot:1.27.9", "version-skew", None),
        ("c2", "c2-net}", "c1-net}", "one-network", None),
        ("c1", "trustDomain: cluster.local", "trustDomain: other.local", "trust-domain", Some("trust")),
    ] {
        let env = healthy();
        let text = istio(cluster);
        assert!(text.contains(from), "{from}");
        env.write(&format!("{cluster}/istio.yaml"), &text.replace(from, to));
        let found = check(&env);
        let is_found = if code.is_empty() { found.is_empty() } else { found.iter().any(|(_, name)| name == code) };
        assert!(is_found, "{code:?} in {found:?} after {from} became {to}");
        assert_eq!(trace(&env).1.as_deref(), step, "{from} became {to}");
    }
}

#[test]
fn a_gateway_of_two_that_serve_in_turn_must_ask_for_its_own_network() {
    let env = healthy();
    env.write("c2/shop.yaml", &(namespace("shop") + &service("shop", "checkout", "checkout")));
    env.on_fleet(&["sync", "--yes"]).assert().success();
    assert_eq!(check(&env), []);
    env.write("c1/istio.yaml", &istio("c1").replace("value: c1-net}", "value: ''}"));
    assert_eq!(check(&env), [("warning".to_owned(), "network-view".to_owned())]);
}

#[test]
fn roots_that_differ_end_or_do_not_read_are_found() {
    let good = root("root", (2040, 1, 1));
    let other = root("root", (2040, 1, 1));
    let both = format!("{good}{other}");
    let soon = root("root", (2026, 3, 20));
    let over = root("root", (2026, 1, 1));
    let with = |c1: &str, c2: &str| {
        let env = healthy();
        env.write("c1/root.yaml", &bundle("istio-system", c1));
        env.write("c2/root.yaml", &bundle("istio-system", c2));
        (check(&env), trace(&env).1)
    };
    let found = |severity: &str, name: &str| (severity.to_owned(), name.to_owned());
    assert_eq!(with(&good, &good), (vec![], None));
    assert_eq!(with(&good, &other), (vec![found("error", "different-roots")], Some("trust".to_owned())));
    assert_eq!(with(&good, &both), (vec![found("warning", "roots-differ")], None), "a rotation");
    assert_eq!(with(&both, &both), (vec![], None));
    assert_eq!(with(&soon, &soon).0, vec![found("warning", "root-expires"); 2]);
    assert_eq!(with(&over, &over).0, vec![found("error", "root-expires"); 2]);
    for bad in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &good[..200]] {
        let (findings, broken) = with(&good, bad);
        assert_eq!(findings, vec![found("error", "bad-roots")], "{bad:?}");
        assert_eq!(broken, None, "what cannot be read is unknown: {bad:?}");
    }
    let env = healthy();
    env.write("c1/more.yaml", &bundle("shop", &other));
    assert!(check(&env).contains(&found("warning", "roots-differ")), "namespaces of one cluster differ");
}

#[test]
fn what_does_not_read_is_found_and_never_called_right() {
    let env = healthy();
    for (cluster, kind, spec) in [
        ("c1", "Gateway", "{servers: x}"),
        ("c1", "Gateway", "{servers: [{port: {number: 70000}}]}"),
        ("c2", "Sidecar", "{egress: [{hosts: [1]}]}"),
        ("c1", "PeerAuthentication", "{mtls: 5}"),
        ("c1", "AuthorizationPolicy", "{rules: {}}"),
        ("c2", "VirtualService", "{hosts: [stage.checkout.global], http: [1]}"),
        ("c2", "VirtualService", "{hosts: [stage.checkout.global], http: [{route: x}]}"),
        ("c2", "DestinationRule", "{host: stage.checkout.global, trafficPolicy: x}"),
    ] {
        let file = format!("{cluster}/theirs.yaml");
        env.write(&file, &object(kind, "ops", spec));
        let found = check(&env);
        assert_eq!(found, [("error".to_owned(), "unreadable-spec".to_owned())], "{kind} {spec}");
        // A rule of a namespace that is nobody's counts for nobody.
        let wanted = if kind == "DestinationRule" { "ok" } else { "unknown" };
        assert_eq!(trace(&env).0, wanted, "{kind} {spec}");
        std::fs::remove_file(env.fleet().join(&file)).unwrap();
    }
    for (kind, spec) in [("Gateway", "[]"), ("Sidecar", "text")] {
        env.write("c2/theirs.yaml", &object(kind, "ops", spec));
        assert!(check(&env).contains(&("error".to_owned(), "unreadable-object".to_owned())), "{kind} {spec}");
        let plan = ran(&mut env.on_fleet(&["plan"]));
        assert_eq!(plan.code, Some(0), "nothing that is generated depends on it: {}", plan.stdout);
    }
}

#[test]
fn large_objects_are_looked_through() {
    let env = healthy();
    let mut hosts = String::new();
    for number in 0..5_000 {
        let _ = write!(hosts, "'h{number}.global', ");
    }
    env.write("c1/theirs.yaml", &object("Gateway", "istio-system", &format!("{{selector: {{istio: eastwestgateway}}, servers: [{{port: {{number: 15443, protocol: TLS}}, tls: {{mode: AUTO_PASSTHROUGH}}, hosts: [{hosts}]}}]}}")));
    let routes: Vec<String> = (0..1_000).map(|_| format!("{{route: [{{destination: {{host: {HOST}}}}}]}}")).collect();
    env.write(
        "c2/theirs.yaml",
        &object("VirtualService", "ops", &format!("{{hosts: [{HOST}], http: [{}]}}", routes.join(", "))),
    );
    env.write(
        "c2/sidecar.yaml",
        &object("Sidecar", "web", &format!("{{egress: [{{hosts: ['*/*', {}]}}]}}", hosts.replace("'h", "'*/h"))),
    );
    assert_eq!(check(&env), [("info".to_owned(), "host-routed".to_owned())]);
    assert_eq!(trace(&env), ("ok".to_owned(), None));
}

#[test]
fn any_workload_may_be_the_client_of_a_trace() {
    let env = healthy();
    let other = |extra: &str| {
        let labels = "metadata: {labels: {app: report}}";
        let manifest = |kind: &str, spec: &str| {
            format!(
                "---\napiVersion: batch/v1\nkind: {kind}\nmetadata: {{name: report, namespace: ops}}\nspec: {spec}\n"
            )
        };
        let template = format!("{{template: {{{labels}, spec: {{serviceAccountName: report}}}}}}");
        namespace("ops") + &manifest("CronJob", &format!("{{jobTemplate: {{spec: {template}}}}}")) + extra
    };
    let followed = |client: &str, name: &str| ran(&mut env.on_fleet(&["trace", client, name, "-o", "json"]));
    env.write("c2/ops.yaml", &other(""));
    let said = followed("ops/report", HOST);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    let trace = serde_json::from_str::<Value>(&said.stdout).unwrap()["traces"][0].clone();
    assert_eq!((&trace["client"]["kind"], &trace["client"]["identity"]), (&json!("CronJob"), &Value::Null), "{trace}");
    assert_eq!(trace["verdict"], "ok", "{trace}");
    // Two kinds of one name are told apart.
    env.write("c2/ops.yaml", &other("---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: report, namespace: ops}\nspec: {template: {metadata: {annotations: {sidecar.istio.io/inject: 'false'}}}}\n"));
    let said = followed("ops/report", HOST);
    assert_eq!(said.code, Some(2), "{}", said.stdout);
    assert!(
        said.stderr.contains("c2/ops/cronjob/report") && said.stderr.contains("c2/ops/daemonset/report"),
        "{}",
        said.stderr
    );
    let said = followed("ops/daemonset/report", HOST);
    assert_eq!(said.code, Some(1), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("it gets no sidecar"), "{}", said.stdout);
    // Where the name is not, no Dependency can bring it.
    env.write("c1/more.yaml", &(namespace("more") + &service("more", "other", "other")));
    let said = followed("ops/cronjob/report", "other");
    assert!(said.stdout.contains("which carries no identity"), "{}{}", said.stdout, said.stderr);
}

#[test]
fn a_trace_asks_for_one_client_and_a_name_that_somebody_serves() {
    let env = healthy();
    let said = |args: &[&str]| ran(&mut env.on_fleet(&[&["trace"], args].concat()));
    for (args, code, words) in [
        (&["c2/web/nobody", HOST][..], 1, "no workload is \"c2/web/nobody\""),
        (&["cart", "nobody"], 1, "is no identity, global name"),
        (&["", HOST], 1, "no workload"),
        (&["cart"], 2, "<NAME>"),
    ] {
        let said = said(args);
        assert_eq!(said.code, Some(code), "{args:?}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(words), "{args:?}: {}", said.stderr);
    }
    env.write("c2/other.yaml", &(namespace("other") + &deployment("other", "cart", "cart")));
    let several = said(&["cart", HOST]);
    assert_eq!(several.code, Some(2));
    assert!(several.stderr.contains("c2/other/deployment/cart, c2/web/deployment/cart"), "{}", several.stderr);
    // What is wrong at the client ends it there; a server that is down ends it there.
    env.write(
        "c1/shop.yaml",
        &(namespace("shop")
            + &service("shop", "checkout", "checkout").replace(
                "spec:\n  selector: {matchLabels",
                "status: {readyReplicas: 0}\nspec:\n  replicas: 2\n  selector: {matchLabels",
            )),
    );
    assert_eq!(trace(&env).1.as_deref(), Some("pods"));
    assert!(check(&env).contains(&("warning".to_owned(), "nobody-ready".to_owned())));
}
