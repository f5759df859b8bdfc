//! Each ill of the fake API server, as a plain client meets it.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use hyper::{Method, header};
use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{ApiServer, Door, FakeFleet, Fault, Ill, Objects, Setup, Verb};
use mesh_testkit::manifests;
use mesh_testkit::rest::{Rest, RestError};
use serde_json::{Value, json};

const SERVICES: &str = "/api/v1/services";

/// For requests that are never answered: long enough for a busy machine to get as far as that.
const IMPATIENT: Duration = Duration::from_secs(2);

fn server() -> ApiServer {
    ApiServer::start(Setup::holding(Objects::of(manifests::services(10))))
}

fn list_with(ill: Ill) -> (ApiServer, Result<mesh_testkit::rest::Answer, RestError>) {
    let server = server();
    server.fault(Fault::new(Verb::List, ill).of(Kind::Service));
    let answer = server.rest().within(Duration::from_secs(5)).send(Method::GET, SERVICES, None);
    (server, answer)
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}})
}

#[test]
fn a_hanging_server_never_answers() {
    let server = server();
    server.fault(Fault::new(Verb::List, Ill::Hang).of(Kind::Service));
    let answer = server.rest().within(IMPATIENT).send(Method::GET, SERVICES, None);
    assert!(matches!(answer, Err(RestError::TimedOut)), "{answer:?}");
    assert_eq!(server.rest().get("/api/v1/namespaces").status, 200, "only services hang");
    let log = server.requests();
    assert_eq!((log[0].verb, log[0].kind, log[0].status), (Verb::List, Some(Kind::Service), None));
    assert_eq!((log[1].kind, log[1].status), (Some(Kind::Namespace), Some(200)));
}

#[test]
fn a_slow_server_answers_late_and_well() {
    let late = Duration::from_millis(200);
    let start = Instant::now();
    let (_server, answer) = list_with(Ill::Slow(late));
    assert_eq!(answer.unwrap().json["items"].as_array().map(Vec::len), Some(10));
    assert!(start.elapsed() >= late);
}

#[test]
fn a_request_waits_until_the_server_is_healed() {
    let server = server();
    server.fault(Fault::new(Verb::List, Ill::Wait).of(Kind::Service));
    let answer = server.rest().within(IMPATIENT).send(Method::GET, SERVICES, None);
    assert!(matches!(answer, Err(RestError::TimedOut)), "{answer:?}");
    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.rest().get(SERVICES));
        while server.requests().len() < 2 {
            std::thread::yield_now();
        }
        server.heal();
        waiting.join().unwrap()
    });
    assert_eq!(answer.json["items"].as_array().map(Vec::len), Some(10));
}

#[test]
fn a_trickling_server_starts_at_once_and_takes_its_time() {
    let whole = server().rest().get(SERVICES).bytes.len();
    let rate = u32::try_from(whole * 4).unwrap();
    let start = Instant::now();
    let (_server, answer) = list_with(Ill::Trickle(rate));
    assert_eq!(answer.unwrap().bytes.len(), whole);
    assert!(start.elapsed() >= Duration::from_millis(150), "a quarter of a second, in parts: {:?}", start.elapsed());
    let (_server, answer) = list_with(Ill::Trickle(10));
    assert!(matches!(answer, Err(RestError::TimedOut)), "{answer:?}");
}

#[test]
fn a_failing_server_says_so_in_a_status() {
    for (code, reason) in [(500, "InternalError"), (503, "ServiceUnavailable")] {
        let (_server, answer) = list_with(Ill::Status(code));
        let answer = answer.unwrap();
        assert_eq!(
            (answer.status, &answer.json["kind"], &answer.json["reason"]),
            (code, &json!("Status"), &json!(reason))
        );
        assert_eq!(answer.json["code"], code);
    }
}

#[test]
fn an_overloaded_server_says_when_to_come_again() {
    let (_server, answer) = list_with(Ill::RetryAfter(2));
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.headers[header::RETRY_AFTER].to_str().unwrap()), (429, "2"));
    assert_eq!(answer.bytes, "Too many requests, please try again later.\n");
}

