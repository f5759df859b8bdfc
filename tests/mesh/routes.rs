//! Requests arrive, encrypted from workload to workload, and nothing else does.

use std::net::SocketAddr;
use std::thread;

use mesh_testkit::rig::{Pod, Rig, Who, knock, speak_plainly};

use crate::Test;
use crate::fleet::{DRAINED, Fleet};

pub(crate) const TESTS: &[Test] = &[
    ("routes::one_source_and_one_client", one_source_and_one_client),
    ("routes::strangers_are_refused_at_the_gateway", strangers_are_refused_at_the_gateway),
    ("routes::a_server_knows_its_callers_across_clusters", a_server_knows_its_callers_across_clusters),
];

/// The least that everything else stands on: each proxy is told what it needs, and a request arrives.
fn one_source_and_one_client(fleet: &Fleet) {
    fleet.serve("c1", "greeting");
    fleet.call("c2", "guest", "greeting");
    fleet.run();
    let (rig, host) = (&fleet.rig, "stage.greeting.global");
    let client = rig.cluster("c2").pod("guest/guest");
    let unknown = client.get("http://stage.greeting.global/").expect_err("the name is not there yet");
    assert!(unknown.contains("no such name"), "{unknown}");

    fleet.sync(&["greeting"]);

    let seen = rig.cluster("c2").probe(&Who::sidecar("guest"), host);
    let upstream = seen.only("outbound|80||stage.greeting.global");
    assert_eq!(upstream.addresses(), ["198.18.0.101:15443"]);
    assert_eq!(upstream.endpoints[0].region, "us-east-1");
    assert_eq!(upstream.sni.as_deref(), Some("outbound_.80_._.stage.greeting.global"));
    assert_eq!(upstream.sans, ["spiffe://cluster.local/ns/greeting/sa/greeting"]);
    assert!(seen.domains.contains(&host.to_owned()), "{seen:?}");
    serves(rig, "c1", host, &["greeting.greeting.svc.cluster.local:80"]);

    let answer = client.get("http://stage.greeting.global/").expect("an answer");
    assert_eq!((answer.status, answer.header("x-served-by")), (200, "c1/greeting/greeting"));
    let certificate = forwarded_certificate(&answer.text);
    assert!(certificate.starts_with("By=spiffe://cluster.local/ns/greeting/sa/greeting;"), "{certificate}");
    assert!(certificate.ends_with(";URI=spiffe://cluster.local/ns/guest/sa/guest"), "{certificate}");
    let server = rig.cluster("c1").pod("greeting/greeting");
    assert!(server.counted("listener.*_15006.ssl.versions.TLSv1.3") > 0, "the server's sidecar ends TLS 1.3");
    let gateway = rig.cluster("c1").pod("istio-system/istio-eastwestgateway");
    assert_eq!(gateway.counted("listener.*_15443.ssl.handshake"), 0, "the gateway ends no TLS");
    assert!(gateway.counted("cluster.outbound_.*greeting.*upstream_cx_total") > 0, "bytes went through it");

    fleet.mesh(&["plan"]).exits(0).says("No changes");
}

/// The gateway lets through what comes for a name, with Istio's protocol, and only a workload of the mesh gets an answer.
fn strangers_are_refused_at_the_gateway(fleet: &Fleet) {
    fleet.serve("c1", "vault");
    fleet.run();
    fleet.sync(&["vault"]);
    let gateway = SocketAddr::from((fleet.rig.cluster("c1").gateway_address(), 15443));
    let sni = "outbound_.80_._.stage.vault.global";

    let shown = knock(gateway, sni, Some("istio")).expect("the server's sidecar answers through the gateway");
    assert!(shown.is_of("spiffe://cluster.local/ns/vault/sa/vault"), "{shown:?}");
    assert!(shown.answer.is_err(), "without a certificate of the mesh there is no answer: {shown:?}");
    for (sni, alpn) in [("outbound_.80_._.stage.nobody.global", Some("istio")), (sni, None)] {
        let refused = knock(gateway, sni, alpn);
        assert!(refused.is_err(), "{sni} {alpn:?}: {refused:?}");
    }
    assert!(speak_plainly(gateway).is_err(), "plain HTTP is refused");
    let (server, other) = (fleet.rig.cluster("c1").pod("vault/vault"), fleet.rig.cluster("c2"));
    fleet.call("c2", "burglar", "vault");
    other.run();
    let direct = SocketAddr::from((server.address(), 8080));
    assert!(
        !other.pod("burglar/burglar").reaches(direct),
        "pods of another cluster cannot be reached but by its gateway"
    );
}

const CLERK_ONLY: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: clerk-only, namespace: ledger}
spec:
  rules:
    - from:
        - source: {principals: [cluster.local/ns/clerk/sa/clerk]}
";

/// An AuthorizationPolicy of the server's namespace sees the caller's principal.
fn a_server_knows_its_callers_across_clusters(fleet: &Fleet) {
    fleet.serve("c1", "ledger");
    fleet.call("c2", "clerk", "ledger");
    fleet.call("c3", "auditor", "ledger");
    fleet.run();
    fleet.sync(&["ledger"]);
    fleet.apply("c1", CLERK_ONLY, &[]);
    fleet.rig.settle();
    thread::sleep(DRAINED);

    let asks = |pod: &Pod| pod.get("http://stage.ledger.global/").map(|answer| answer.status);
    assert_eq!(asks(&fleet.rig.cluster("c2").pod("clerk/clerk")), Ok(200));
    assert_eq!(asks(&fleet.rig.cluster("c3").pod("auditor/auditor")), Ok(403));
}

/// The gateway of a cluster hands what comes for the host to these endpoints, and to nobody else.
#[track_caller]
pub(crate) fn serves(rig: &Rig, cluster: &str, host: &str, endpoints: &[&str]) {
    let network = format!("{cluster}-net");
    let seen = rig.cluster(cluster).probe(&Who::gateway(Some(&network)), host);
    let sni = format!("outbound_.80_._.{host}");
    assert_eq!(seen.only(&sni).addresses(), endpoints, "{cluster}");
    assert!(seen.chains.contains(&sni), "{cluster}: {seen:?}");
}

/// `x-forwarded-client-cert` as the server saw it.
fn forwarded_certificate(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).expect("the server answers in JSON");
    answer["headers"]["x-forwarded-client-cert"].as_str().unwrap_or_default().to_owned()
}
