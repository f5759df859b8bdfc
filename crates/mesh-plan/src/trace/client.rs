//! What the client's own proxy makes of a request.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_istio::{DestinationRule, ServiceEntry};
use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::mesh::Caller;
use mesh_model::name::{ClusterName, Host, Identity};
use mesh_model::owned::ObjectKey;
use mesh_model::participation::Participation;
use mesh_model::policy::MeshPolicy;

use super::share::shares;
use super::way::Route;
use super::{Hop, Step, Way};
use crate::check::{Held, Mesh, Problem, Scene, client, control_plane, entry};
use crate::desired::Desired;

/// A client that calls a host.
pub(super) struct Call<'c, 'a> {
    pub(super) cluster: &'a ClusterName,
    pub(super) client: &'c Caller,
    pub(super) identity: Option<&'a Identity>,
    pub(super) host: &'c Host,
    pub(super) desired: &'a Desired,
    pub(super) scene: &'c Scene<'a>,
    pub(super) policy: &'a MeshPolicy,
}

/// What a proxy follows for a host.
struct Followed<'m, 'a> {
    entry: &'m Held<'a, ServiceEntry>,
    rule: Option<&'m Held<'a, DestinationRule>>,
}

impl<'a> Call<'_, 'a> {
    /// Every hop of the client's proxy, and where requests may go then: nowhere after a hop that is broken.
    pub(super) fn follow(&self) -> (Vec<Hop>, Vec<Way>) {
        let mesh = &self.scene.meshes[self.cluster];
        let mut hops = vec![self.sidecar()];
        let Some(entry) = mesh.entry_for(&self.client.namespace, self.host) else {
            hops.push(self.no_entry(mesh));
            return (hops, Vec::new());
        };
        let namespace = (self.client.namespace.as_str(), &self.client.labels);
        let rule = mesh.rule_for(namespace, self.host, &entry.key.namespace);
        let followed = Followed { entry, rule };
        hops.push(self.entry(mesh, entry));
        hops.push(self.name(mesh, entry));
        hops.push(self.route(mesh, entry));
        hops.push(self.rule(mesh, &followed));
        let shares = shares(&entry.spec, rule.map(|rule| &*rule.spec), self.region());
        hops.push(self.endpoints(mesh, &followed, shares.len()));
        let port = entry.spec.ports.first();
        let ways = shares.into_iter().map(|share| {
            let accepted = followed.accepted();
            Route { call: self, mesh, port, accepted }.way(share)
        });
        (hops, ways.collect())
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.scene.sites[self.cluster].region.as_deref()
    }

    /// The finding of a problem, about this host.
    pub(super) fn finding(&self, problem: Problem) -> Finding {
        problem.finding(&BTreeSet::from([self.host]))
    }

    fn broken(&self, step: Step, problem: Problem) -> Hop {
        let says = problem.what.clone();
        Hop::broken(step, says, vec![self.finding(problem)])
    }

    /// The client, as findings name it.
    fn place(&self) -> String {
        let Caller { kind, namespace, name, .. } = self.client;
        format!("{} {namespace}/{name}", kind.kind())
    }

    fn hidden(&self, mesh: &Mesh<'a>) -> Option<Problem> {
        client::hidden(mesh, (&self.client.namespace, &self.client.labels), self.host)
    }

    fn sidecar(&self) -> Hop {
        let site = &self.scene.sites[self.cluster];
        let by = self.place();
        let Caller { namespace, wish, .. } = self.client;
        match site.participation(*wish, namespace, self.policy) {
            Participation::Serves | Participation::Ignored => Hop::ok(Step::Sidecar, Some(by), "it gets a sidecar"),
            Participation::NotInjected => {
                let what = "it gets no sidecar, so that nothing of the mesh counts for it".to_owned();
                self.broken(Step::Sidecar, Problem::new(Code::NotInjected, Some(self.cluster), by, what))
            }
            Participation::Ambient => {
                let what = "it is in ambient mode, where global names are not known".to_owned();
                self.broken(Step::Sidecar, Problem::new(Code::Ambient, Some(self.cluster), by, what))
            }
            Participation::Unknown => Hop::unknown(Step::Sidecar, "its namespace was not seen"),
        }
    }

    fn no_entry(&self, mesh: &Mesh<'a>) -> Hop {
        if let Some(problem) = self.hidden(mesh) {
            return self.broken(Step::Entry, problem);
        }
        if !mesh.knows(Kind::ServiceEntry) {
            return Hop::unknown(Step::Entry, "ServiceEntries of the cluster were not seen completely");
        }
        let is_planned = self
            .desired
            .objects
            .get(self.cluster)
            .is_some_and(|objects| objects.values().any(|object| object.host == *self.host));
        let says = if is_planned {
            "no entry for it is in the cluster yet, so that the name does not resolve; `kubectl mesh sync` writes it"
        } else if self.identity.is_some() {
            "no entry for it is in the cluster, so that the name does not resolve: no Dependency says that a workload here calls it"
        } else {
            "no entry for it is in the cluster, so that the name does not resolve: no Dependency can say that the client calls it, \
             which carries no identity"
        };
        let place = format!("ServiceEntry of {}", self.host);
        let problem = Problem::new(Code::EntryMissing, Some(self.cluster), place, says.to_owned());
        self.broken(Step::Entry, problem)
    }

    fn entry(&self, mesh: &Mesh<'a>, entry: &Held<'a, ServiceEntry>) -> Hop {
        if let Some(problem) = self.hidden(mesh) {
            return self.broken(Step::Entry, problem);
        }
        let by = Some(entry.key.to_string());
        if !mesh.knows(Kind::Sidecar) {
            return Hop { by, ..Hop::unknown(Step::Entry, "whether a Sidecar hides it is not known") };
        }
        let others = mesh.entries_on(self.host).iter().filter(|other| other.key != entry.key);
        let visible: Vec<_> = others.filter(|other| other.is_visible_from(&self.client.namespace)).collect();
        if let Some(merged) = visible.iter().find(|other| other.key.namespace == entry.key.namespace) {
            let what = format!("it is in the same namespace as {}, and Istio makes one of them", entry.key);
            let problem = Problem::of_object(Code::HostTaken, self.cluster, merged.key, what);
            return Hop::unknown(Step::Entry, "two entries of one namespace are on the host: who answers is not told")
                .with([self.finding(problem)]);
        }
        if !entry.is_ours && !self.leads_to_servers(entry) {
            return self.broken(Step::Entry, foreign(mesh, entry));
        }
        let says = if visible.is_empty() {
            "the proxy is told of it"
        } else {
            "the proxy is told of it; other entries are on the host as well, which are younger"
        };
        let hop = Hop::ok(Step::Entry, by, says);
        let is_known = self.desired.names.values().any(|name| name.hosts.contains_key(self.host));
        if entry.is_ours || !is_known { hop } else { hop.with([self.finding(foreign(mesh, entry))]) }
    }

    /// Whether an entry leads to those who serve the name: to them, or to the gateway of a cluster where they do. Where nobody is
    /// known to serve it, whoever is there does.
    pub(super) fn leads_to_servers(&self, entry: &Held<'a, ServiceEntry>) -> bool {
        let mut names = self.desired.names.values();
        let Some(name) = names.find(|name| name.hosts.contains_key(self.host)) else { return true };
        let places = &name.places;
        let is_one = |address: &str| {
            let cluster = self.scene.cluster_at(address);
            let local = address.strip_suffix(".svc.cluster.local").and_then(|name| name.split_once('.'));
            places.iter().any(|place| {
                cluster == Some(&place.cluster)
                    || local.is_some_and(|(service, namespace)| {
                        place.service.as_deref() == Some(service)
                            && place.namespace.as_ref().is_some_and(|known| known.as_str() == namespace)
                    })
            })
        };
        entry.spec.endpoints.iter().all(|endpoint| is_one(endpoint.address.trim_end_matches('.')))
    }

    fn name(&self, mesh: &Mesh<'a>, entry: &Held<'a, ServiceEntry>) -> Hop {
        let by = Some(entry.key.to_string());
        let address = entry.spec.addresses.first().map_or("an address that istiod allots", |address| address);
        let written = entry.spec.hosts.iter().find(|host| host.eq_ignore_ascii_case(self.host));
        if written.is_some_and(|host| host.bytes().any(|b| b.is_ascii_uppercase())) {
            let what = "it has upper-case letters, which no proxy routes: 503 NC".to_owned();
            return self.broken(Step::Name, Problem::of_object(Code::UpperCaseHost, self.cluster, entry.key, what));
        }
        if let Some(problem) = mesh.shared_addresses(entry).into_iter().find(Problem::stops_requests) {
            return self.broken(Step::Name, problem);
        }
        if let Some(problem) = client::deaf(mesh, self.client.dns_capture, || self.place()) {
            return self.broken(Step::Name, problem);
        }
        if self.client.dns_capture == Some(true) {
            return Hop::ok(Step::Name, by, format!("the agent answers {address}"));
        }
        match &mesh.facts.mesh.settings {
            Some(settings) if settings.dns_capture => Hop::ok(Step::Name, by, format!("the agent answers {address}")),
            Some(_) => {
                let says = "the agent does not answer DNS; who else does is not known";
                Hop::unknown(Step::Name, says)
                    .with(control_plane::dns_capture(mesh).map(|problem| self.finding(problem)))
            }
            None => {
                let says = format!("{address}, if the agent answers DNS: the mesh's settings were not seen");
                Hop { by, ..Hop::unknown(Step::Name, says) }
            }
        }
    }

    fn route(&self, mesh: &Mesh<'a>, entry: &Held<'a, ServiceEntry>) -> Hop {
        if let Some(problem) = self.other_port(entry) {
            return self.broken(Step::Route, problem);
        }
        let routed = client::routed(mesh, &self.client.namespace, self.host);
        let (wrong, fine): (Vec<_>, Vec<_>) = routed.into_iter().partition(Problem::stops_requests);
        if let Some(problem) = wrong.into_iter().next() {
            return self.broken(Step::Route, problem);
        }
        if !mesh.knows(Kind::VirtualService) {
            return Hop::unknown(Step::Route, "VirtualServices of the cluster were not seen completely");
        }
        match fine.into_iter().next() {
            Some(problem) => Hop::ok(Step::Route, Some(problem.place.to_string()), problem.what.clone())
                .with([self.finding(problem)]),
            None => Hop::ok(Step::Route, None, "no VirtualService is on the host"),
        }
    }

    /// That the client's proxy does not listen on the port that the name is published under.
    fn other_port(&self, entry: &Held<'a, ServiceEntry>) -> Option<Problem> {
        let name = self.desired.names.values().find(|name| name.hosts.contains_key(self.host))?;
        let (_, wanted) = name.port.as_ref()?;
        let is_there = entry.spec.ports.iter().any(|port| port.number == *wanted);
        (!is_there).then(|| {
            let what = format!("it has no port {wanted}, which clients ask for: 502");
            Problem::of_object(Code::EntryPorts, self.cluster, entry.key, what)
        })
    }

    fn rule(&self, mesh: &Mesh<'a>, followed: &Followed<'_, 'a>) -> Hop {
        let Followed { entry, rule } = followed;
        let looked_at = [&self.client.namespace, &entry.key.namespace, mesh.root];
        let is_one = |key: &ObjectKey| key.kind == Kind::DestinationRule && looked_at.contains(&&key.namespace);
        if mesh.facts.unseen.contains(&Kind::DestinationRule) || mesh.unreadable.iter().any(|(key, _)| is_one(key)) {
            return Hop::unknown(Step::Rule, "DestinationRules that may count were not seen, or do not read");
        }
        let Some(rule) = rule else {
            let tls = entry::has_mutual_tls(&entry.spec);
            if tls {
                return Hop::ok(Step::Rule, None, "no DestinationRule; endpoints ask for mutual TLS by their labels");
            }
            let external = entry::client_problems(mesh, entry, None);
            let first = external.into_iter().next().unwrap_or_else(|| {
                let what = "no DestinationRule asks for mutual TLS: 503 UC".to_owned();
                Problem::of_object(Code::RuleTls, self.cluster, entry.key, what)
            });
            return self.broken(Step::Rule, first);
        };
        if let Some(problem) = client::tls_problem(mesh, entry, rule) {
            return self.broken(Step::Rule, problem);
        }
        let sni = entry.spec.ports.first().map(|port| sni(self.host, port.number)).unwrap_or_default();
        let says = format!("mutual TLS with SNI {sni}");
        let found = client::ruled(mesh, entry, Some(rule)).map(|problem| self.finding(problem));
        Hop::ok(Step::Rule, Some(rule.key.to_string()), says).with(found)
    }

    fn endpoints(&self, mesh: &Mesh<'a>, followed: &Followed<'_, 'a>, count: usize) -> Hop {
        let Followed { entry, rule } = followed;
        let spec = rule.map(|rule| &*rule.spec);
        let of_entry = entry::client_problems(mesh, entry, spec);
        let of_rule = rule.map(|rule| entry::rule_problems(mesh, rule, &entry.spec, self.region())).unwrap_or_default();
        let (wrong, fine): (Vec<_>, Vec<_>) = of_entry.into_iter().chain(of_rule).partition(Problem::stops_requests);
        if let Some(problem) = wrong.into_iter().next() {
            return self.broken(Step::Endpoints, problem);
        }
        if count == 0 {
            return Hop::broken(
                Step::Endpoints,
                "no endpoint gets requests from the client's region: 503 UH",
                Vec::new(),
            );
        }
        let region = self.region().unwrap_or("no region");
        let says = format!("{count} for a client in {region}");
        Hop::ok(Step::Endpoints, Some(entry.key.to_string()), says)
            .with(fine.into_iter().map(|problem| self.finding(problem)))
    }
}

impl Followed<'_, '_> {
    /// The identities that the proxy accepts, and the object that says so; none is any of the mesh.
    fn accepted(&self) -> (Vec<Arc<str>>, String) {
        let of_rule = self.rule.and_then(|rule| {
            let sans = rule.spec.traffic_policy.tls.as_ref()?.subject_alt_names.clone();
            (!sans.is_empty()).then(|| (sans, rule.key.to_string()))
        });
        of_rule.unwrap_or_else(|| (self.entry.spec.subject_alt_names.clone(), self.entry.key.to_string()))
    }
}

/// That somebody else's entry is followed.
pub(super) fn foreign(mesh: &Mesh<'_>, entry: &Held<'_, ServiceEntry>) -> Problem {
    let what = "it is followed in place of ours, and a client gets the answers of whom it leads to".to_owned();
    Problem::of_object(Code::HostTaken, mesh.cluster, entry.key, what)
}

/// The SNI by which Istio's proxies ask a gateway for a host.
pub(super) fn sni(host: &str, port: u16) -> String {
    format!("outbound_.{port}_._.{host}")
}