#[test]
fn rbac_refuses_in_the_words_of_the_real_server() {
    let server = server();
    server.fault(Fault::new(Verb::Any, Ill::Forbidden));
    let message = |path: &str| {
        let answer = server.rest().get(path);
        assert_eq!((answer.status, &answer.json["reason"]), (403, &json!("Forbidden")));
        answer.json["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        message(SERVICES),
        "services is forbidden: User \"tester\" cannot list resource \"services\" in API group \"\" at the cluster scope"
    );
    assert_eq!(
        message("/apis/apps/v1/namespaces/shop/deployments/web"),
        "deployments.apps \"web\" is forbidden: User \"tester\" cannot get resource \"deployments\" in API group \"apps\" \
         in the namespace \"shop\""
    );
    assert_eq!(message("/version"), "forbidden: User \"tester\" cannot get path \"/version\"");
}

#[test]
fn credentials_that_are_no_longer_good_are_401_and_none_are_anonymous() {
    let (server, answer) = list_with(Ill::Unauthorized);
    let answer = answer.unwrap();
    assert_eq!((answer.status, &answer.json["message"]), (401, &json!("Unauthorized")));
    let rest = server.rest();
    assert_eq!(rest.with_token("guess").get("/api/v1/pods").status, 401);
    let anonymous = rest.with_token("").get("/api/v1/pods");
    assert_eq!(anonymous.status, 403);
    assert!(anonymous.json["message"].as_str().unwrap().contains("system:anonymous"), "{}", anonymous.json);
    assert_eq!(rest.with_token("").get("/readyz").bytes, "ok");
}

#[test]
fn a_cut_body_is_seen_as_broken_not_as_short() {
    for gzip in [false, true] {
        let server = ApiServer::start(Setup::holding(Objects::of(manifests::services(400))));
        server.fault(Fault::new(Verb::List, Ill::CutBody));
        let rest = if gzip { server.rest().with_header(header::ACCEPT_ENCODING, "gzip") } else { server.rest() };
        let answer = rest.send(Method::GET, SERVICES, None);
        assert!(matches!(answer, Err(RestError::Broken(_))), "{answer:?}");
        assert_eq!(server.requests()[0].status, Some(200), "the head was well");
    }
}

#[test]
fn a_proxy_answers_in_html() {
    let (_server, answer) = list_with(Ill::Html);
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.headers[header::CONTENT_TYPE].to_str().unwrap()), (502, "text/html"));
    assert!(answer.bytes.starts_with(b"<html>"));
}

#[test]
fn a_snapshot_that_is_gone_spoils_the_second_page_alone() {
    let server = server();
    server.fault(Fault::new(Verb::List, Ill::Gone).of(Kind::Service));
    let first = server.rest().get(&format!("{SERVICES}?limit=4"));
    assert_eq!(first.status, 200);
    let token = first.json["metadata"]["continue"].as_str().unwrap();
    let second = server.rest().get(&format!("{SERVICES}?limit=4&continue={token}"));
    assert_eq!((second.status, &second.json["reason"]), (410, &json!("Expired")));
}

#[test]
fn a_watch_from_a_version_that_is_gone_is_told_so_in_its_stream() {
    let server = server();
    server.fault(Fault::new(Verb::Watch, Ill::Gone));
    let event = server.rest().watch(SERVICES).next().unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

#[test]
fn a_reset_connection_gives_no_answer_and_writes_nothing() {
    let server = server();
    server.fault(Fault::new(Verb::Create, Ill::Reset));
    let object = config_map("settings");
    let path = "/api/v1/namespaces/default/configmaps";
    let answer = server.rest().send(Method::POST, path, Some(("application/json", &object)));
    let Err(RestError::Broken(error)) = answer else { panic!("{answer:?}") };
    assert!(format!("{error:?}").contains("ConnectionReset"), "a reset, not an end: {error:?}");
    assert_eq!(server.object(Kind::ConfigMap, "default", "settings"), None);
    assert_eq!(server.requests()[0].status, None);
}

#[test]
fn a_lost_answer_leaves_the_write_behind() {
    let server = server();
    server.fault(Fault::new(Verb::Create, Ill::LostAnswer).of(Kind::ConfigMap).first(1));
    let object = config_map("settings");
    let path = "/api/v1/namespaces/default/configmaps";
    let answer = server.rest().send(Method::POST, path, Some(("application/json", &object)));
    assert!(matches!(answer, Err(RestError::Broken(_))), "{answer:?}");
    let again = server.rest().create(path, &object);
    assert_eq!((again.status, &again.json["reason"]), (409, &json!("AlreadyExists")));
}

#[test]
fn garbage_is_200_and_no_json() {
    let (_server, answer) = list_with(Ill::Garbage);
    let answer = answer.unwrap();
    assert_eq!((answer.status, &answer.json), (200, &Value::Null));
    assert!(answer.bytes.starts_with(b"{\"kind\":\"ServiceList\""));
}

#[test]
fn a_fault_strikes_as_often_as_it_says_and_only_where_it_says() {
    let server = server();
    server.fault(Fault::new(Verb::List, Ill::Status(503)).of(Kind::Service).first(2));
    server.fault(Fault::new(Verb::Get, Ill::Status(500)).at("/secrets/"));
    let rest = server.rest();
    let statuses: Vec<u16> = (0..3).map(|_| rest.get(SERVICES).status).collect();
    assert_eq!(statuses, [503, 503, 200]);
    assert_eq!(rest.get("/api/v1/namespaces/default/secrets/token").status, 500);
    assert_eq!(rest.get("/api/v1/namespaces/default").status, 200);
    server.heal();
    assert_eq!(rest.get("/api/v1/namespaces/default/secrets/token").status, 404);
}

#[test]
fn a_server_behind_a_bad_door_is_not_reached() {
    let ask = |door| {
        let server = ApiServer::start(Setup::default().behind(door));
        let answer = server.rest().within(IMPATIENT).send(Method::GET, "/version", None);
        assert_eq!(server.requests(), [], "{door:?}");
        answer.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let said = |door, text: &str| {
        let error = ask(door);
        assert!(error.contains(text), "{door:?}: {error}");
    };
    said(Door::ExpiredCertificate, "certificate expired");
    said(Door::WrongCa, "BadSignature");
    said(Door::PlainHttp, "no TLS");
    said(Door::Mute, "timed out");
    said(Door::Shut, "no connection");
}

#[test]
fn kinds_that_a_cluster_does_not_have_are_404_in_plain_text() {
    let unserved = BTreeSet::from([Kind::ServiceEntry, Kind::Rollout]);
    let server = ApiServer::start(Setup { unserved, ..Setup::default() });
    let rest = server.rest();
    for path in
        ["/apis/networking.istio.io/v1/serviceentries", "/apis/argoproj.io/v1alpha1/rollouts", "/apis/argoproj.io"]
    {
        let answer = rest.get(path);
        assert_eq!((answer.status, &answer.bytes[..]), (404, &b"404 page not found\n"[..]), "{path}");
    }
    let istio = rest.get("/apis/networking.istio.io/v1").json.to_string();
    assert!(istio.contains("destinationrules") && !istio.contains("serviceentries"), "{istio}");
}

#[test]
fn requests_at_once_are_counted_for_a_server_and_for_its_fleet() {
    let fleet = FakeFleet::start([("c1", Setup::default()), ("c2", Setup::default())]);
    let barrier = Barrier::new(5);
    for (_, server) in fleet.servers() {
        server.fault(Fault::new(Verb::Get, Ill::Slow(IMPATIENT)));
    }
    thread::scope(|scope| {
        for number in 0..5 {
            let rest = fleet.server(if number < 3 { "c1" } else { "c2" }).rest();
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                rest.get("/api/v1/namespaces/default")
            });
        }
    });
    let (one, other) = (fleet.server("c1"), fleet.server("c2"));
    assert_eq!((one.most_in_flight(), other.most_in_flight(), fleet.most_in_flight()), (3, 2, 5));
    assert_eq!(one.in_flight(), 0);
}

