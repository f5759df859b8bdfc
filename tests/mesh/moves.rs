//! What changes while requests go on: none of them is lost.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use mesh_testkit::rig::Answer;
use mesh_testkit::servers::ApiServer;
use serde_json::{Value, json};

use crate::Test;
use crate::fleet::{DRAINED, Fleet};
use crate::shares::failover;

pub(crate) const TESTS: &[Test] = &[
    ("moves::a_new_name_answers_from_the_moment_it_is_known", a_new_name_answers_from_the_moment_it_is_known),
    ("moves::what_is_shared_otherwise_loses_no_request", what_is_shared_otherwise_loses_no_request),
    ("moves::a_drained_source_goes_without_a_lost_request", a_drained_source_goes_without_a_lost_request),
    ("moves::a_service_moves_to_another_cluster", a_service_moves_to_another_cluster),
    ("moves::a_former_source_still_serves_its_undeclared_callers", a_former_source_still_serves_its_undeclared_callers),
    ("moves::a_gateway_gets_another_address", a_gateway_gets_another_address),
    ("moves::a_server_gets_another_account", a_server_gets_another_account),
    ("moves::a_killed_sync_is_finished_by_the_next", a_killed_sync_is_finished_by_the_next),
];

/// How long requests go on before and after what happens.
const AROUND: Duration = Duration::from_millis(500);

/// Does something while a client of the cluster sends requests: every one of them was answered with 200.
#[track_caller]
fn none_is_lost(fleet: &Fleet, cluster: &str, client: &str, host: &str, what: &str, happens: impl FnOnce()) {
    let pod = fleet.rig.cluster(cluster).pod(&format!("{client}/{client}"));
    let loading = pod.steady_load(&format!("http://{host}/"));
    thread::sleep(AROUND);
    happens();
    thread::sleep(AROUND);
    let load = loading.stop();
    let first = &load.failed[..load.failed.len().min(3)];
    assert_eq!(first, [], "{what}: {} of {} requests", load.failed.len(), load.requests);
    assert!(load.requests > 50, "{what}: too few requests to tell: {}", load.requests);
    nothing_lost(what, load.requests);
}

/// Notes what happened while no request was lost, for whoever reads the output.
#[expect(clippy::print_stdout, reason = "figures, at the end of a test's line")]
fn nothing_lost(what: &str, requests: usize) {
    println!("{what}: 0 of {requests} requests failed");
}

/// L10 on the wire: the first request that a client's proxy sends anywhere is answered; it never meets a gateway that does
/// not know the name yet, although the serving cluster takes seconds for each write.
fn a_new_name_answers_from_the_moment_it_is_known(fleet: &Fleet) {
    fleet.serve("c1", "dawn");
    fleet.call("c2", "dawn-client", "dawn");
    fleet.run();
    let _slow = SlowWrites::of(fleet.rig.cluster("c1").server());
    let client = fleet.rig.cluster("c2").pod("dawn-client/dawn-client");
    let waiting = thread::spawn(move || {
        let start = Instant::now();
        let mut answers = Vec::new();
        while answers.len() < 100 && start.elapsed() < Duration::from_mins(1) {
            match client.get("http://stage.dawn.global/") {
                // Its proxy does not know the name, or not yet what to do with its address or host (502): istiod tells it
                // that in several steps. What a gateway refuses is another answer of the client's own proxy, 503.
                Err(_) | Ok(Answer { status: 502, .. }) if answers.is_empty() => {}
                answer => answers.push(answer.map(|answer| answer.status)),
            }
        }
        answers
    });
    fleet.sync(&["dawn"]);
    let answers = waiting.join().expect("it counts");
    assert_eq!(answers, vec![Ok(200); 100]);
    nothing_lost("first sync of a name", answers.len());
}

/// An API server that takes a while for each ServiceEntry: it asks a webhook that never answers, and goes on without it.
struct SlowWrites<'s> {
    server: &'s ApiServer,
    _webhook: TcpListener,
}

impl<'s> SlowWrites<'s> {
    const PATH: &'static str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

