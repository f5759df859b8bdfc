//! A server, a client in another cluster that reaches it, and what that client sees while something is wrong.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use mesh_testkit::rig::{Explained, Outcome, Pod};
use mesh_testkit::servers::until;
use serde_json::Value;

use super::Mistake;
use super::page::{self, Row};
use super::step::Done;
use crate::fleet::{Fleet, broken_hop};

/// Where clients are: us-west-2.
pub(super) const CLIENTS: &str = "c2";

/// Each request goes over a connection of its own: one that was open before a change would go on as if nothing were done, and
/// all requests over it go where it goes.
const POLICY: &str = "traffic: {maxRequestsPerConnection: 1}\n";

/// How many requests tell who serves.
const REQUESTS: usize = 40;

/// Until a client is answered as before, when a mistake was taken back: connections drain for a second.
const RECOVERS: Duration = Duration::from_secs(20);

/// The people of one group of mistakes.
pub(super) struct Scene<'f> {
    pub(super) fleet: &'f Fleet,
    /// The identity of the server, which is its namespace too.
    identity: String,
    /// The host that the client asks.
    host: String,
    /// Where TCP is spoken.
    tcp: Option<u16>,
}

impl<'f> Scene<'f> {
    /// A server of this identity in these clusters, and a client.
    pub(super) fn set(fleet: &'f Fleet, identity: &str, sources: &[&str]) -> Self {
        for source in sources {
            fleet.serve(source, identity);
        }
        Self::of(fleet, identity, None)
    }

    /// The same with a server of TCP.
    pub(super) fn set_tcp(fleet: &'f Fleet, identity: &str, sources: &[&str], port: u16) -> Self {
        for source in sources {
            fleet.serve_on(source, identity, ("tcp", port));
        }
        Self::of(fleet, identity, Some(port))
    }

    fn of(fleet: &'f Fleet, identity: &str, tcp: Option<u16>) -> Self {
        fleet.set_policy(POLICY);
        fleet.call(CLIENTS, &format!("{identity}-client"), identity);
        fleet.run();
        fleet.sync(&[identity]);
        Self { fleet, identity: identity.to_owned(), host: format!("stage.{identity}.global"), tcp }
    }

