//! `AuthorizationPolicy` (security.istio.io/v1): who may call a server.

use std::sync::Arc;

use serde::Deserialize;

use crate::any::Any;
use crate::selector::WorkloadSelector;

/// `spec` of an AuthorizationPolicy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationPolicy {
    /// The workloads that it is for; none are all of its namespace.
    pub selector: Option<WorkloadSelector>,
    /// Gateways and waypoints that it is for in place of workloads.
    pub target_refs: Vec<Any>,
    /// The same, in the singular.
    pub target_ref: Option<Any>,
    /// `ALLOW` where nothing is said; `DENY`, `AUDIT`, `CUSTOM`.
    pub action: Option<Arc<str>>,
    /// Any of them is enough; without any, nothing matches.
    pub rules: Vec<Rule>,
}

/// A rule: all of its parts must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Any of them is enough; none is everybody.
    pub from: Vec<From>,
    /// What is called; none is everything.
    pub to: Vec<Any>,
    /// Further conditions.
    pub when: Vec<Any>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct From {
    /// All that it names must hold.
    pub source: Source,
}

/// Who calls: of each list, any is enough; of those with `not`, none may be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are Istio's own")]
pub struct Source {
    pub principals: Vec<Arc<str>>,
    pub not_principals: Vec<Arc<str>>,
    pub namespaces: Vec<Arc<str>>,
    pub not_namespaces: Vec<Arc<str>>,
    pub service_accounts: Vec<Arc<str>>,
    pub not_service_accounts: Vec<Arc<str>>,
    pub request_principals: Vec<Any>,
    pub not_request_principals: Vec<Any>,
    pub ip_blocks: Vec<Any>,
    pub not_ip_blocks: Vec<Any>,
    pub remote_ip_blocks: Vec<Any>,
    pub not_remote_ip_blocks: Vec<Any>,
}

/// Who calls, as mutual TLS proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<'a> {
    /// Trust domain.
    pub trust_domain: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// Service account.
    pub service_account: &'a str,
}

/// Whether something holds, as far as objects tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Whatever the request is.
    Yes,
    /// That depends on the request.
    Maybe,
    /// Never.
    No,
}

impl Holds {
    fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Maybe,
        }
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Maybe,
        }
    }
}

impl AuthorizationPolicy {
    /// Whether it is for sidecars, not for gateways or waypoints.
    pub fn is_for_sidecars(&self) -> bool {
        self.target_ref.is_none() && self.target_refs.is_empty()
    }

    /// What it does with what matches.
    pub fn action(&self) -> &str {
        self.action.as_deref().filter(|action| !action.is_empty()).unwrap_or("ALLOW")
    }

    /// Whether requests of `caller` match.
    pub fn matches(&self, caller: Caller<'_>) -> Holds {
        self.rules.iter().map(|rule| rule.matches(caller)).fold(Holds::No, Holds::or)
    }

    /// Principals that can match nobody: a SPIFFE id is written without its scheme.
    pub fn bad_principals(&self) -> impl Iterator<Item = &str> {
        let sources = self.rules.iter().flat_map(|rule| &rule.from).map(|from| &from.source);
        sources
            .flat_map(|source| source.principals.iter().chain(&source.not_principals))
            .map(|principal| &**principal)
            .filter(|principal| principal.starts_with("spiffe://"))
    }
}

impl Rule {
    fn matches(&self, caller: Caller<'_>) -> Holds {
        let from = match &self.from[..] {
            [] => Holds::Yes,
            from => from.iter().map(|from| from.source.matches(caller)).fold(Holds::No, Holds::or),
        };
        let rest = if self.to.is_empty() && self.when.is_empty() { Holds::Yes } else { Holds::Maybe };
        from.and(rest)
    }
}

impl Source {
    fn matches(&self, caller: Caller<'_>) -> Holds {
        let Caller { trust_domain, namespace, service_account } = caller;
        let principal = format!("{trust_domain}/ns/{namespace}/sa/{service_account}");
        let account = format!("{namespace}/{service_account}");
        let named = [
            (&self.principals, &self.not_principals, principal.as_str()),
            (&self.namespaces, &self.not_namespaces, namespace),
            (&self.service_accounts, &self.not_service_accounts, account.as_str()),
        ];
        let known = named.into_iter().map(|(any, none, text)| {
            let is_any = any.is_empty() || any.iter().any(|pattern| is_like(pattern, text));
            Holds::of(is_any && !none.iter().any(|pattern| is_like(pattern, text)))
        });
        let unknown = [
            &self.request_principals,
            &self.not_request_principals,
            &self.ip_blocks,
            &self.not_ip_blocks,
            &self.remote_ip_blocks,
            &self.not_remote_ip_blocks,
        ];
        let rest = if unknown.iter().all(|list| list.is_empty()) { Holds::Yes } else { Holds::Maybe };
        known.fold(rest, Holds::and)
    }
}

/// Istio's patterns of texts: the same, `*`, `prefix*` or `*suffix`.
fn is_like(pattern: &str, text: &str) -> bool {
    if let Some(suffix) = pattern.strip_prefix('*') {
        text.ends_with(suffix)
    } else if let Some(prefix) = pattern.strip_suffix('*') {
        text.starts_with(prefix)
    } else {
        pattern == text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: Caller<'_> = Caller { trust_domain: "cluster.local", namespace: "shop", service_account: "web" };

    #[test]
    fn a_rule_matches_by_who_calls_and_may_match_by_what_is_called() {
        for (rules, want) in [
            ("[]", Holds::No),
            ("[{}]", Holds::Yes),
            (r#"[{"from":[{"source":{"principals":["cluster.local/ns/shop/sa/web"]}}]}]"#, Holds::Yes),
            (r#"[{"from":[{"source":{"principals":["spiffe://cluster.local/ns/shop/sa/web"]}}]}]"#, Holds::No),
            (r#"[{"from":[{"source":{"principals":["*/sa/web"]}}]}]"#, Holds::Yes),
            (r#"[{"from":[{"source":{"principals":["cluster.local/ns/shop/*"]}}]}]"#, Holds::Yes),
            (r#"[{"from":[{"source":{"principals":["td/ns/shop/sa/web"]}}]}]"#, Holds::No),
            (r#"[{"from":[{"source":{"namespaces":["shop"],"notPrincipals":["*web"]}}]}]"#, Holds::No),
            (r#"[{"from":[{"source":{"serviceAccounts":["shop/web"]}}]}]"#, Holds::Yes),
            (r#"[{"from":[{"source":{"namespaces":["other"]}},{"source":{"namespaces":["shop"]}}]}]"#, Holds::Yes),
            (r#"[{"from":[{"source":{"namespaces":["shop"],"ipBlocks":["10.0.0.0/8"]}}]}]"#, Holds::Maybe),
            (r#"[{"from":[{"source":{"namespaces":["other"],"ipBlocks":["10.0.0.0/8"]}}]}]"#, Holds::No),
            (r#"[{"to":[{"operation":{"paths":["/admin"]}}]}]"#, Holds::Maybe),
            (r#"[{"when":[{"key":"x"}]}]"#, Holds::Maybe),
        ] {
            let rules: Vec<Rule> = serde_json::from_str(rules).unwrap();
            let policy = AuthorizationPolicy { rules, ..AuthorizationPolicy::default() };
            assert_eq!(policy.matches(CALLER), want, "{policy:?}");
        }
    }
}
