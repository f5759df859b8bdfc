//! From what is to what every cluster should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::host::service_entry_name;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;
use mesh_model::policy::{MeshPolicy, SanPolicy};

use crate::because::Because;
use crate::desired::Desired;

mod callers;
mod claims;
mod entry;
mod foreign;
mod governing;
mod held;
mod hosts;
mod leftovers;
mod live;
mod mesh_port;
mod name;
mod port;
mod rule;
mod shared;
pub(crate) mod site;
mod sources;
mod vip;

use callers::Callers;
use foreign::Foreign;
use governing::PolicyIndex;
use held::Owners;
use live::Live;
use name::NamePlan;
use site::Site;
use sources::Serving;

/// Everything that was worked out of the fleet before names are looked at one by one.
struct Context<'a> {
    policy: &'a MeshPolicy,
    now: Timestamp,
    sites: &'a BTreeMap<&'a ClusterName, Site<'a>>,
    callers: Callers<'a>,
    index: PolicyIndex<'a>,
    foreign: Foreign<'a>,
    owners: Owners<'a>,
}

/// What every cluster of `fleet` should hold. Total: problems are findings. `now` dates new ex-sources (deviation D18).
pub fn desire(fleet: &FleetSnapshot, policy: &MeshPolicy, now: Timestamp) -> Desired {
    let mut desired = Desired { findings: fleet.findings.clone(), ..Desired::default() };
    let sites: BTreeMap<&ClusterName, Site<'_>> =
        fleet.members.keys().map(|name| (name, Site::new(name, fleet, policy))).collect();
    let mut serving = Serving::new();
    for site in sites.values() {
        sources::find(site, policy, &mut serving, &mut desired.findings);
    }
    let bases: BTreeSet<Arc<str>> = serving.keys().cloned().collect();
    let live = Live::read(fleet, policy, &bases);
    claims::withhold(&mut serving, &live, &sites, fleet, policy, &mut desired.findings);
    let context = Context {
        policy,
        now,
        sites: &sites,
        callers: Callers::read(fleet, &sites, policy),
        index: PolicyIndex::read(fleet, policy),
        foreign: Foreign::read(fleet, policy),
        owners: Owners::new(&sites),
    };
    for (cluster, site) in &sites {
        if site.is_writable() {
            desired.objects.insert((*cluster).clone(), BTreeMap::new());
        }
    }
    let none = BTreeMap::new();
    let all: BTreeSet<&Arc<str>> = serving.keys().chain(live.names.keys()).collect();
    let mut plans = Vec::new();
    for base in all {
        let served = serving.get(base).unwrap_or(&none);
        plans.extend(NamePlan::of(base, served, live.names.get(base), &context, &mut desired));
    }
    separate(&mut plans, &mut desired.findings);
    let addresses = addresses(fleet, policy, &plans, &live, &mut desired.findings);
    for plan in &plans {
        plan.write(&context, &addresses, &mut desired);
    }
    leftovers::judge(&live, &plans, &context, &mut desired);
    fleet_findings(fleet, &context, &plans, &mut desired.findings);
    desired.findings.sort();
    desired.findings.dedup();
    desired
}

type Addresses = BTreeMap<Arc<str>, Vec<Arc<str>>>;

