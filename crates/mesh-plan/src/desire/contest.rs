//! Which identity each cluster's object of a host is for, where several identities share the host (product contract §6).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use mesh_istio::service_entry::is_cluster_local;
use mesh_model::finding::{Code, Finding};
use mesh_model::host::base_host;
use mesh_model::name::{ClusterName, Host, Identity};
use mesh_model::namesake::{Namesake, rival};
use mesh_model::policy::VipPolicy;

use super::Context;
use super::held::HeldSite;
use super::live::{LiveEntry, LiveHost, LiveName, LiveView};
use super::mesh_port::HTTP_PORT;
use super::port::{self, Port};
use super::routed::why_unrouted;
use super::site::Gateway;
use super::sources::{Pair, Source};
use super::survey::Survey;

/// One identity in one env that somebody serves, or is held to serve, under a host, with the clusters that are its.
pub(super) struct Candidate<'a> {
    /// The base host in lower case.
    pub(super) base: Arc<str>,
    pub(super) pair: &'a Pair,
    /// The host as its workloads spell it; none where nobody is seen to serve.
    pub(super) host: Option<&'a Host>,
    /// Who serves it, of its clusters.
    pub(super) sources: BTreeMap<&'a ClusterName, &'a Source<'a>>,
    /// What is held of it.
    pub(super) live: Option<LiveView<'a>>,
    /// Whose endpoints cannot be seen, of its clusters.
    pub(super) held: BTreeMap<ClusterName, HeldSite>,
    /// Those of them that objects of the base host tell of.
    held_here: BTreeSet<ClusterName>,
    pub(super) port: Port,
    /// The identities whose callers call the host: everybody who shares it.
    pub(super) callees: Rc<[Identity]>,
    pub(super) share: Share,
}

/// The clusters whose object is for one of the identities that share a host.
#[derive(Clone)]
pub(super) enum Share {
    /// It has the host alone.
    All,
    /// It is known from clusters that cannot be written only: nothing is written of it.
    Nothing,
    Part {
        index: usize,
        winner: usize,
        /// Clusters that run exactly one of the identities.
        only: Rc<BTreeMap<ClusterName, usize>>,
    },
}

impl Share {
    pub(super) fn has(&self, cluster: &ClusterName) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Part { index, winner, only } => only.get(cluster).unwrap_or(winner) == index,
        }
    }
}

/// The identities of the host `base`. Of several, a cluster that runs only one gets that one's object, every other the
/// winner's: the live objects' identity, else the smallest of those that other clusters can reach, else the smallest.
pub(super) fn candidates<'a>(
    base: &Arc<str>,
    context: &Context<'a>,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate<'a>> {
    let Survey { serving, live, .. } = context.survey;
    let served = serving.get(base);
    let (live, share) = match live.names.get(base) {
        None if served.is_none() => (live.elsewhere.get(base), Share::Nothing),
        live => (live, Share::All),
    };
    let marked = live.into_iter().flat_map(LiveName::entries).filter_map(|(_, entry)| entry.pair.as_ref());
    let marked: BTreeSet<&Pair> = marked.filter(|(identity, _)| !context.policy.excludes(identity)).collect();
    let pairs: BTreeSet<&'a Pair> = served.into_iter().flat_map(BTreeMap::keys).chain(marked).collect();
    // What is of an excluded identity is no evidence of another.
    let has_excluded = |live: &LiveName<'_>| {
        let mut marked = live.entries().filter_map(|(_, entry)| entry.pair.as_ref());
        marked.any(|(identity, _)| context.policy.excludes(identity))
    };
    let is_alone = pairs.len() == 1 && !live.is_some_and(has_excluded);
    let all = pairs.into_iter().filter_map(|pair| {
        let served = served.and_then(|served| served.get(pair));
        let sources = served.into_iter().flat_map(|served| &served.sources).map(|(cluster, source)| (*cluster, source));
        let live = live.map(|live| if is_alone { LiveView::Whole(live) } else { LiveView::Part(live.of_pair(pair)) });
        let parts = (pair, served.map(|served| &served.host), sources.collect(), live);
        Candidate::new(base, parts, [pair.0.clone()].into(), share.clone(), context, findings)
    });
    let mut all: Vec<Candidate<'a>> = all.collect();
    // One of which nothing is known but that it may not go does not stand against one that somebody serves.
    if all.iter().any(|candidate| candidate.runs().next().is_some()) {
        all.retain(|candidate| candidate.runs().next().is_some());
    }
    let askers: BTreeSet<Namesake<'_>> = all.iter().flat_map(Candidate::namesakes).collect();
    if askers.first().is_some_and(|first| rival(first, askers.iter().copied()).is_some()) {
        let names: Vec<_> = askers.iter().map(Namesake::to_string).collect();
        let message = format!("it is the host of {}", names.join(" and of "));
        findings.push(Finding::new(Code::OneHostTwoIdentities, None, Arc::clone(base), message));
    }
    if all.len() > 1 { shared(base, all, context, findings) } else { all }
}

type Parts<'a> = (&'a Pair, Option<&'a Host>, BTreeMap<&'a ClusterName, &'a Source<'a>>, Option<LiveView<'a>>);

