//! What would become of traffic if everything were written as it is desired: what objects of others, gateways, roots and
//! policies of access do to it.
//!
//! Pure. What Istio does with each mistake was measured on real proxies: `docs/checks.md` has the table.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mesh_istio::ServiceEntry;
use mesh_model::facts::{LabelSet, Workload};
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::Host;
use mesh_model::policy::MeshPolicy;

use crate::desired::{Desired, DesiredObject, Role};
use crate::plan::Plan;

pub(crate) mod client;
pub(crate) mod control_plane;
pub(crate) mod entry;
mod gateway;
mod live;
mod mesh;
mod people;
mod problem;
mod scene;
pub(crate) mod server;
pub(crate) mod trust;

pub(crate) use entry::is_region;
pub(crate) use gateway::EastWest;
pub(crate) use mesh::{Held, Mesh};
pub(crate) use people::Server;
pub(crate) use problem::Problem;
pub(crate) use scene::Scene;
pub(crate) use server::Access;

use problem::Problems;

/// What was found, and what could not be looked at.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// Sorted.
    pub findings: Vec<Finding>,
    /// What is unknown, in words.
    pub unknown: Vec<String>,
}

/// What is wrong with the traffic to the hosts that are wanted, in a fleet that holds what is desired; and what is wrong with
/// all traffic.
pub fn check(
    desired: &Desired,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    now: Timestamp,
    wanted: impl Fn(&Host) -> bool,
) -> Checked {
    let scene = Scene::pushed(desired, fleet, policy);
    let mut problems = Problems::default();
    problems.general(trust::roots(&scene.meshes, now));
    problems.general(trust::trust_domains(&scene.meshes, &scene.sites));
    problems.general(control_plane::versions(&scene.meshes));
    problems.general(control_plane::networks(&scene.sites));
    for (cluster, mesh) in &scene.meshes {
        problems.general(mesh.unreadable.iter().map(|(_, problem)| problem.clone()));
        problems.general(bad_principals(mesh));
        problems.general(of_others(mesh, &scene));
        if let Some(objects) = desired.objects.get(*cluster) {
            let entries = objects.values().filter(|object| object.body.key.kind == Kind::ServiceEntry);
            let entries: Vec<&DesiredObject> = entries.filter(|object| wanted(&object.host)).collect();
            InCluster::of(&scene, mesh, desired).check(&entries, &mut problems);
        }
    }
    live::drifted(desired, fleet, &scene, &mut problems);
    let mut findings = problems.findings(wanted);
    findings.sort();
    Checked { findings, unknown: scene.unknown() }
}

/// The same, as far as it concerns what `plan` would write.
pub fn check_plan(
    plan: &Plan,
    desired: &Desired,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    now: Timestamp,
) -> Checked {
    let written: BTreeSet<&Host> =
        plan.steps.iter().filter(|step| step.is_write()).filter_map(|step| step.host.as_ref()).collect();
    if written.is_empty() {
        return Checked::default();
    }
    check(desired, fleet, policy, now, |host| written.contains(host))
}

/// One cluster, with what it would hold.
struct InCluster<'s, 'a> {
    scene: &'s Scene<'a>,
    mesh: &'s Mesh<'a>,
    desired: &'a Desired,
    gateway: EastWest<'s, 'a>,
}

impl<'s, 'a> InCluster<'s, 'a> {
    fn of(scene: &'s Scene<'a>, mesh: &'s Mesh<'a>, desired: &'a Desired) -> Self {
        let gateway = EastWest::of(mesh, &scene.sites[mesh.cluster]);
        Self { scene, mesh, desired, gateway }
    }

