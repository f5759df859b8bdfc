//! What is spoken over the path.

use serde_json::Value;

use crate::Test;
use crate::fleet::Fleet;

pub(crate) const TESTS: &[Test] = &[
    ("protocols::grpc_arrives_as_grpc", grpc_arrives_as_grpc),
    ("protocols::http2_is_spoken_to_the_server", http2_is_spoken_to_the_server),
    ("protocols::tcp_has_an_address_and_a_port_of_its_own", tcp_has_an_address_and_a_port_of_its_own),
];

/// A real gRPC client and a real server.
fn grpc_arrives_as_grpc(fleet: &Fleet) {
    fleet.serve_on("c1", "chat", ("grpc", 80));
    fleet.call("c2", "chat-client", "chat");
    fleet.run();
    fleet.sync(&["chat"]);
    let client = fleet.rig.cluster("c2").pod("chat-client/chat-client");
    assert_eq!(client.check_health("stage.chat.global", "c1/chat/chat"), Ok(()));
    let unknown =
        client.check_health("stage.chat.global", "somebody else").expect_err("the server has no such service");
    assert!(unknown.contains("NotFound") || unknown.contains("not found"), "{unknown}");
}

/// The client asks by HTTP/1.1; its proxy and the server speak HTTP/2.
fn http2_is_spoken_to_the_server(fleet: &Fleet) {
    fleet.serve_on("c1", "stream", ("http2", 80));
    fleet.call("c2", "stream-client", "stream");
    fleet.run();
    fleet.sync(&["stream"]);
    let client = fleet.rig.cluster("c2").pod("stream-client/stream-client");
    let answer = client.get("http://stage.stream.global/").expect("an answer");
    let body: Value = serde_json::from_str(&answer.text).expect("the server answers in JSON");
    assert_eq!((answer.status, &body["version"]), (200, &Value::from("HTTP/2.0")));
}

/// Two TCP services on one port: each host has a virtual address, by which proxies tell them apart.
fn tcp_has_an_address_and_a_port_of_its_own(fleet: &Fleet) {
    for identity in ["wire", "cable"] {
        fleet.serve_on("c1", identity, ("tcp", 9000));
        fleet.call("c2", &format!("{identity}-client"), identity);
    }
    fleet.run();
    fleet.sync(&["wire", "cable"]);
    for identity in ["wire", "cable"] {
        let client = fleet.rig.cluster("c2").pod(&format!("{identity}-client/{identity}-client"));
        let heard = client.hear(&format!("stage.{identity}.global"), 9000);
        assert_eq!(heard, Ok(format!("c1/{identity}/{identity}")));
    }
}