    fn of(server: &'s ApiServer) -> Self {
        // Connections are made, and nobody takes them.
        let webhook = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = webhook.local_addr().expect("it is bound").port();
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "slow"},
            "webhooks": [{
                "name": "slow.example.com",
                "clientConfig": {"url": format!("https://127.0.0.1:{port}/")},
                "rules": [{
                    "apiGroups": ["networking.istio.io"], "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE"], "resources": ["serviceentries"],
                }],
                "failurePolicy": "Ignore", "sideEffects": "None", "timeoutSeconds": 3,
                "admissionReviewVersions": ["v1"],
            }],
        });
        let (code, answer) = server.create(Self::PATH, &configuration);
        assert_eq!(code, 201, "{answer}");
        let entry = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "ServiceEntry",
            "metadata": {"name": "rehearsed"},
            "spec": {"hosts": ["rehearsed.example.com"]},
        });
        let entries = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries?dryRun=All";
        let start = Instant::now();
        // Until it is in force.
        loop {
            let asked = Instant::now();
            let (code, answer) = server.create(entries, &entry);
            assert_eq!(code, 201, "{answer}");
            if asked.elapsed() > Duration::from_secs(2) {
                return Self { server, _webhook: webhook };
            }
            assert!(start.elapsed() < Duration::from_secs(30), "the webhook is not asked");
        }
    }
}

impl Drop for SlowWrites<'_> {
    fn drop(&mut self) {
        self.server.delete(&format!("{}/slow", Self::PATH));
    }
}

/// Runs that change nothing, weights, prefix hosts, and one more source.
fn what_is_shared_otherwise_loses_no_request(fleet: &Fleet) {
    fleet.serve("c1", "tide");
    fleet.call("c2", "tide-client", "tide");
    fleet.run();
    fleet.sync(&["tide"]);
    let host = "stage.tide.global";
    let none_is_lost = |what: &str, happens: &dyn Fn()| none_is_lost(fleet, "c2", "tide-client", host, what, happens);
    none_is_lost("a sync that changes nothing", &|| fleet.sync(&["tide"]));
    let address = fleet.address_of("c2", host);
    none_is_lost("a source is added", &|| {
        fleet.serve("c3", "tide");
        fleet.run();
        fleet.sync(&["tide"]);
    });
    let items = |east, south| failover("default", &[("us-east-1", east), ("us-south-1", south)]);
    none_is_lost("weights and a prefix host are added", &|| {
        fleet.share("c1", "tide", &json!([items(80, 20), failover("east", &[("us-east-1", 100), ("us-south-1", 0)])]));
        fleet.sync(&["tide"]);
    });
    none_is_lost("weights change", &|| {
        fleet.share_again(
            "c1",
            "tide",
            &json!([items(10, 90), failover("east", &[("us-east-1", 100), ("us-south-1", 0)])]),
        );
        fleet.sync(&["tide"]);
    });
    none_is_lost("a prefix host is removed", &|| {
        fleet.share_again("c1", "tide", &json!([items(10, 90)]));
        fleet.sync(&["tide"]);
    });
    assert_eq!(fleet.address_of("c2", host), address, "the name keeps its address");
}

/// What operators are told to do: weight 0, sync, stop it, sync.
fn a_drained_source_goes_without_a_lost_request(fleet: &Fleet) {
    for source in ["c1", "c3"] {
        fleet.serve(source, "ebb");
    }
    fleet.call("c2", "ebb-client", "ebb");
    fleet.share("c1", "ebb", &json!([failover("default", &[("us-east-1", 50), ("us-south-1", 50)])]));
    fleet.run();
    fleet.sync(&["ebb"]);
    none_is_lost(fleet, "c2", "ebb-client", "stage.ebb.global", "a source is drained, stopped and removed", || {
        fleet.share_again("c1", "ebb", &json!([failover("default", &[("us-east-1", 100), ("us-south-1", 0)])]));
        fleet.sync(&["ebb"]);
        thread::sleep(DRAINED);
        fleet.stop_serving("c3", "ebb");
        fleet.run();
        fleet.sync(&["ebb"]);
    });
}

/// The new one first, then the old one: clients do not notice.
fn a_service_moves_to_another_cluster(fleet: &Fleet) {
    fleet.serve("c1", "nomad");
    fleet.call("c2", "nomad-client", "nomad");
    fleet.run();
    fleet.sync(&["nomad"]);
    none_is_lost(
        fleet,
        "c2",
        "nomad-client",
        "stage.nomad.global",
        "a service moves from one cluster to another",
        || {
            fleet.serve("c3", "nomad");
            fleet.run();
            fleet.sync(&["nomad"]);
            fleet.stop_serving("c1", "nomad");
            fleet.sync(&["nomad"]);
            thread::sleep(DRAINED);
            // Its pod ends after that, as one does that is given time to terminate.
            fleet.run();
        },
    );
    let answer = fleet.load("c2", "nomad-client", "stage.nomad.global", 20);
    assert_eq!(answer.served.keys().collect::<Vec<_>>(), ["c3/nomad/nomad"]);
}

