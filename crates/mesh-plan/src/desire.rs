//! From what is to what every cluster should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::host::{service_entry_name, tails};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::owned::{Mark, ObjectKey};
use mesh_model::policy::{MeshPolicy, SanPolicy};

use crate::because::Because;
use crate::closest::did_you_mean;
use crate::desired::Desired;
use crate::limits::MAX_QUESTIONS;

pub(crate) mod callers;
mod claims;
mod contest;
mod entry;
mod foreign;
mod governing;
mod held;
mod hosts;
mod leftovers;
mod live;
mod mesh_port;
mod name;
mod outline;
mod port;
mod routed;
mod rule;
mod shared;
pub(crate) mod site;
pub(crate) mod sources;
mod survey;
mod vip;

use callers::Callers;
use foreign::Foreign;
use governing::PolicyIndex;
use held::Owners;
use live::{Live, LiveEntry, LiveHost, LiveName};
use name::NamePlan;
use site::Site;

pub use survey::Survey;

/// What every cluster of `fleet` should hold. Total: problems are findings. `now` dates new ex-sources (deviation D18).
pub fn desire(fleet: &FleetSnapshot, policy: &MeshPolicy, now: Timestamp) -> Desired {
    Names::of(&Survey::of(fleet, policy), now).desire()
}

/// Every global name of a fleet, worked out as far as names depend on each other: hosts and addresses are given.
pub struct Names<'a> {
    context: Context<'a>,
    plans: Vec<NamePlan<'a>>,
    /// Which of them have a host, by host in lower case.
    by_host: BTreeMap<String, Vec<usize>>,
    addresses: Addresses,
    findings: Vec<Finding>,
}

/// What is looked up of a fleet while names are worked out.
struct Context<'a> {
    survey: &'a Survey<'a>,
    policy: &'a MeshPolicy,
    now: Timestamp,
    sites: &'a BTreeMap<&'a ClusterName, Site<'a>>,
    callers: Callers<'a>,
    index: PolicyIndex<'a>,
    foreign: Foreign<'a>,
    owners: Owners<'a>,
    /// Where a ServiceEntry of an excluded identity is, by host in lower case: nothing is written there.
    excluded: BTreeSet<(Arc<str>, &'a ClusterName)>,
}

impl<'a> Context<'a> {
    fn of(survey: &'a Survey<'a>, now: Timestamp) -> Self {
        let Survey { fleet, policy, sites, .. } = survey;
        Self {
            survey,
            policy,
            now,
            sites,
            callers: Callers::read(fleet, sites, policy),
            index: PolicyIndex::read(fleet, policy),
            foreign: Foreign::read(fleet, policy),
            owners: Owners::new(sites),
            excluded: survey.live.excluded(policy),
        }
    }
}

