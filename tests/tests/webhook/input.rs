//! What comes to the port of the webhook that is no review, and what it does when it is told to stop.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use mesh_testkit::servers::until;

use super::process::{Certificates, SOON, Webhook};
use super::running::{CONFIGURATIONS, FULL_NAME, Installed, deployment};

#[test]
fn what_is_no_review_is_refused_and_honest_reviews_go_on() {
    let Some(mut installed) = Installed::start("input", Certificates::Folder) else { return };
    let webhook = &installed.webhook;
    it_says_how_it_is(webhook);
    bodies_and_heads(webhook);
    assert_eq!(installed.creates("shop", &deployment("honest", "honest", "stage"), "?dryRun=All").0, 201);
    self_tested(&installed);
    stopping(&mut installed);
}

fn it_says_how_it_is(webhook: &Webhook) {
    assert_eq!(webhook.admin("/livez"), (200, "ok\n".to_owned()));
    let (code, text) = webhook.admin("/readyz?verbose");
    assert_eq!(code, 200);
    for token in ["ca-published", "tls-loaded", "listener-bound", "index-synced", "not-stopping"] {
        assert!(text.contains(&format!("[+] {token}")), "{text}");
    }
    let (_, metrics) = webhook.admin("/metrics");
    for name in ["mesh_admission_reviews_total{", "mesh_tls_not_after_timestamp", "mesh_index_hosts"] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
}

/// A request with a body of this length, as its head says.
pub(super) fn head(line: &str, content_type: &str, length: usize) -> String {
    format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    )
}

pub(super) const JSON: &str = "application/json";
pub(super) const MIB: usize = 1 << 20;

fn bodies_and_heads(webhook: &Webhook) {
    let whole = |line: &str, content_type: &str, body: &str| {
        webhook.answers(&[head(line, content_type, body.len()).as_bytes(), body.as_bytes()]).0
    };
    let deep = format!("{{\"request\":{{\"uid\":\"u\",\"object\":{}{}}}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (line, content_type, body, code) in [
        ("POST /validate", "text/plain", "{}", 415),
        ("POST /validate", "", "{}", 415),
        ("GET /validate", JSON, "", 405),
        ("POST /", JSON, "{}", 404),
        ("POST /metrics", JSON, "{}", 404),
        ("POST /validate", JSON, "", 400),
        ("POST /validate", JSON, "nonsense", 400),
        ("POST /validate", JSON, "{}", 400),
        ("POST /mutate?timeout=nonsense", "Application/JSON; charset=utf-8", "[]", 400),
        // It has a uid, so that there is somebody to answer: it is refused in the answer.
        ("POST /validate", JSON, &deep, 200),
    ] {
        assert_eq!(whole(line, content_type, body), code, "{line} {content_type} {body:.60}");
    }
    // Before a byte of it is read.
    assert_eq!(webhook.answers(&[head("POST /validate", JSON, 8 * MIB + 1).as_bytes()]).0, 413);
    let chunked =
        "POST /validate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; MIB], b"\r\n"].concat();
    let parts = [&[chunked.as_bytes()][..], &[chunk.as_slice(); 9]].concat();
    // Who goes on sending may find that it has hung up, before its answer comes.
    let answer = webhook.answers(&parts);
    assert!(matches!(answer.0, 0 | 413), "{}", answer.1);
    let answer = webhook.answers(&[format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(64 << 10)).as_bytes()]);
    assert!(matches!(answer.0, 0 | 431), "{}", answer.1);
    // One that speaks no TLS, and one that says nothing: neither keeps a thread.
    let mut plain = TcpStream::connect(webhook.address).unwrap();
    plain.write_all(head("POST /validate", JSON, 2).as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    let slow = webhook.answers(&[b"POST /validate HTTP/1.1\r\nhost: x\r\n"]);
    assert!(matches!(slow.0, 0 | 408), "{slow:?}");
    let slow = webhook.answers(&[head("POST /validate?timeout=1s", JSON, 100).as_bytes(), b"{"]);
    assert_eq!(slow.0, 408, "{}", slow.1);
}

fn self_tested(installed: &Installed) {
    let (succeeds, said) = installed.webhook.self_test(FULL_NAME);
    assert!(succeeds, "{said}");
    let path = format!("{CONFIGURATIONS}/validatingwebhookconfigurations/{FULL_NAME}");
    let change = installed.server().edit(&path, |it| {
        // Of somebody else.
        it["webhooks"][0]["clientConfig"]["url"] = format!("{}/validate", installed.server().url()).into();
    });
    let (succeeds, said) = installed.webhook.self_test(FULL_NAME);
    assert!(!succeeds && said.contains("certificate"), "{said}");
    drop(change);
}

/// It is no longer ready, answers on, and ends by itself.
fn stopping(installed: &mut Installed) {
    let webhook = &mut installed.webhook;
    webhook.terminate();
    assert!(until(SOON, || webhook.admin("/readyz").0 == 503), "it is ready still");
    assert_eq!(webhook.admin("/livez").0, 200);
    let answer =
        webhook.answers(&[head("POST /validate", JSON, 2).replace("connection: close\r\n", "").as_bytes(), b"{}"]);
    assert!(answer.0 == 400 && answer.1.contains("connection: close"), "{}", answer.1);
    assert_eq!(webhook.ends(), Some(0), "{}", webhook.log());
}
