//! Traffic policies: a prefix host of one name is no other name's host.

use mesh_model::host::{base_host, prefix_hosts};
use mesh_model::name::{Env, Host, Identity};
use mesh_model::naming::{policy_env, policy_identity};
use serde::Deserialize;

use crate::decide::Case;
use crate::object::{Object, Pairs, Reviewed, is_same, or_default, read, with_meta};
use crate::refusal::{Refusal, RefusalCode, quoted};
use crate::verdict::Verdict;

/// `spec` of a GlobalTrafficPolicy, as far as it makes hosts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    selector: Pairs<'a>,
    #[serde(deserialize_with = "or_default")]
    policy: Vec<Item>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Item {
    #[serde(deserialize_with = "or_default")]
    dns_prefix: String,
    #[serde(deserialize_with = "or_default")]
    dns: String,
}

/// Judges a GlobalTrafficPolicy: each of its prefix hosts.
pub(crate) fn judge(case: &Case<'_>) -> Result<Verdict, String> {
    let object = case.object(Reviewed::object)?;
    let old = case.old_object(Reviewed::object)?;
    let spec: Spec<'_> = object.spec.map(read).transpose()?.unwrap_or_default();
    let governed = governed(&object, &spec, case);
    if let Some(old) = old {
        let old_spec: Spec<'_> = old.spec.map(read).transpose()?.unwrap_or_default();
        if is_same(object.spec, old.spec) && governed == self::governed(&old, &old_spec, case) {
            return Ok(Verdict::ALLOWED);
        }
    }
    let Some((base, env)) = governed else { return Ok(Verdict::ALLOWED) };
    let items = spec.policy.iter().map(|item| (item.dns_prefix.as_str(), item.dns.as_str()));
    let refusal = prefix_hosts(items, &base, &env).find_map(|host| match host {
        Ok(host) => collision(case, &host, &base),
        Err(error) => {
            let what = format!("a prefix of this policy gives no legal host: {error}");
            let next = "Choose another dnsPrefix: labels of at most 63 letters, digits and dashes";
            Some(Refusal::new(RefusalCode::IllegalHost, what, next))
        }
    });
    Ok(refusal.map_or(Verdict::ALLOWED, Verdict::from))
}

/// The name that it governs: its base host and its env.
fn governed(object: &Object<'_>, spec: &Spec<'_>, case: &Case<'_>) -> Option<(Host, Env)> {
    let keys = &case.policy.mesh.keys;
    with_meta(object.metadata.as_ref(), |meta| {
        if meta.is_ignored() {
            return None;
        }
        let selected = |key: &str| spec.selector.get(key).map(|value| &**value);
        let identity = Identity::parse(policy_identity(meta, &selected, keys)?).ok()?;
        let env = Env::parse(policy_env(meta, &selected, keys)).ok()?;
        Some((base_host(&env, &identity, &case.policy.mesh.suffix, false).ok()?, env))
    })
}

fn collision(case: &Case<'_>, host: &Host, base: &Host) -> Option<Refusal> {
    let lower = host.to_lowercase();
    let what = case.index.known(&lower, |known| {
        if known.held.is_some() || !known.uses.is_empty() {
            return Some(format!("a prefix of this policy gives {}, which is a name of its own", quoted(&lower)));
        }
        let other = known.prefix_of.filter(|other| !other.eq_ignore_ascii_case(base))?;
        Some(format!("a prefix of this policy gives {}, which is a prefix host of {}", quoted(&lower), quoted(other)))
    })?;
    Some(Refusal::new(RefusalCode::PrefixCollision, what, "Choose another dnsPrefix"))
}
