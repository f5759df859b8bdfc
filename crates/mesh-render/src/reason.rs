//! Reasons as a person reads them: a rule, and the objects it was applied to.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::name::ClusterName;
use mesh_model::origin::Origin;
use mesh_plan::because::Because;
use mesh_plan::desired::Role;

use crate::limits::{REASON_CLUSTERS, REASON_OBJECTS};

/// `rule (c1: Deployment shop/checkout)`; the sources beyond the first few are counted.
pub fn because(rule: &str, sources: &[Origin]) -> String {
    naming(rule, sources.iter().map(ToString::to_string), REASON_OBJECTS)
}

/// A reason with the clusters that it is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Led<'a> {
    clusters: BTreeSet<&'a ClusterName>,
    field: &'a str,
    rule: &'a str,
    role: Option<Role>,
    sources: BTreeSet<&'a Origin>,
}

/// The reasons of some clusters, by cluster: one that several clusters have is there once, with the sources of all.
pub fn led<'a>(reasons: impl IntoIterator<Item = (&'a ClusterName, Option<Role>, &'a Because)>) -> Vec<Led<'a>> {
    let mut alike: BTreeMap<(&str, &str, Option<Role>), Led<'a>> = BTreeMap::new();
    for (cluster, role, because) in reasons {
        let (field, said) = (&*because.field, &*because.rule);
        let role = role.filter(|role| after_role(said, *role).is_some());
        let led = alike.entry((field, said, role)).or_insert_with(|| Led {
            clusters: BTreeSet::new(),
            field,
            rule: said,
            role,
            sources: BTreeSet::new(),
        });
        led.clusters.insert(cluster);
        led.sources.extend(&because.sources);
    }
    let mut all: Vec<Led<'a>> = alike.into_values().collect();
    all.sort();
    all
}

impl Led<'_> {
    /// `c1 is a client: orders runs here and depends on payments (Deployment orders/orders)`. Sources of
    /// that cluster come first and do not name it; `whole` names every cluster and every source.
    pub fn line(&self, whole: bool) -> String {
        let most = |few: usize| if whole { usize::MAX } else { few };
        let one = self.clusters.first().filter(|_| self.clusters.len() == 1);
        let is_own = |origin: &Origin| one.is_some_and(|cluster| **cluster == origin.cluster);
        let (own, others): (Vec<&Origin>, Vec<&Origin>) = self.sources.iter().copied().partition(|o| is_own(o));
        let own = own.iter().map(|origin| format!("{} {}", origin.kind, origin.name));
        let sources: Vec<String> = own.chain(others.iter().map(ToString::to_string)).collect();
        let said = naming(self.rule, sources.into_iter(), most(REASON_OBJECTS));
        let clusters = self.clusters(most(REASON_CLUSTERS));
        let role = self.role.and_then(|role| {
            let (_, single, plural) = words(role);
            Some(format!("{clusters} {}: {}", if one.is_some() { single } else { plural }, after_role(&said, role)?))
        });
        // Some rules begin with their cluster.
        let named = one.is_some_and(|cluster| said.strip_prefix(cluster.as_str()).is_some_and(|s| s.starts_with(' ')));
        match role {
            Some(role) => role,
            None if !self.field.is_empty() => format!("in {clusters}, {}: {said}", self.field),
            None if named => said,
            None => format!("in {clusters}: {said}"),
        }
    }

    fn clusters(&self, most: usize) -> String {
        let named: Vec<&str> = self.clusters.iter().take(most).map(|cluster| cluster.as_str()).collect();
        match self.clusters.len().checked_sub(most) {
            Some(more @ 1..) => format!("{} and {more} more", named.join(", ")),
            _ => named.join(", "),
        }
    }
}

/// What follows the word of `role`, where the rule that is `said` begins with it.
fn after_role(said: &str, role: Role) -> Option<&str> {
    said.strip_prefix(words(role).0)?.strip_prefix(": ")
}