/// Takes away prefix hosts that are hosts of another name too: no two objects of a cluster may claim one host (law L6).
fn separate(plans: &mut [NamePlan<'_>], findings: &mut Vec<Finding>) {
    let bases: BTreeSet<String> = plans.iter().map(|plan| plan.base.to_lowercase()).collect();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for plan in plans {
        let base = plan.base.to_lowercase();
        plan.hosts.retain(|host| {
            let lower = host.host.to_lowercase();
            if !host.prefixed {
                return true;
            }
            let other = if bases.contains(&lower) {
                Some(lower.clone())
            } else {
                let owner = taken.entry(lower.clone()).or_insert_with(|| base.clone());
                (*owner != base).then(|| owner.clone())
            };
            if let Some(other) = &other {
                let message = format!("a prefix of {base} gives it, and it belongs to {other}");
                findings.push(Finding::new(Code::PrefixCollision, None, lower, message));
            }
            other.is_none()
        });
    }
}

/// Virtual addresses of every host (deviation D3).
fn addresses(
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    plans: &[NamePlan<'_>],
    live: &Live<'_>,
    findings: &mut Vec<Finding>,
) -> Addresses {
    let stores: Vec<_> = fleet.seen().map(|(_, facts)| &facts.vip_store).filter(|store| !store.is_empty()).collect();
    let mut hosts: BTreeMap<Arc<str>, vip::Kept> = BTreeMap::new();
    for plan in plans {
        for name_host in &plan.hosts {
            let lower: Arc<str> = name_host.host.to_lowercase().into();
            let mut kept = vip::Kept::default();
            let entry = service_entry_name(&name_host.host);
            kept.stored = stores.iter().find_map(|store| store.get(entry.as_str()).cloned());
            let live = plan.live.and_then(|live| live.hosts.get(&lower));
            for entry in live.into_iter().flat_map(|host| host.entries.values()) {
                let first = entry
                    .spec()
                    .and_then(|spec| spec.addresses.iter().find(|a| a.parse::<std::net::Ipv4Addr>().is_ok()));
                if let Some(address) = first {
                    *kept.held.entry(Arc::clone(address)).or_default() += 1;
                }
            }
            hosts.insert(lower, kept);
        }
    }
    let foreign =
        fleet.seen().flat_map(|(_, facts)| &facts.foreign).flat_map(|object| object.addresses.iter().cloned());
    let mut reserved: BTreeSet<Arc<str>> = foreign.collect();
    // Hosts that are held or on their way out keep theirs for now.
    for (_, held) in live.names.values().flat_map(|name| &name.hosts).filter(|(host, _)| !hosts.contains_key(*host)) {
        reserved.extend(held.entries.values().filter_map(|entry| entry.spec()).flat_map(|spec| spec.addresses.clone()));
    }
    let allotment = vip::allot(&policy.vip, &hosts, &reserved);
    for (host, address, other) in &allotment.collisions {
        findings.push(Finding::new(
            Code::VipCollision,
            None,
            Arc::clone(host),
            format!("{address} belongs to {other}"),
        ));
    }
    for host in &allotment.full {
        findings.push(Finding::new(Code::VipRange, None, Arc::clone(host), "no address is left in the range".into()));
    }
    allotment.addresses
}

fn fleet_findings(fleet: &FleetSnapshot, context: &Context<'_>, plans: &[NamePlan<'_>], findings: &mut Vec<Finding>) {
    let identities: BTreeSet<&str> = plans.iter().map(|plan| plan.pair.0.as_str()).collect();
    for (identity, origin) in context.callers.destinations() {
        if fleet.is_complete() && !identities.contains(identity) && !context.policy.excludes(identity) {
            let place = format!("{} {}", origin.kind, origin.name);
            let message = format!("nobody serves {identity}");
            findings.push(Finding::new(Code::DeadDependency, Some(&origin.cluster), place, message));
        }
    }
    for (address, clusters) in context.owners.shared_gateways() {
        let names: Vec<&str> = clusters.iter().map(|cluster| cluster.as_str()).collect();
        let message = format!("it is the gateway of {}", names.join(" and "));
        findings.push(Finding::new(Code::SharedGatewayAddress, None, Arc::clone(address), message));
    }
    let serving: BTreeSet<&ClusterName> = plans.iter().flat_map(|plan| plan.sources.keys().copied()).collect();
    for (cluster, site) in context.sites.iter().filter(|(cluster, _)| serving.contains(*cluster)) {
        if site.region.is_none() && site.region_known {
            findings.push(Finding::new(Code::NoRegion, Some(cluster), cluster.as_str(), "it has no region".into()));
        }
        if site.gateway == site::Gateway::Missing && site.sees(Kind::Service) {
            let message = "it serves, but other clusters have no address to reach it by".into();
            findings.push(Finding::new(Code::NoGateway, Some(cluster), cluster.as_str(), message));
        }
    }
    for (cluster, facts) in fleet.seen() {
        if let Some(admiral) = &facts.admiral {
            let place = format!("Deployment {admiral}");
            findings.push(Finding::new(Code::BesideAdmiral, Some(cluster), place, "Admiral runs here".into()));
        }
    }
    if context.policy.sans == SanPolicy::Off && !plans.is_empty() {
        let message = "clients do not check whom they reach".into();
        findings.push(Finding::new(Code::NoServerIdentity, None, "policy sans", message));
    }
    let governed: BTreeSet<(Kind, &str, &str)> = plans
        .iter()
        .flat_map(|plan| &plan.governing.choices)
        .map(|choice| (choice.kind, choice.cluster.as_str(), &*choice.name))
        .collect();
    for (kind, cluster, meta) in context.index.all() {
        let name = format!("{}/{}", meta.namespace, meta.name);
        let sees = context.sites.get(cluster).is_some_and(Site::sees_sources);
        if sees && !governed.contains(&(kind, cluster.as_str(), name.as_str())) {
            let message = format!("no workload of {} serves {} in env {}", meta.namespace, meta.identity, meta.env);
            findings.push(Finding::new(Code::PolicyWithoutWorkload, Some(cluster), format!("{kind} {name}"), message));
        }
    }
}

/// Keeps what is live of `key` in `cluster`, or holds its creation.
fn keep(desired: &mut Desired, cluster: &ClusterName, key: ObjectKey, because: Because) {
    desired.kept.insert((cluster.clone(), key), because);
}