    fn check(&self, entries: &[&'a DesiredObject], problems: &mut Problems<'a>) {
        let mut relays = false;
        let mut has_callers = false;
        for object in entries {
            let Some(entry) = self.mesh.entries_on(&object.host).iter().find(|held| held.key == &object.body.key)
            else {
                continue;
            };
            let Some(name) = self.desired.names.get(&object.base) else { continue };
            problems.about(&object.host, self.mesh.shared_addresses(entry));
            problems.about(&object.host, self.scene.wrong_sans(self.mesh, entry, &object.base));
            if object.role == Role::Source {
                relays |= name.places.iter().any(|place| &place.cluster != self.mesh.cluster);
                problems.about(&object.host, self.served(entry, object));
            }
            for client in self.scene.callers_in(self.mesh.cluster, &name.identity) {
                has_callers = true;
                problems.about(&object.host, self.called(client, entry, object));
            }
        }
        if entries.iter().any(|object| object.role == Role::Source) {
            problems.general(self.gateway.problems(relays));
            problems.general(self.permissive(entries));
        }
        if has_callers {
            problems.general(control_plane::dns_capture(self.mesh));
        }
    }

    /// What stands in the way of requests from other clusters.
    fn served(&self, entry: &Held<'a, ServiceEntry>, object: &'a DesiredObject) -> Vec<Problem> {
        let mut found = Vec::from_iter(self.gateway.closed(&object.host));
        found.extend(entry::hidden_from_gateway(self.mesh, entry));
        for server in self.scene.servers_in(self.mesh.cluster, &object.base) {
            found.extend(server::disabled(self.mesh, *server));
            found.extend(server::nobody_ready(self.mesh, server.workload));
            if self.mesh.has_authorizations(&server.workload.namespace) {
                let callers = self.scene.callers(&self.desired.names[&object.base].identity);
                found.extend(callers.filter_map(|caller| match server::access(self.mesh, server.workload, caller) {
                    server::Access::Denied(problem) => Some(problem),
                    server::Access::Allowed | server::Access::Depends(_) => None,
                }));
            }
        }
        found
    }

    /// What stands in the way of a client here.
    fn called(&self, client: &'a Workload, entry: &Held<'a, ServiceEntry>, object: &'a DesiredObject) -> Vec<Problem> {
        let host = object.host.as_str();
        let mut found = Vec::from_iter(client::hidden(self.mesh, (&client.namespace, &client.labels), host));
        found.extend(client::deaf(self.mesh, client.dns_capture, || {
            format!("{} {}/{}", client.kind.kind(), client.namespace, client.name)
        }));
        found.extend(client::routed(self.mesh, &client.namespace, host));
        let rule = self.mesh.rule_for((&client.namespace, &client.labels), host, &entry.key.namespace);
        found.extend(client::ruled(self.mesh, entry, rule));
        if let Some(rule) = rule.filter(|rule| !rule.is_ours) {
            let region = self.scene.sites[self.mesh.cluster].region.as_deref();
            found.extend(entry::rule_problems(self.mesh, rule, &entry.spec, region));
            found.extend(self.scene.wrong_sans_of_rule(self.mesh, rule, &object.base));
        }
        found
    }

    /// That servers take plaintext as well.
    fn permissive(&self, entries: &[&'a DesiredObject]) -> Option<Problem> {
        if !self.mesh.knows(Kind::PeerAuthentication) {
            return None;
        }
        let namespaces: BTreeSet<_> = entries
            .iter()
            .filter(|object| object.role == Role::Source)
            .flat_map(|object| self.scene.servers_in(self.mesh.cluster, &object.base))
            .map(|server| &server.workload.namespace)
            .filter(|namespace| !server::is_strict(self.mesh, namespace))
            .collect();
        let first = namespaces.first()?;
        let more = if namespaces.len() > 1 { format!(" and {} more", namespaces.len() - 1) } else { String::new() };
        let what = format!("servers in {first}{more} take plaintext as well as mutual TLS");
        Some(Problem::new(Code::MtlsPermissive, Some(self.mesh.cluster), self.mesh.cluster.to_string(), what))
    }
}

/// Entries that others wrote for global names.
fn of_others(mesh: &Mesh<'_>, scene: &Scene<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    let no_labels = LabelSet::default();
    for (host, held) in mesh.foreign_entries().filter(|(_, held)| scene.is_for_mesh(&held.spec)) {
        let namespace = held.key.namespace.as_str();
        let rule = mesh.rule_for((namespace, &no_labels), host, namespace);
        found.extend(entry::entry_problems(mesh, held, rule.map(|rule| &*rule.spec)));
        let gateways = held.spec.endpoints.iter().filter_map(|one| scene.cluster_at(one.address.trim_end_matches('.')));
        for cluster in gateways.filter(|cluster| *cluster != mesh.cluster) {
            let has_entry = scene.meshes.get(cluster).is_none_or(|mesh| !mesh.entries_on(host).is_empty());
            if !has_entry {
                let what = format!("{} leads requests for {host} here, and no entry is on it: 503 UF", mesh.cluster);
                found.push(Problem::new(Code::EntryMissing, Some(cluster), format!("ServiceEntry of {host}"), what));
            }
        }
        if let Some(other) = mesh.entries_on(host).iter().find(|other| other.key < held.key) {
            let what =
                format!("{} is on {host} as well: they are merged, or the one that is closer or older wins", other.key);
            found.push(Problem::of_object(Code::EntryTwice, mesh.cluster, held.key, what));
        }
    }
    found
}

fn bad_principals(mesh: &Mesh<'_>) -> Vec<Problem> {
    let all = mesh.authorizations().flat_map(|held| held.spec.bad_principals().map(move |principal| (held, principal)));
    all.map(|(held, principal)| {
        let what = format!("principal {principal:?} can match nobody");
        Problem::of_object(Code::BadPrincipal, mesh.cluster, held.key, what)
    })
    .collect()
}