impl<'a> Candidate<'a> {
    /// A candidate of `base`; none where nobody serves it, or its port cannot be published.
    fn new(
        base: &Arc<str>,
        (pair, host, sources, live): Parts<'a>,
        callees: Rc<[Identity]>,
        share: Share,
        context: &Context<'a>,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let all: Vec<_> = live.iter().flat_map(|live| live.entries()).collect();
        let mut held = context.owners.held_sites(&all, &sources);
        if matches!(share, Share::Part { .. }) {
            held.retain(|cluster, _| share.has(cluster));
        }
        let is_unproven = |(holder, entry): &(&ClusterName, &LiveEntry<'_>)| {
            context.owners.unproven(holder, Some(entry), entry.object).is_some()
        };
        let serves = sources.values().any(|source| !source.endpoints.is_empty());
        // What bears the marks of another host may have to stay, but is no reason to write anything.
        let is_of_base =
            || base_host(&pair.1, &pair.0, &context.policy.suffix, false).is_ok_and(|host| *host == **base);
        if !serves && !((!held.is_empty() || all.iter().any(is_unproven)) && is_of_base()) {
            return None;
        }
        // Objects of prefix hosts may be on their way out: they tell of the name only where it cannot have its base host.
        let is_evidence = |(cluster, entry): &(&'a ClusterName, &LiveEntry<'_>)| {
            *entry.host() == **base || context.foreign.taken(cluster, base, &format!("{base}-se")).is_some()
        };
        let evidence: Vec<_> = all.iter().copied().filter(is_evidence).collect();
        let mut held_here = context.owners.held_sites(&evidence, &sources);
        held_here.retain(|cluster, _| held.contains_key(cluster));
        let any_held = !held_here.is_empty()
            || context.owners.holds_port(&evidence, &sources)
            || !serves && evidence.iter().any(is_unproven);
        let has_address =
            context.policy.vip != VipPolicy::Off || all.iter().any(|(_, entry)| entry.address().is_some());
        let Some(port) = port::choose(&sources, any_held, &evidence, has_address) else {
            if serves {
                let message = if has_address {
                    format!("number {HTTP_PORT} can be published of the HTTP family only")
                } else {
                    "only the HTTP family can be published without virtual addresses".to_owned()
                };
                findings.push(Finding::new(Code::PortNotPublished, None, Arc::clone(base), message));
            }
            return None;
        };
        let held_here = held_here.into_keys().collect();
        Some(Self { base: Arc::clone(base), pair, host, sources, live, held, held_here, port, callees, share })
    }

    /// The clusters that run it, or are held to.
    fn runs(&self) -> impl Iterator<Item = &ClusterName> {
        let seen = self.sources.iter().filter(|(_, source)| !source.endpoints.is_empty()).map(|(cluster, _)| *cluster);
        seen.chain(&self.held_here)
    }

    /// Who asks for the host: the workloads that serve it, else what is held of them.
    fn namesakes(&self) -> BTreeSet<Namesake<'_>> {
        let (identity, env) = self.pair;
        let endpoints = self.sources.values().flat_map(|source| source.endpoints.values());
        let workloads = endpoints.flat_map(|local| &local.workloads);
        let told: BTreeSet<_> =
            workloads.map(|workload| Namesake::told(identity, env, workload.partition.as_deref())).collect();
        if told.is_empty() { [Namesake::untold(identity, env)].into() } else { told }
    }

    fn live_base(&self, base: &str) -> Option<&LiveHost<'a>> {
        self.live.as_deref()?.hosts.get(base)
    }

    /// Whether other clusters can reach it: only then does anything of it survive where its sources are not seen.
    fn is_reachable(&self, base: &str, context: &Context<'a>) -> bool {
        let live = self.live_base(base);
        let mut sources = self.sources.iter().filter(|(_, source)| !source.endpoints.is_empty());
        let mut entries = live.into_iter().flat_map(|host| host.entries.values()).filter_map(|entry| entry.spec());
        entries.any(|spec| spec.endpoints.iter().any(|endpoint| !is_cluster_local(&endpoint.address)))
            || sources.any(|(cluster, _)| {
                let site = &context.sites[cluster];
                let Gateway::At { address, .. } = &site.gateway else { return false };
                why_unrouted(site, address, base, self.port.number, live, context).is_none()
            })
    }
}

/// Shares the clusters of `base` out among several identities.
fn shared<'a>(
    base: &Arc<str>,
    all: Vec<Candidate<'a>>,
    context: &Context<'a>,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate<'a>> {
    let mut runs: BTreeMap<&ClusterName, BTreeSet<usize>> = BTreeMap::new();
    for (index, candidate) in all.iter().enumerate() {
        for cluster in candidate.runs() {
            runs.entry(cluster).or_default().insert(index);
        }
    }
    let only = runs.iter().filter(|(_, indices)| indices.len() == 1);
    let only = only.filter_map(|(cluster, indices)| Some(((*cluster).clone(), *indices.first()?)));
    let only: Rc<BTreeMap<ClusterName, usize>> = Rc::new(only.collect());
    // Only clusters that have the choice vote: in the others the plan itself decides, and would change the vote.
    let votes = |candidate: &Candidate<'_>| {
        let entries = candidate.live_base(base).into_iter().flat_map(|host| &host.entries);
        entries.filter(|(cluster, entry)| entry.pair.is_some() && !only.contains_key(**cluster)).count()
    };
    let rank = |candidate: &Candidate<'a>| (votes(candidate), candidate.is_reachable(base, context));
    // `max_by_key` takes the last of equals.
    let winner = all.iter().enumerate().rev().max_by_key(|(_, candidate)| rank(candidate));
    let winner = winner.map_or(0, |(index, _)| index);
    let callees: Rc<[Identity]> = all.iter().map(|candidate| candidate.pair.0.clone()).collect();
    let shares = all.into_iter().enumerate().filter_map(|(index, candidate)| {
        let share = Share::Part { index, winner, only: Rc::clone(&only) };
        let Candidate { pair, host, mut sources, live, .. } = candidate;
        sources.retain(|cluster, _| share.has(cluster));
        let live = live.map(|live| LiveView::Part(live.in_clusters(|cluster| share.has(cluster))));
        Candidate::new(base, (pair, host, sources, live), Rc::clone(&callees), share, context, findings)
    });
    shares.collect()
}
