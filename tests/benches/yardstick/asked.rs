//! What servers were asked by others, by their own metrics.

use std::collections::BTreeMap;
use std::fmt;

use mesh_testkit::servers::ApiServer;

/// Resources that a sync asks for other than by lists.
const OF_A_SYNC: &[&str] = &["configmaps", "destinationrules", "namespaces", "roles", "serviceentries"];
/// What tells people of a sync, once a cluster: no object of it is written, and it may be left out.
const NOTES: &[&str] = &["events", "selfsubjectreviews"];
/// Verbs that change something.
const WRITES: &[&str] = &["APPLY", "DELETE", "DELETECOLLECTION", "PATCH", "POST", "PUT"];

/// Requests by verb and resource.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(BTreeMap<(String, String), u64>);

impl Asked {
    /// All that these servers were asked so far.
    pub(crate) fn of<'s>(servers: impl Iterator<Item = &'s ApiServer>) -> Self {
        let mut asked = Self::default();
        for (key, count) in servers.flat_map(ApiServer::requests_of_clients) {
            *asked.0.entry(key).or_default() += count;
        }
        asked
    }

    /// What came since.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        for (key, count) in &before.0 {
            if let Some(now) = self.0.get_mut(key) {
                *now = now.saturating_sub(*count);
            }
        }
        self.0.retain(|(verb, resource), count| {
            let is_of_a_sync = |known: &[&str]| known.contains(&resource.as_str());
            *count > 0 && (verb == "LIST" || is_of_a_sync(OF_A_SYNC) || is_of_a_sync(NOTES)) && verb != "WATCH"
        });
        self
    }

    pub(crate) fn lists(&self) -> u64 {
        self.sum(|verb| verb == "LIST")
    }

    pub(crate) fn writes(&self) -> u64 {
        self.sum(|verb| WRITES.contains(&verb))
    }

    /// Everything but lists and notes.
    pub(crate) fn others(&self) -> u64 {
        self.sum(|verb| verb != "LIST")
    }

    /// What tells people of a sync.
    pub(crate) fn notes(&self) -> u64 {
        let notes = self.0.iter().filter(|((_, resource), _)| NOTES.contains(&resource.as_str()));
        notes.map(|(_, count)| count).sum()
    }

    fn sum(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        let is_meant = |verb: &str, resource: &str| wanted(verb) && !NOTES.contains(&resource);
        self.0.iter().filter(|((verb, resource), _)| is_meant(verb, resource)).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.0.iter().filter(|((verb, _), _)| verb != "LIST");
        let others: Vec<String> =
            others.map(|((verb, resource), count)| format!("{verb} {resource} {count}")).collect();
        f.write_str(&others.join(", "))
    }
}