/// D18: who calls by the name where the service used to run, and never said so, goes on being answered.
fn a_former_source_still_serves_its_undeclared_callers(fleet: &Fleet) {
    for source in ["c1", "c3"] {
        fleet.serve(source, "heir");
    }
    // It declares something else.
    fleet.call("c1", "quiet", "nobody");
    fleet.run();
    fleet.sync(&["heir"]);
    none_is_lost(fleet, "c1", "quiet", "stage.heir.global", "a source becomes a former one (D18)", || {
        fleet.stop_serving("c1", "heir");
        fleet.sync(&["heir"]);
        thread::sleep(DRAINED);
        fleet.run();
    });
    let after = fleet.load("c1", "quiet", "stage.heir.global", 20);
    assert_eq!((after.failed, after.served.len()), (vec![], 1), "from the other cluster");
}

/// The new address works before the old one goes.
fn a_gateway_gets_another_address(fleet: &Fleet) {
    fleet.serve("c3", "harbour");
    fleet.call("c2", "sailor", "harbour");
    fleet.run();
    fleet.sync(&["harbour"]);
    let (south, host) = (fleet.rig.cluster("c3"), "stage.harbour.global");
    let status = "/api/v1/namespaces/istio-system/services/istio-eastwestgateway/status";
    let tell = |ingress: Value| {
        let (code, answer) = south.server().patch(status, &json!({"status": {"loadBalancer": {"ingress": ingress}}}));
        assert_eq!(code, 200, "{answer}");
    };
    let old = south.gateway_address().to_string();
    let new = south.add_gateway_address();
    none_is_lost(fleet, "c2", "sailor", host, "a gateway gets another address", || {
        tell(json!([{"ip": new.to_string()}, {"ip": old}]));
        south.run();
        fleet.sync(&[]);
        thread::sleep(DRAINED);
        tell(json!([{"ip": new.to_string()}]));
        south.run();
        fleet.sync(&[]);
    });
    assert_eq!(fleet.told("c2", "sailor", host), [format!("{new}:15443")]);
    for cluster in fleet.rig.clusters() {
        cluster.set_name("gateway.c3.example.com", vec![new]);
    }
    none_is_lost(fleet, "c2", "sailor", host, "a gateway gets a host name", || {
        tell(json!([{"hostname": "gateway.c3.example.com"}]));
        fleet.sync(&[]);
    });
    assert_eq!(fleet.told("c2", "sailor", host), ["gateway.c3.example.com.:15443"]);
    let balancer = south.balance_by_ipv6(fleet.rig.cluster("c2"), "sailor/sailor");
    none_is_lost(fleet, "c2", "sailor", host, "a gateway gets an IPv6 address", || {
        tell(json!([{"ip": balancer.address().to_string()}]));
        fleet.sync(&[]);
    });
    assert_eq!(fleet.told("c2", "sailor", host), [format!("{}:15443", balancer.address())]);
    let traced = fleet.mesh(&["trace", "c2/sailor/sailor", host, "-o", "json"]).exits(0).document();
    assert_eq!(traced["traces"][0]["ways"][0]["address"], format!("[{}]:15443", balancer.address()));
    tell(json!([{"ip": old}]));
    south.run();
    fleet.sync(&[]);
}

/// A server under another account is started beside the old one; clients accept both until the old one is gone.
fn a_server_gets_another_account(fleet: &Fleet) {
    fleet.serve("c1", "actor");
    fleet.call("c2", "audience", "actor");
    fleet.run();
    fleet.sync(&["actor"]);
    let host = "stage.actor.global";
    none_is_lost(fleet, "c2", "audience", host, "a server gets another service account", || {
        fleet.serve_as("c3", "actor", "understudy");
        fleet.run();
        fleet.sync(&["actor"]);
        fleet.stop_serving("c1", "actor");
        fleet.sync(&["actor"]);
        thread::sleep(DRAINED);
        fleet.run();
    });
    let after = fleet.load("c2", "audience", host, 20);
    assert_eq!(after.failed, []);
    assert_eq!(after.served.keys().collect::<Vec<_>>(), ["c3/actor/actor"]);
}

/// A run that dies in the middle, whenever that is.
fn a_killed_sync_is_finished_by_the_next(fleet: &Fleet) {
    fleet.serve("c1", "phoenix");
    for client in ["c2", "c4"] {
        fleet.call(client, "phoenix-client", "phoenix");
    }
    fleet.run();
    fleet.sync(&["phoenix"]);
    let host = "stage.phoenix.global";
    none_is_lost(fleet, "c2", "phoenix-client", host, "a killed sync is finished by the next", || {
        fleet.serve("c3", "phoenix");
        fleet.run();
        for after in [150, 250, 350] {
            fleet.killed_sync(&["phoenix"], Duration::from_millis(after));
        }
        fleet.sync(&["phoenix"]);
    });
    assert_eq!(fleet.told("c2", "phoenix-client", host), ["198.18.0.101:15443", "198.18.0.103:15443"]);
}