#[test]
fn a_dropped_server_is_gone_with_its_connections() {
    let server = server();
    let rest = server.rest().within(Duration::from_secs(5));
    let watch = rest.watch(&format!("{SERVICES}?resourceVersion=0"));
    assert!(watch.next().is_some());
    drop(server);
    while watch.next().is_some() {}
    let answer = rest.send(Method::GET, "/version", None);
    assert!(matches!(answer, Err(RestError::Connect(_) | RestError::Tls(_))), "{answer:?}");
}

#[test]
fn three_hundred_clusters_share_what_they_hold() {
    let objects = Objects::of(manifests::services(2_000));
    let fleet = FakeFleet::start((0..300).map(|number| (format!("c{number:03}"), Setup::holding(objects.clone()))));
    let uids: BTreeSet<&str> = fleet.servers().map(|(_, server)| server.uid()).collect();
    let tokens: BTreeSet<&str> = fleet.servers().map(|(_, server)| server.token()).collect();
    assert_eq!((uids.len(), tokens.len()), (300, 300), "no two clusters are known by the same");
    assert!(fleet.server("c000").remove(Kind::Service, "team-00", "inventory-service-00000"));
    let count = |cluster: &str| fleet.server(cluster).rest().list(SERVICES, 500).0.len();
    assert_eq!((count("c000"), count("c299")), (1_999, 2_000), "what one changes, the others do not see");
}

#[test]
fn a_directory_fleet_is_served_as_it_lies_there() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/bookstore");
    let fleet = FakeFleet::loaded_from(&examples).unwrap();
    let names: Vec<&str> = fleet.servers().map(|(name, _)| name).collect();
    assert_eq!(names, ["edge-us-west", "payments-us-east", "retail-us-west"]);
    let rest = fleet.server("retail-us-west").rest();
    let found = rest.get("/apis/apps/v1/namespaces/tax/deployments/tax").json;
    assert_eq!(found["spec"]["template"]["metadata"]["labels"]["identity"], "tax");
    assert!(found["metadata"]["uid"].is_string() && found["metadata"]["creationTimestamp"].is_string(), "{found}");
    assert_eq!(rest.get("/api/v1/namespaces/tax").json["metadata"]["labels"]["kubectl-mesh.io/owner"], "finance");
}

#[test]
fn a_kubeconfig_reaches_every_cluster_under_its_name() {
    let token = "canary-5d1f";
    let setup = Setup { token: Some(token.into()), ..Setup::default() };
    let fleet = FakeFleet::start([("east", setup), ("west", Setup::default())]);
    let text = std::fs::read_to_string(fleet.kubeconfig()).unwrap();
    let config: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(config["users"][0]["user"]["token"], token);
    assert_eq!(config["contexts"][1]["context"], json!({"cluster": "west", "user": "west"}));
    let server = fleet.server("east");
    assert_eq!(config["clusters"][0]["cluster"]["server"], server.url());
    let rest: Rest = server.rest();
    assert_eq!(rest.get("/version").json["gitVersion"], "v1.37.2");
}