impl<'a> Names<'a> {
    /// Works out every name of the fleet that was surveyed.
    pub fn of(survey: &'a Survey<'a>, now: Timestamp) -> Self {
        let context = Context::of(survey, now);
        let mut findings = survey.findings.clone();
        let Survey { serving, live, .. } = survey;
        let bases: BTreeSet<&Arc<str>> = serving.keys().chain(live.names.keys()).chain(live.elsewhere.keys()).collect();
        let mut plans = Vec::new();
        for base in bases {
            let candidates = contest::candidates(base, &context, &mut findings);
            plans.extend(candidates.into_iter().filter_map(|one| NamePlan::of(one, &context, &mut findings)));
        }
        separate(&mut plans, &mut findings);
        let addresses = addresses(survey.fleet, &context, &plans, &survey.live, &mut findings);
        let mut by_host: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, plan) in plans.iter().enumerate() {
            for host in &plan.hosts {
                by_host.entry(host.host.to_lowercase()).or_default().push(at);
            }
        }
        Self { context, plans, by_host, addresses, findings }
    }

    /// What every cluster should hold.
    pub fn desire(&self) -> Desired {
        let mut desired = self.without_objects();
        for plan in &self.plans {
            plan.write(&self.context, &self.addresses, &mut desired);
        }
        for (base, name) in &self.context.survey.live.names {
            let plans = self.plans_of(base);
            for (host, held) in &name.hosts {
                leftovers::judge(name, (base, host), held, &plans, &self.context, &mut desired);
            }
        }
        desired.findings.sort();
        desired.findings.dedup();
        desired
    }

    /// Every name and what was found on the way to it, but no object yet: for [`Self::desire_one`] to add to.
    pub fn without_objects(&self) -> Desired {
        let mut desired = self.of_part();
        fleet_findings(self.context.survey.fleet, &self.context, &self.plans, &mut desired.findings);
        desired
    }

    /// The same without what only a whole fleet tells: that nobody serves what is called, and the like.
    pub(crate) fn of_part(&self) -> Desired {
        let mut desired = Desired { findings: self.findings.clone(), ..Desired::default() };
        for plan in &self.plans {
            desired.names.insert(plan.base.clone(), plan.summary(&self.context, &self.addresses));
        }
        for (cluster, _) in self.context.sites.iter().filter(|(_, site)| site.is_writable()) {
            desired.objects.insert((*cluster).clone(), BTreeMap::new());
        }
        desired
    }

    /// Adds to `desired` what every cluster should hold of the name whose base host is `base`: all that is wanted where
    /// a person asks about one name. What another name wants on a host that is held as this one's comes with it, and so do
    /// findings, in no order.
    pub fn desire_one(&self, base: &Host, desired: &mut Desired) {
        let hosts = self.hosts_of(base);
        let plans: BTreeSet<usize> =
            hosts.iter().filter_map(|host| self.by_host.get(host)).flatten().copied().collect();
        for at in plans {
            self.plans[at].write(&self.context, &self.addresses, desired);
        }
        for (base, name, host, held) in self.held_on(&hosts) {
            leftovers::judge(name, (base, host), held, &self.plans_of(base), &self.context, desired);
        }
    }

    /// The base hosts of the names that `identities` have, or whose objects carry one of them as a mark. Several identities
    /// may share a host, and it then bears the name of one of them: what a host ends in counts as well.
    pub(crate) fn bases_of(&self, identities: &BTreeSet<Arc<str>>) -> BTreeSet<Host> {
        let Survey { serving, live: Live { names, elsewhere }, policy, .. } = self.context.survey;
        let endings: BTreeSet<String> =
            identities.iter().map(|identity| format!("{identity}.{}", policy.suffix).to_lowercase()).collect();
        let is_ending = |base: &str| tails(base).any(|tail| endings.contains(tail));
        let is_marked = |name: &LiveName<'_>| {
            let marks = name.entries().filter_map(|(_, entry)| entry.identity(policy));
            marks.into_iter().any(|mark| identities.contains(mark))
        };
        let own = self.plans.iter().filter(|plan| identities.contains(plan.pair.0.as_str()));
        let mut bases: BTreeSet<Host> = own.map(|plan| plan.base.clone()).collect();
        let served = serving.iter().filter(|(base, pairs)| {
            is_ending(base) || pairs.keys().any(|(identity, _)| identities.contains(identity.as_str()))
        });
        let held = names.iter().chain(elsewhere).filter(|(base, name)| is_ending(base) || is_marked(name));
        let all = served.map(|(base, _)| base).chain(held.map(|(base, _)| base));
        bases.extend(all.filter_map(|base| Host::parse(base).ok()));
        bases
    }

    /// What is held of the name whose base host is `base`, by cluster.
    pub(crate) fn held_of(&self, base: &Host) -> impl Iterator<Item = (&'a ClusterName, &'a ObjectKey)> {
        let hosts = self.hosts_of(base);
        let held: Vec<_> = self.held_on(&hosts).flat_map(|(_, _, _, held)| held.objects()).collect();
        held.into_iter()
    }

    /// The hosts of a name, in lower case: its own, and those that are held as its.
    fn hosts_of(&self, base: &Host) -> BTreeSet<String> {
        let base = base.to_lowercase();
        let live = self.context.survey.live.names.get(base.as_str());
        let held = live.into_iter().flat_map(|name| name.hosts.keys().map(ToString::to_string));
        let own = self.plans_of(&base).into_iter().flat_map(|plan| &plan.hosts).map(|host| host.host.to_lowercase());
        held.chain(own).collect()
    }

    /// What is held on hosts, each with the name that it is held as: a host is held as that of a name which it is or
    /// ends in.
    fn held_on<'h>(
        &'h self,
        hosts: &'h BTreeSet<String>,
    ) -> impl Iterator<Item = (&'h str, &'h LiveName<'a>, &'h str, &'h LiveHost<'a>)> {
        let live = &self.context.survey.live.names;
        hosts.iter().flat_map(move |host| {
            std::iter::once(host.as_str()).chain(tails(host)).filter_map(move |base| {
                let name = live.get(base)?;
                Some((base, name, host.as_str(), name.hosts.get(host.as_str())?))
            })
        })
    }

    /// The plans of a base host: one, but for identities that share it.
    fn plans_of(&self, base: &str) -> Vec<&NamePlan<'a>> {
        let here = self.by_host.get(base).into_iter().flatten().map(|at| &self.plans[*at]);
        here.filter(|plan| plan.base.eq_ignore_ascii_case(base)).collect()
    }
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
    context: &Context<'_>,
    plans: &[NamePlan<'_>],
    live: &Live<'_>,
    findings: &mut Vec<Finding>,
) -> Addresses {
    let staying = leftovers::kept_addresses(live, plans, context);
    let stores: Vec<_> = fleet.seen().map(|(_, facts)| &facts.vip_store).filter(|store| !store.is_empty()).collect();
    let mut hosts: BTreeMap<Arc<str>, vip::Kept> = BTreeMap::new();
    for plan in plans {
        for name_host in &plan.hosts {
            let lower: Arc<str> = name_host.host.to_lowercase().into();
            // Several identities may share the host, and with it the address.
            let kept = hosts.entry(Arc::clone(&lower)).or_default();
            let entry = service_entry_name(&name_host.host);
            kept.stored = stores.iter().find_map(|store| store.get(entry.as_str()).cloned());
            let held_now = plan.live.as_deref().and_then(|live| live.hosts.get(&lower));
            for (cluster, entry) in held_now.into_iter().flat_map(|host| &host.entries) {
                let is_ours = entry.object.mark == Mark::Ours && context.sites[cluster].is_writable();
                let held = if is_ours { &mut kept.ours } else { &mut kept.others };
                if let Some(address) = entry.address() {
                    match held.get_mut(address) {
                        Some(count) => *count += 1,
                        None => drop(held.insert(address.into(), 1)),
                    }
                }
            }
            let base = plan.base.to_lowercase();
            let old = live.elsewhere.get(base.as_str()).and_then(|name| name.hosts.get(&lower));
            for address in old.into_iter().flat_map(|host| host.entries.values()).filter_map(LiveEntry::address) {
                kept.others.entry(address.into()).or_insert(1);
            }
        }
    }
    for plan in plans {
        for name_host in &plan.hosts {
            let lower = name_host.host.to_lowercase();
            let Some(kept) = hosts.get_mut(lower.as_str()) else { continue };
            for address in kept.ours.keys().chain(kept.others.keys()).chain(&kept.stored) {
                let stays = staying.get(&**address).into_iter().flatten();
                let mut others = stays.filter(|(at, other)| ***other != *lower && plan.roles.contains_key(at));
                kept.barred.extend(others.next().map(|(_, other)| (Arc::clone(address), Arc::clone(other))));
            }
        }
    }
    let foreign =
        fleet.seen().flat_map(|(_, facts)| &facts.foreign).flat_map(|object| object.addresses.iter().cloned());
    let mut reserved: BTreeSet<Arc<str>> = foreign.chain(staying.keys().map(|address| Arc::from(*address))).collect();
    reserved.extend(context.survey.taken.iter().cloned());
    // Hosts that are held or on their way out keep theirs for now.
    let all = live.names.values().chain(live.elsewhere.values()).flat_map(|name| &name.hosts);
    for (_, held) in all.filter(|(host, _)| !hosts.contains_key(*host)) {
        let addresses = held.entries.values().filter_map(|entry| entry.spec()).flat_map(|spec| &spec.addresses);
        reserved.extend(addresses.map(|address| Arc::from(&**address)));
    }
    let allotment = vip::allot(&context.policy.vip, &hosts, &reserved);
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
    let mut asked = 0;
    for (identity, origin) in context.callers.destinations() {
        if fleet.is_complete() && !identities.contains(identity) && !context.policy.excludes(identity) {
            let place = format!("{} {}", origin.kind, origin.name);
            let message = format!("nobody serves {identity}");
            let mut finding = Finding::new(Code::DeadDependency, Some(&origin.cluster), place, message);
            asked += 1;
            // Each question compares with every identity: a fleet full of dead Dependencies must not cost their product.
            if asked <= MAX_QUESTIONS
                && let Some(meant) = did_you_mean(identity, identities.iter().copied())
            {
                finding.next = format!("{meant} {}", finding.next);
            }
            findings.push(finding);
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
