//! Connections that mean no good, and what becomes of honest ones meanwhile.

use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::thread;

use mesh_testkit::callers::{Asking, Pace, Protocol, served_certificate};
use mesh_testkit::servers::until;
use mesh_testkit::tls;

use super::alone::{cluster, honest, webhook};
use super::input::{JSON, MIB, head};
use super::process::{Certificates, SOON, Setup, Webhook};

/// Connections of a crowd.
const CROWD: usize = 2_000;
/// Bodies of 7 MiB that come at once.
const LARGE_BODIES: usize = 200;
/// What a webhook may hold at most in all of this, in KiB.
const MEMORY: u64 = 256 << 10;

/// Who deploys all the while, and keeps a connection as API servers do.
const HONEST: Pace = Pace { callers: 2, per_second: NonZeroU32::new(20), per_connection: None };

#[test]
fn crowds_resets_and_large_bodies_keep_no_honest_review_from_its_answer() {
    let server = cluster();
    let webhook = webhook(&server, Certificates::Folder);
    webhook.gets_ready();
    let honest = honest_ones(&webhook);
    two_thousand_say_nothing(&webhook, &honest);
    connections_are_reset(&webhook, &honest);
    large_bodies_come_at_once(&webhook, &honest);
    assert!(honest.stop().failed.is_empty());
    assert!(webhook.peak() < MEMORY, "{} KiB", webhook.peak());
    assert!(webhook.is_ready());
}

fn honest_ones(webhook: &Webhook) -> Asking {
    let address = webhook.address;
    let asking = Asking::start(Protocol::Http2, &webhook.ca_pem, HONEST, vec![honest()], move || vec![address]);
    deploys_go_on(&asking);
    asking
}

fn crowd(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    // The kernel takes those that the webhook does not come to.
    (0..count).filter_map(|_| TcpStream::connect(address).ok()).collect()
}

#[track_caller]
fn deploys_go_on(honest: &Asking) {
    let before = honest.answered();
    assert!(until(SOON, || honest.answered() > before + 5), "{} are answered", honest.answered() - before);
}

/// Whether somebody who comes now is let in.
fn lets_in(webhook: &Webhook) -> bool {
    served_certificate(webhook.address, &webhook.ca_pem).is_ok()
}

fn failed(webhook: &Webhook, why: &str) -> f64 {
    webhook.metric("mesh_connections_failed_total", why)
}

fn two_thousand_say_nothing(webhook: &Webhook, honest: &Asking) {
    let idle = crowd(webhook.address, CROWD);
    assert_eq!(idle.len(), CROWD, "all are connected");
    deploys_go_on(honest);
    assert!(until(SOON, || failed(webhook, "too-many") > 0.0), "{}", webhook.log());
    assert!(until(SOON, || webhook.log().contains("connections are not taken")), "{}", webhook.log());
    // Nobody has to hang up for others to come in: who says nothing is let go.
    assert!(until(SOON, || lets_in(webhook)), "{}", webhook.log());
    drop(idle);
    deploys_go_on(honest);
}

fn connections_are_reset(webhook: &Webhook, honest: &Asking) {
    let before = failed(webhook, "handshake");
    thread::scope(|scope| {
        for greeting in [&b""[..], &[0x16, 3, 1, 2, 0], b"GET / HTTP/1.1\r\n\r\n"] {
            scope.spawn(move || {
                for _ in 0..CROWD / 2 {
                    let _ = tls::reset_after(webhook.address, greeting);
                }
            });
        }
        deploys_go_on(honest);
    });
    assert!(until(SOON, || lets_in(webhook)), "{}", webhook.log());
    assert!(failed(webhook, "handshake") > before, "they are counted");
    deploys_go_on(honest);
}

/// More than all bodies may take together.
fn large_bodies_come_at_once(webhook: &Webhook, honest: &Asking) {
    let body = vec![b' '; 7 * MIB];
    let head = head("POST /validate", JSON, body.len());
    let codes: Vec<u16> = thread::scope(|scope| {
        let large: Vec<_> =
            (0..LARGE_BODIES).map(|_| scope.spawn(|| webhook.answers(&[head.as_bytes(), &body]).0)).collect();
        deploys_go_on(honest);
        large.into_iter().map(|large| large.join().unwrap()).collect()
    });
    // Who goes on sending may find that it has hung up, before its answer comes.
    assert!(codes.iter().all(|code| matches!(code, 0 | 400 | 408 | 429)), "{codes:?}");
    assert!(codes.contains(&400), "some are read: {codes:?}");
    assert!(webhook.metric("mesh_admission_rejected_total", "no-room") > 0.0, "some find no room");
    // Whatever they took is free again.
    assert!(until(SOON, || webhook.answers(&[head.as_bytes(), &body]).0 == 400), "one alone is read");
}

#[test]
fn where_files_run_out_those_who_are_there_are_answered_and_others_later() {
    let setup = Setup { files: Some(64), ..Certificates::Folder.into() };
    let server = cluster();
    let webhook = webhook(&server, setup);
    webhook.gets_ready();
    let honest = honest_ones(&webhook);
    let reviews = crowd(webhook.address, 100);
    let admin = crowd(webhook.admin, 100);
    deploys_go_on(&honest);
    assert!(until(SOON, || webhook.log().contains("not-accepted")), "{}", webhook.log());
    deploys_go_on(&honest);
    drop((reviews, admin));
    assert!(until(SOON, || lets_in(&webhook) && webhook.is_ready()), "{}", webhook.log());
    assert!(failed(&webhook, "not-accepted") > 0.0);
    deploys_go_on(&honest);
    assert!(honest.stop().failed.is_empty());
}
