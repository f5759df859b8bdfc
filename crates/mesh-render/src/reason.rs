//! Reasons as a person reads them: a rule, and the objects it was applied to.

use mesh_model::origin::Origin;

/// Most objects that a reason names.
const MAX_SOURCES: usize = 3;

/// `rule (c1: Deployment shop/checkout)`; the sources beyond the first few are counted.
pub fn because(rule: &str, sources: &[Origin]) -> String {
    naming(rule, sources, MAX_SOURCES)
}

/// As [`because()`], with every source.
pub fn because_in_full(rule: &str, sources: &[Origin]) -> String {
    naming(rule, sources, sources.len())
}

fn naming(rule: &str, sources: &[Origin], most: usize) -> String {
    if sources.is_empty() {
        return rule.to_owned();
    }
    let mut named: Vec<String> = sources.iter().take(most).map(ToString::to_string).collect();
    if let Some(more @ 1..) = sources.len().checked_sub(most) {
        named.push(format!("and {more} more"));
    }
    format!("{rule} ({})", named.join("; "))
}

#[cfg(test)]
mod tests {
    use mesh_model::kind::Kind;
    use mesh_model::name::ClusterName;

    use super::*;

    #[test]
    fn a_reason_names_a_few_sources_and_counts_the_rest() {
        let origin = |n: usize| Origin {
            cluster: ClusterName::parse(&format!("c{n}")).unwrap(),
            kind: Kind::Service,
            name: "shop/a".into(),
        };
        assert_eq!(because("by policy", &[]), "by policy");
        assert_eq!(because("it runs", &[origin(1)]), "it runs (c1: Service shop/a)");
        let many: Vec<Origin> = (1..=5).map(origin).collect();
        assert!(because("it runs", &many).ends_with("c3: Service shop/a; and 2 more)"));
        assert!(because_in_full("it runs", &many).ends_with("c4: Service shop/a; c5: Service shop/a)"));
    }
}
