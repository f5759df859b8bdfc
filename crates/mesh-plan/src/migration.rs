//! Changes of the policy that part with what is written already: another suffix, sync namespace, identity key or range of
//! virtual addresses.
//!
//! Nothing remembers the former policy; the live objects tell what they were written under. Another range moves nothing,
//! for addresses in use are kept (deviation D3): it shows where the first address is taken from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::host::{identity_label, named_host};
use mesh_model::kind::Kind;
use mesh_model::owned::{ASSOCIATED_GTP, DNS_PREFIX, IDENTITY_LABEL, Mark, ObjectKey, OwnedObject};
use mesh_model::policy::{Ipv4Range, MeshPolicy, VipPolicy};
use serde::{Deserialize, Serialize};

use crate::plan::{Action, Plan, Step};

/// A setting of the policy under which live objects were written otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Setting {
    /// `suffix`.
    #[serde(rename = "suffix")]
    Suffix,
    /// `syncNamespace`.
    #[serde(rename = "syncNamespace")]
    SyncNamespace,
    /// `keys.identity`.
    #[serde(rename = "keys.identity")]
    IdentityKey,
    /// `vip.range`.
    #[serde(rename = "vip.range")]
    VipRange,
}

/// What a changed setting moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// The setting.
    pub setting: Setting,
    /// What live objects were written under, sorted.
    pub from: BTreeSet<Arc<str>>,
    /// What the policy says.
    pub to: Arc<str>,
    /// Live objects that change or go for it, held ones included; for [`Setting::VipRange`] those that keep their address.
    pub objects: usize,
    /// Whether the plan writes anything of the names that move; else they are only held.
    pub is_written: bool,
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = match self.setting {
            Setting::Suffix => "suffix",
            Setting::SyncNamespace => "sync namespace",
            Setting::IdentityKey => "identity key",
            Setting::VipRange => "range of virtual addresses",
        };
        let from: Vec<&str> = self.from.iter().map(|from| &**from).collect();
        let (objects, plural) = (self.objects, if self.objects == 1 { "" } else { "s" });
        write!(f, "the {setting} changes from {} to {}, ", from.join(", "), self.to)?;
        if self.setting == Setting::VipRange {
            return write!(f, "from which new hosts take theirs; {objects} live object{plural} keep what they have");
        }
        write!(f, "which moves {objects} live object{plural}")
    }
}

/// The migrations that `plan` is part of, in the order of [`Setting`]. Only objects of our own mark tell: Admiral's are
/// adopted as they are.
pub fn migrations(plan: &Plan, fleet: &FleetSnapshot, policy: &MeshPolicy) -> Vec<Migration> {
    let mut found: BTreeMap<Setting, Found<'_>> = BTreeMap::new();
    let mut seen: BTreeSet<(&str, &ObjectKey)> = BTreeSet::new();
    // Claims are the clusters', and move nowhere.
    for step in plan.steps.iter().filter(|step| !step.key.kind.is_of_claims()) {
        let Some(object) = live(step, fleet) else { continue };
        if object.mark != Mark::Ours || !seen.insert((step.cluster.as_str(), &step.key)) {
            continue;
        }
        for (setting, from) in [
            (Setting::Suffix, former_suffix(step, object, fleet, policy)),
            (Setting::SyncNamespace, former_namespace(&step.key, policy)),
            (Setting::IdentityKey, former_key(object, policy)),
        ] {
            let Some(from) = from else { continue };
            let found = found.entry(setting).or_default();
            found.from.insert(from);
            found.objects += 1;
            found.names.extend(step.identity.as_deref());
            found.is_written |= step.is_write();
        }
    }
    if let Some(range) = former_range(plan, fleet, policy) {
        found.insert(Setting::VipRange, range);
    }
    let to = |setting| match setting {
        Setting::Suffix => policy.suffix.as_str().into(),
        Setting::SyncNamespace => policy.sync_namespace.as_str().into(),
        Setting::IdentityKey => policy.keys.identity.as_str().into(),
        Setting::VipRange => match policy.vip {
            VipPolicy::Range { range, .. } => range.to_string().into(),
            VipPolicy::Off => "off".into(),
        },
    };
    let migration = |(setting, found): (Setting, Found<'_>)| Migration {
        setting,
        to: to(setting),
        objects: found.objects,
        is_written: found.is_written || found.concerns(plan),
        from: found.from,
    };
    found.into_iter().map(migration).collect()
}

#[derive(Default)]
struct Found<'a> {
    from: BTreeSet<Arc<str>>,
    objects: usize,
    /// Identities of what moves.
    names: BTreeSet<&'a str>,
    is_written: bool,
}

impl Found<'_> {
    /// Whether `plan` writes anything of the names that move: what takes the place of a held object comes first.
    fn concerns(&self, plan: &Plan) -> bool {
        let moves = |step: &Step| step.identity.as_deref().is_some_and(|identity| self.names.contains(identity));
        plan.steps.iter().any(|step| step.is_write() && moves(step))
    }
}

