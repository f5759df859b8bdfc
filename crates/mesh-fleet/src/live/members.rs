//! Which of the clusters that answered is which member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::name::ClusterName;
use mesh_model::policy::{Member, MeshPolicy};

use super::contact::Contact;

/// A source's cluster that did not answer, or whose credentials cannot be used.
#[derive(Debug, Clone)]
pub(crate) struct Unreached {
    /// What the source calls it.
    pub(crate) name: String,
    /// Lower case, no period.
    pub(crate) why: String,
}

/// A member, and its cluster where it was reached.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) name: ClusterName,
    pub(crate) member: Option<Member>,
    pub(crate) contact: Result<Contact, String>,
}

/// The members in order of their names, and clusters that are none.
pub(crate) struct Joined {
    pub(crate) places: Vec<Place>,
    pub(crate) strangers: Vec<ClusterName>,
    /// Names of a source that lead to a cluster that another name leads to.
    pub(crate) doubles: Vec<(String, String)>,
}

/// Without a list of members every cluster of the source is one; two names of one cluster are one cluster.
pub(crate) fn join(policy: &MeshPolicy, contacts: &[Contact], unreached: &[Unreached]) -> Joined {
    let mut joined = if policy.fleet.members.is_empty() {
        every_cluster(contacts, unreached)
    } else {
        listed(&policy.fleet.members, contacts, unreached)
    };
    joined.places.sort_by(|a, b| a.name.cmp(&b.name));
    joined.strangers.sort();
    joined
}

fn every_cluster(contacts: &[Contact], unreached: &[Unreached]) -> Joined {
    let mut joined = Joined { places: Vec::new(), strangers: Vec::new(), doubles: Vec::new() };
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    let mut sorted: Vec<&Contact> = contacts.iter().collect();
    sorted.sort_by(|a, b| a.target.name.cmp(&b.target.name));
    for contact in sorted {
        if let Some(first) = known.get(&*contact.uid) {
            joined.doubles.push((contact.target.name.clone(), (*first).to_owned()));
            continue;
        }
        known.insert(&contact.uid, &contact.target.name);
        joined.push(&contact.target.name, Ok(contact.clone()));
    }
    for cluster in unreached {
        joined.push(&cluster.name, Err(cluster.why.clone()));
    }
    joined
}

fn listed(members: &[Member], contacts: &[Contact], unreached: &[Unreached]) -> Joined {
    let mut joined = Joined { places: Vec::new(), strangers: Vec::new(), doubles: Vec::new() };
    let mut taken: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
    for member in members {
        let contact = contact_of(member, contacts, unreached);
        if let Ok(contact) = &contact {
            taken.entry(Arc::clone(&contact.uid)).or_default().push(joined.places.len());
        }
        joined.places.push(Place { name: member.name.clone(), member: Some(member.clone()), contact });
    }
    for places in taken.values().filter(|places| places.len() > 1) {
        let names: Vec<String> = places.iter().map(|place| joined.places[*place].name.to_string()).collect();
        for place in places {
            joined.places[*place].contact = Err(format!("members {} reach one cluster", names.join(" and ")));
        }
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for contact in contacts.iter().filter(|contact| !taken.contains_key(&contact.uid)) {
        if seen.insert(&contact.uid) {
            joined.strangers.extend(ClusterName::parse(&contact.target.name));
        }
    }
    joined
}

/// A member is its UID, wherever it is found; else what its context leads to.
fn contact_of(member: &Member, contacts: &[Contact], unreached: &[Unreached]) -> Result<Contact, String> {
    let wanted = member.context.as_deref().unwrap_or(&member.name);
    let named = contacts.iter().find(|contact| contact.target.name == wanted);
    let found = match &member.uid {
        Some(uid) => {
            let same = |contact: &&Contact| &*contact.uid == uid.as_str();
            named.filter(same).or_else(|| contacts.iter().find(same))
        }
        None => named,
    };
    if let Some(contact) = found {
        return Ok(contact.clone());
    }
    if named.is_some() {
        return Err(format!("other UID: {wanted} reaches another cluster than the member"));
    }
    match unreached.iter().find(|cluster| cluster.name == wanted) {
        Some(cluster) => Err(cluster.why.clone()),
        None => Err(format!("the fleet's source does not name {wanted}")),
    }
}

impl Joined {
    fn push(&mut self, name: &str, contact: Result<Contact, String>) {
        // A source checks the names of its clusters; what is no name cannot be shown or written to.
        if let Ok(name) = ClusterName::parse(name) {
            self.places.push(Place { name, member: None, contact });
        }
    }
}
