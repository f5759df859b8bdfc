//! Reasons as a person reads them: a rule, and the objects it was applied to.

use mesh_model::origin::Origin;

/// Most objects that a reason names.
const MAX_SOURCES: usize = 3;

/// `rule (c1: Deployment shop/checkout)`; the sources beyond the first few are counted.
pub fn because(rule: &str, sources: &[Origin]) -> String {
    if sources.is_empty() {
        return rule.to_owned();
    }
    let mut named: Vec<String> = sources.iter().take(MAX_SOURCES).map(ToString::to_string).collect();
    if sources.len() > MAX_SOURCES {
        named.push(format!("and {} more", sources.len() - MAX_SOURCES));
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
    }
}
