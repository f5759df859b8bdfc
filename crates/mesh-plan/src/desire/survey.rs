//! What is read of a fleet, cluster by cluster, before names are worked out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::finding::Finding;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;

use super::live::Live;
use super::site::Site;
use super::sources::Serving;
use super::{claims, sources};

/// A fleet as it was read: who serves what, and what clusters hold already.
pub struct Survey<'a> {
    pub(super) fleet: &'a FleetSnapshot,
    pub(super) policy: &'a MeshPolicy,
    pub(super) sites: BTreeMap<&'a ClusterName, Site<'a>>,
    pub(super) serving: Serving<'a>,
    pub(super) live: Live<'a>,
    pub(super) findings: Vec<Finding>,
    /// Virtual addresses of names beyond the fleet, where it is a part of one.
    pub(super) taken: BTreeSet<Arc<str>>,
}

impl<'a> Survey<'a> {
    /// Reads every cluster of `fleet` that was seen.
    pub fn of(fleet: &'a FleetSnapshot, policy: &'a MeshPolicy) -> Self {
        Self::of_part(fleet, policy, BTreeSet::new())
    }

    /// The same of a part of a fleet; `taken` are addresses that the rest of it has.
    pub(crate) fn of_part(fleet: &'a FleetSnapshot, policy: &'a MeshPolicy, taken: BTreeSet<Arc<str>>) -> Self {
        let mut findings = fleet.findings.clone();
        let sites: BTreeMap<&ClusterName, Site<'_>> =
            fleet.members.keys().map(|name| (name, Site::new(name, fleet, policy))).collect();
        let mut serving = Serving::new();
        for site in sites.values() {
            sources::find(site, policy, &mut serving, &mut findings);
        }
        let bases: BTreeSet<Arc<str>> = serving.keys().cloned().collect();
        let live = Live::read(fleet, policy, &sites, &bases);
        claims::withhold(&mut serving, &live, &sites, fleet, policy, &mut findings);
        Self { fleet, policy, sites, serving, live, findings, taken }
    }
}