    /// The same people; the client asks another host.
    pub(super) fn asking(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Makes each mistake and takes it back. Without one, the client sees what is `right`.
    pub(super) fn tries(&self, title: &str, right: &str, mistakes: &[Mistake]) {
        self.fleet.rig.settle();
        assert_eq!(self.sees(1), right, "{title}: before anything is wrong");
        assert_eq!(self.found(), BTreeSet::new(), "{title}: before anything is wrong");
        assert_eq!(self.broken_hop(), "", "{title}: before anything is wrong");
        let before = self.glance();
        let rows: Vec<Row> = mistakes.iter().map(|mistake| self.tries_one(mistake, &before)).collect();
        let wrong = mistakes.iter().zip(&rows).filter(|(mistake, row)| !row.is_as(mistake));
        let wrong = wrong.fold(String::new(), |mut text, (mistake, row)| {
            let Mistake { what, istiod, sees, code, hop, .. } = mistake;
            let _ = writeln!(text, "{what}\n  is   {row:?}\n  not  {:?}", (istiod, sees, code, hop));
            text
        });
        if !page::is_written(title, &rows) {
            assert!(wrong.is_empty(), "{title}\n{wrong}");
        }
    }

    fn tries_one(&self, mistake: &Mistake, before: &str) -> Row {
        let mut done = Done::default();
        for step in mistake.steps {
            step.take(self, &mut done);
        }
        for cluster in &done.clusters {
            self.fleet.rig.cluster(cluster).settle();
        }
        if done.is_dead {
            self.fleet.load(CLIENTS, &self.client_name(), &self.host, REQUESTS);
        }
        let sees = self.sees(if done.is_dead { REQUESTS } else { 1 });
        let (what, code) = (mistake.what, mistake.code);
        let row = Row { what, istiod: done.verdict(), sees, code, found: self.found(), hop: self.broken_hop() };
        let is_dead = done.is_dead;
        drop(done);
        if is_dead {
            self.client().restart();
        }
        let recovers = until(RECOVERS, || self.glance() == before);
        assert!(recovers, "{}: taken back, and still {:?}", mistake.what, self.sees(1));
        row
    }

    /// What the program finds wrong in the fleet, notes apart.
    fn found(&self) -> BTreeSet<String> {
        let findings = self.fleet.mesh(&["check", &self.identity, "-o", "json"]).document();
        let findings = findings["findings"].as_array().expect("a list of findings");
        let wrong = findings.iter().filter(|finding| finding["severity"] != "info");
        wrong.map(|finding| finding["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// The first hop that the program calls broken of what the client asks; none where it knows no such host.
    fn broken_hop(&self) -> String {
        let client = format!("{CLIENTS}/{0}/{0}", self.client_name());
        let said = self.fleet.mesh(&["trace", &client, &self.host, "-o", "json"]);
        if said.is_said("is no identity, global name") {
            return String::new();
        }
        let document = said.document();
        broken_hop(&document["traces"][0]).unwrap_or_default()
    }

    /// The object of a manifest, with the names of the scene.
    pub(super) fn parse(&self, manifest: &str) -> Value {
        serde_saphyr::from_str(&self.fill(manifest)).expect("a manifest")
    }

    /// The names of the scene in a text.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        if text.contains("VIP") {
            filled = filled.replace("VIP", &self.fleet.address_of(CLIENTS, &self.host));
        }
        let gateway = self.fleet.rig.cluster("c1").gateway_address().to_string();
        for (name, value) in [
            ("HOST", self.host.as_str()),
            ("SERVER", &self.identity),
            ("CLIENT", &self.client_name()),
            ("GATEWAY", &gateway),
        ] {
            filled = filled.replace(name, value);
        }
        filled
    }

    /// The server in a cluster.
    pub(super) fn server(&self, cluster: &str) -> Arc<Pod> {
        self.fleet.rig.cluster(cluster).pod(&format!("{0}/{0}", self.identity))
    }

    fn client(&self) -> Arc<Pod> {
        self.fleet.rig.cluster(CLIENTS).pod(&format!("{0}/{0}", self.client_name()))
    }

    fn client_name(&self) -> String {
        format!("{}-client", self.identity)
    }

    fn url(&self) -> String {
        format!("http://{}/", self.host)
    }

    /// What the client sees, as far as one request tells without its proxy.
    fn glance(&self) -> String {
        match self.tcp {
            Some(port) => self.client().hear(&self.host, port).unwrap_or_else(|why| why),
            None => self.client().get(&self.url()).map_or_else(|why| why, |answer| answer.status.to_string()),
        }
    }

    /// What the client sees; if any of so many requests is answered with 200, who serves.
    fn sees(&self, requests: usize) -> String {
        let client = self.client();
        if let Some(port) = self.tcp {
            return match client.hear(&self.host, port) {
                Ok(server) if server.is_empty() => "nothing is heard".to_owned(),
                Ok(server) => format!("{} is heard", self.name_of(&server)),
                Err(why) if why.contains("no such name") => "the name is unknown".to_owned(),
                Err(_) => "the connection ends".to_owned(),
            };
        }
        let outcomes = client.ask_often(&self.url(), requests);
        if outcomes.iter().any(is_good) {
            return self.served(&client.ask_often(&self.url(), REQUESTS));
        }
        match &outcomes[0] {
            Outcome::UnknownName => "the name is unknown".to_owned(),
            Outcome::NoAnswer(_) => "no answer".to_owned(),
            Outcome::Answered(answer) => shown(answer),
        }
    }

    /// Who serves.
    fn served(&self, outcomes: &[Outcome]) -> String {
        let answers = || {
            outcomes.iter().filter_map(|outcome| match outcome {
                Outcome::Answered(answer) if answer.status == 200 => Some(answer),
                _ => None,
            })
        };
        let servers: BTreeSet<String> = answers().map(|answer| self.name_of(&answer.served_by)).collect();
        let servers: Vec<String> = servers.into_iter().collect();
        let mut text = format!("200 by {}", servers.join(" and "));
        if answers().any(|answer| self.is_relayed(answer)) {
            text.push_str(", also through the gateway of the other");
        }
        if answers().count() < outcomes.len() {
            text.push_str("; others fail");
        }
        text
    }

    /// Of a server, as it calls itself: `cluster/namespace/name`.
    fn name_of(&self, server: &str) -> String {
        match server.split('/').collect::<Vec<_>>()[..] {
            [cluster, namespace, _] if namespace == self.identity => cluster.to_owned(),
            _ => "another service".to_owned(),
        }
    }

    /// Whether the gateway that it was sent to is that of a cluster whose server did not answer.
    fn is_relayed(&self, answer: &Explained) -> bool {
        let clusters = self.fleet.rig.clusters();
        let asked = clusters.iter().find(|it| answer.upstream == format!("{}:15443", it.gateway_address()));
        asked.is_some_and(|cluster| !answer.served_by.starts_with(&format!("{}/", cluster.name())))
    }
}

fn is_good(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(answer) if answer.status == 200)
}

/// What a proxy says of an answer other than 200.
fn shown(answer: &Explained) -> String {
    let Explained { status, flags, .. } = answer;
    [&status.to_string(), flags.as_str(), reason(answer)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The part of a proxy's reasons that tells most.
fn reason(answer: &Explained) -> &str {
    const VERIFIES: &str = "CERTIFICATE_VERIFY_FAILED";
    if answer.failure.contains(VERIFIES) {
        return VERIFIES;
    }
    // OpenSSL's own, which come last, or those of Envoy.
    let starts = ["OPENSSL_internal:", "TLS_error:_", "delayed_connect_error:_"];
    let failed = starts.iter().find_map(|start| answer.failure.rsplit_once(start));
    if let Some((_, failed)) = failed {
        return failed.split(':').next().unwrap_or_default();
    }
    let inner = answer.details.split_once('{').and_then(|(_, inner)| inner.strip_suffix('}'));
    inner.unwrap_or(&answer.details)
}