fn live<'f>(step: &'f Step, fleet: &'f FleetSnapshot) -> Option<&'f OwnedObject> {
    match &step.action {
        Action::Update { base, .. } | Action::Delete { base } => Some(base),
        Action::Create { .. } => None,
        Action::Hold { .. } => owned(step, &step.key, fleet),
    }
}

fn owned<'f>(step: &Step, key: &ObjectKey, fleet: &'f FleetSnapshot) -> Option<&'f OwnedObject> {
    match fleet.members.get(&step.cluster)? {
        ClusterView::Seen(facts) | ClusterView::Retired(Some(facts)) => facts.owned.get(key),
        ClusterView::Unseen(_) | ClusterView::Retired(None) => None,
    }
}

fn former_namespace(key: &ObjectKey, policy: &MeshPolicy) -> Option<Arc<str>> {
    (key.namespace != policy.sync_namespace).then(|| key.namespace.as_str().into())
}

/// The suffix of the host that an object is named for, if it is not the policy's. The name tells, which nobody can edit.
fn former_suffix(step: &Step, object: &OwnedObject, fleet: &FleetSnapshot, policy: &MeshPolicy) -> Option<Arc<str>> {
    let host = named_host(&step.key)?;
    let entry = if step.key.kind == Kind::ServiceEntry {
        Some(object)
    } else {
        let name = format!("{host}-se").into();
        let entry = ObjectKey { kind: Kind::ServiceEntry, name, namespace: step.key.namespace.clone() };
        owned(step, &entry, fleet)
    };
    let suffix = policy.suffix.to_lowercase();
    let told = entry.and_then(|entry| suffix_told(host, entry, policy));
    // A DestinationRule without its ServiceEntry tells its host only.
    let untold = || host.strip_suffix(&*suffix).is_none_or(|rest| !rest.ends_with('.')).then(|| host.into());
    match told {
        Some(told) => (*told != *suffix).then_some(told),
        None => untold(),
    }
}

/// What follows env and identity in `host`, by the marks of its ServiceEntry.
fn suffix_told(host: &str, entry: &OwnedObject, policy: &MeshPolicy) -> Option<Arc<str>> {
    let env = entry.labels.get(policy.keys.env.as_str())?;
    let identity = entry.annotations.get(policy.keys.identity.as_str()).or_else(|| Some(other_identity(entry)?.1))?;
    let name = format!("{env}.{identity}.").to_lowercase();
    let at = host.find(&name)?;
    (at == 0 || host[..at].ends_with('.')).then(|| host[at + name.len()..].into())
}

/// The annotation that records the identity, if it is not the policy's key.
fn former_key(object: &OwnedObject, policy: &MeshPolicy) -> Option<Arc<str>> {
    if object.annotations.contains_key(policy.keys.identity.as_str()) {
        return None;
    }
    Some(Arc::clone(other_identity(object)?.0))
}

/// An annotation whose value is the identity that the object's label was made of.
fn other_identity(object: &OwnedObject) -> Option<(&Arc<str>, &Arc<str>)> {
    let label = object.labels.get(IDENTITY_LABEL)?;
    let is_key = |key: &str| key != ASSOCIATED_GTP && key != DNS_PREFIX;
    let mut told = object.annotations.iter().filter(|(key, value)| is_key(key) && identity_label(value) == **label);
    told.next()
}

/// What live objects of ours have for addresses, if `plan` takes the first one from the policy's range. What Admiral allotted
/// tells nothing of a range of ours.
fn former_range<'a>(plan: &Plan, fleet: &FleetSnapshot, policy: &MeshPolicy) -> Option<Found<'a>> {
    let VipPolicy::Range { range, .. } = policy.vip else { return None };
    let takes = |step: &Step| match &step.action {
        Action::Create { body } | Action::Update { body, .. } => {
            body.key.kind == Kind::ServiceEntry && addresses(&body.spec).any(|address| range.has(address))
        }
        Action::Delete { .. } | Action::Hold { .. } => false,
    };
    if !plan.steps.iter().any(takes) {
        return None;
    }
    let admirals: BTreeSet<Ipv4Addr> =
        fleet.seen().flat_map(|(_, facts)| facts.vip_store.values()).filter_map(|text| text.parse().ok()).collect();
    let mut former = Vec::new();
    for (_, facts) in fleet.seen() {
        for (key, object) in &facts.owned {
            if key.kind != Kind::ServiceEntry || object.mark != Mark::Ours {
                continue;
            }
            let Some(address) = addresses(&object.spec).find(|address| !admirals.contains(address)) else { continue };
            if range.has(address) {
                return None;
            }
            former.push(address);
        }
    }
    let objects = former.len();
    let from = BTreeSet::from([Ipv4Range::spanning(former)?.to_string().into()]);
    Some(Found { from, objects, names: BTreeSet::new(), is_written: true })
}

/// The IPv4 addresses of a ServiceEntry's spec.
fn addresses(spec: &str) -> impl Iterator<Item = Ipv4Addr> {
    #[derive(Default, Deserialize)]
    struct Spec {
        #[serde(default)]
        addresses: Vec<String>,
    }
    let spec: Spec = serde_json::from_str(spec).unwrap_or_default();
    spec.addresses.into_iter().filter_map(|address| address.parse().ok())
}