/// The word that the reasons of a role begin with, and what a cluster or several are by it.
fn words(role: Role) -> (&'static str, &'static str, &'static str) {
    match role {
        Role::Source => ("source", "is a source", "are sources"),
        Role::Client => ("client", "is a client", "are clients"),
        Role::ExSource => ("ex-source", "is an ex-source", "are ex-sources"),
    }
}

fn naming(rule: &str, sources: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let more = sources.len().saturating_sub(most);
    let mut named: Vec<String> = sources.take(most).collect();
    if named.is_empty() {
        return rule.to_owned();
    }
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    format!("{rule} ({})", named.join("; "))
}

#[cfg(test)]
mod tests {
    use mesh_model::kind::Kind;

    use super::*;

    fn cluster(name: &str) -> ClusterName {
        ClusterName::parse(name).unwrap()
    }

    fn origin(at: &str) -> Origin {
        Origin { cluster: cluster(at), kind: Kind::Service, name: "shop/a".into() }
    }

    #[test]
    fn a_reason_names_a_few_sources_and_counts_the_rest() {
        assert_eq!(because("by policy", &[]), "by policy");
        assert_eq!(because("it runs", &[origin("c1")]), "it runs (c1: Service shop/a)");
        let many: Vec<Origin> = (1..=5).map(|n| origin(&format!("c{n}"))).collect();
        assert!(because("it runs", &many).ends_with("c3: Service shop/a; and 2 more)"));
    }

    #[test]
    fn a_reason_begins_with_the_clusters_that_it_is_for() {
        let (c1, c2) = (cluster("c1"), cluster("c2"));
        let role = |at| Because::whole("client: orders runs here", vec![origin(at)]);
        let field = Because::field("ports", "http is published under 80", vec![origin("c2")]);
        let rest = Because::whole("c1 neither runs it nor calls it", vec![]);
        let line = |reasons: Vec<(&ClusterName, Option<Role>, &Because)>| led(reasons)[0].line(false);
        let client = Some(Role::Client);
        assert_eq!(line(vec![(&c1, client, &role("c1"))]), "c1 is a client: orders runs here (Service shop/a)");
        assert_eq!(line(vec![(&c1, client, &role("c2"))]), "c1 is a client: orders runs here (c2: Service shop/a)");
        assert_eq!(
            line(vec![(&c2, client, &role("c2")), (&c1, client, &role("c1"))]),
            "c1, c2 are clients: orders runs here (c1: Service shop/a; c2: Service shop/a)"
        );
        assert_eq!(line(vec![(&c1, client, &field)]), "in c1, ports: http is published under 80 (c2: Service shop/a)");
        assert_eq!(
            line(vec![(&c1, client, &field), (&c2, Some(Role::Source), &field)]),
            "in c1, c2, ports: http is published under 80 (c2: Service shop/a)"
        );
        let two = Because::whole("client: orders runs here", vec![origin("c1"), origin("c2")]);
        assert_eq!(
            line(vec![(&c2, client, &two)]),
            "c2 is a client: orders runs here (Service shop/a; c1: Service shop/a)"
        );
        assert_eq!(line(vec![(&c1, None, &rest)]), "c1 neither runs it nor calls it");
        assert_eq!(line(vec![(&c2, None, &rest)]), "in c2: c1 neither runs it nor calls it");
    }

    #[test]
    fn a_reason_of_many_clusters_is_one_line() {
        let all: Vec<ClusterName> = (1..=300).map(|n| cluster(&format!("c{n:03}"))).collect();
        let because: Vec<Because> =
            all.iter().map(|at| Because::whole("source: it runs here", vec![origin(at.as_str())])).collect();
        let reasons = led(all.iter().zip(&because).map(|(at, because)| (at, Some(Role::Source), because)));
        assert_eq!(reasons.len(), 1);
        assert_eq!(
            reasons[0].line(false),
            "c001, c002, c003 and 297 more are sources: it runs here \
             (c001: Service shop/a; c002: Service shop/a; c003: Service shop/a; and 297 more)"
        );
        let whole = reasons[0].line(true);
        assert!(whole.contains("c299, c300 are sources") && whole.ends_with("c300: Service shop/a)"), "{whole}");
    }
}
