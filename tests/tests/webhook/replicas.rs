//! Several webhooks behind one Service: they are replaced, die, and start at once.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mesh_testkit::apiserver::ApiServer;
use mesh_testkit::callers::{Asking, Failure, Pace, Protocol, Tally, served_certificate};
use mesh_testkit::servers::until;
use serde_json::Value;

use super::alone::{cluster, honest, webhook};
use super::process::{Certificates, SOON, Webhook, is_ready};
use super::running::{CONFIGURATIONS, FULL_NAME, Installed};

const SECRET: &str = "/api/v1/namespaces/mesh-system/secrets/mesh-kubectl-mesh-tls";
/// Of each protocol; together 500 a second.
const PACE: Pace = Pace { callers: 8, per_second: NonZeroU32::new(250), per_connection: None };
const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];
/// How often it is looked who is ready.
const LOOK: Duration = Duration::from_millis(100);

#[test]
fn replicas_are_replaced_or_die_and_only_what_was_in_flight_is_lost() {
    let server = cluster();
    let mut replicas: Vec<Webhook> = (0..3).map(|_| webhook(&server, Certificates::Folder)).collect();
    replicas.iter().for_each(Webhook::gets_ready);
    one_after_the_other(&server, &mut replicas);
    one_dies(&mut replicas);
}

#[test]
fn replicas_that_start_at_once_make_one_authority() {
    let Some(mut installed) = Installed::start("at-once", Certificates::SelfManaged) else { return };
    all_make_one_authority(&mut installed);
}

/// What is known of who is ready, as kube-proxy knows it: connections that are open stay.
struct Endpoints {
    /// Review and admin addresses.
    all: Arc<Mutex<Vec<(SocketAddr, SocketAddr)>>>,
    ready: Arc<Mutex<Vec<SocketAddr>>>,
    is_over: Arc<AtomicBool>,
    looks: Option<JoinHandle<()>>,
}

impl Endpoints {
    fn of(replicas: &[Webhook]) -> Self {
        let all = Arc::new(Mutex::new(replicas.iter().map(addresses).collect::<Vec<_>>()));
        let ready = Arc::new(Mutex::new(replicas.iter().map(|replica| replica.address).collect()));
        let is_over = Arc::new(AtomicBool::new(false));
        let looks = {
            let (all, ready, is_over) = (Arc::clone(&all), Arc::clone(&ready), Arc::clone(&is_over));
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let known = all.lock().unwrap().clone();
                    let answering = known.into_iter().filter(|(_, admin)| is_ready(*admin));
                    let answering = answering.map(|(reviews, _)| reviews).collect();
                    *ready.lock().unwrap() = answering;
                    thread::sleep(LOOK);
                }
            })
        };
        Self { all, ready, is_over, looks: Some(looks) }
    }

    fn add(&self, replica: &Webhook) {
        self.all.lock().unwrap().push(addresses(replica));
    }

    /// Asks, over both protocols, those who are ready.
    fn asked(&self, ca_pem: &str) -> [Asking; 2] {
        PROTOCOLS.map(|protocol| {
            let ready = Arc::clone(&self.ready);
            Asking::start(protocol, ca_pem, PACE, vec![honest()], move || ready.lock().unwrap().clone())
        })
    }
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(looks) = self.looks.take() {
            let _ = looks.join();
        }
    }
}

fn addresses(replica: &Webhook) -> (SocketAddr, SocketAddr) {
    (replica.address, replica.admin)
}

fn ca_of(installed: &Installed) -> String {
    let text = installed.server().get(SECRET).1["data"]["ca.crt"].as_str().unwrap_or_default().to_owned();
    String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap()
}

/// Waits until so many more were answered.
#[track_caller]
fn go_on(askings: &[Asking], more: usize) {
    for asking in askings {
        let before = asking.answered();
        assert!(until(SOON, || asking.answered() >= before + more), "{} answers", asking.answered() - before);
    }
}

fn one_after_the_other(server: &ApiServer, replicas: &mut [Webhook]) {
    // Their certificates are from one authority each: those of all to come are told before.
    let mut next: Vec<Webhook> = replicas.iter().map(|_| webhook(server, Certificates::Folder)).collect();
    next.iter().for_each(Webhook::gets_ready);
    let endpoints = Endpoints::of(replicas);
    let askings = endpoints.asked(&told(replicas.iter().chain(&next)));
    for replica in &mut *replicas {
        go_on(&askings, 100);
        let new = next.pop().unwrap();
        endpoints.add(&new);
        replica.terminate();
        assert_eq!(replica.ends(), Some(0), "{}", replica.log());
        *replica = new;
    }
    go_on(&askings, 100);
    for tally in askings.map(Asking::stop) {
        let Tally { failed, took, .. } = tally;
        assert!(failed.is_empty(), "{} of {}: {:?}", failed.len(), took.len(), failed.first());
    }
    // Those whose replica went came to the others.
    let reviews = replicas.iter().map(|replica| replica.metric("mesh_admission_reviews_total", ""));
    assert!(reviews.sum::<f64>() > 0.0);
}

fn one_dies(replicas: &mut [Webhook]) {
    let endpoints = Endpoints::of(replicas);
    let askings = endpoints.asked(&told(&*replicas));
    go_on(&askings, 100);
    let dead = replicas[0].address;
    replicas[0].dies();
    go_on(&askings, 500);
    for tally in askings.map(Asking::stop) {
        let strange: Vec<&Failure> = tally.failed.iter().filter(|failure| failure.to != dead).collect();
        assert!(strange.is_empty(), "{strange:?}");
        // Each asks one question at a time, and had at most that one in flight.
        assert!(tally.failed.len() <= PACE.callers, "{:?}", tally.failed);
    }
}

/// Whom callers trust.
fn told<'w>(webhooks: impl IntoIterator<Item = &'w Webhook>) -> String {
    webhooks.into_iter().map(|webhook| webhook.ca_pem.as_str()).collect()
}

/// Replicas that start at once, where no authority is yet.
fn all_make_one_authority(installed: &mut Installed) {
    installed.webhook.dies();
    let mut before = ca_of(installed);
    for _ in 0..3 {
        assert_eq!(installed.server().delete(SECRET).0, 200);
        let replicas = [installed.replica(), installed.replica(), installed.replica()];
        replicas.iter().for_each(Webhook::gets_ready);
        let authority = ca_of(installed);
        assert_ne!(authority, before, "a new one is made");
        for replica in &replicas {
            let shown = served_certificate(replica.address, &authority);
            assert!(shown.is_ok(), "{shown:?}\n{}", replica.log());
        }
        let told = BASE64_STANDARD.encode(&authority);
        for kind in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
            let (_, configuration) = installed.server().get(&format!("{CONFIGURATIONS}/{kind}/{FULL_NAME}"));
            for webhook in configuration["webhooks"].as_array().unwrap() {
                assert_eq!(webhook["clientConfig"]["caBundle"], Value::from(told.clone()), "{}", webhook["name"]);
            }
        }
        before = authority;
    }
}
