//! Whether an owner may have a name: by the claims that this cluster knows, and by what runs in it.

use std::sync::Arc;

use mesh_model::claim::Held;
use mesh_model::namesake::{Namesake, rival};

use crate::decide::Case;
use crate::index::{Known, Use};
use crate::marks::Name;
use crate::policy::{Disclosure, Mode, NamePolicy, OnStale};
use crate::refusal::{Refusal, RefusalCode, quoted};
use crate::warning::{Warning, WarningCode};

/// What stands against `name` for `owner`, by what is known of its `host` in lower case; else what is worth knowing. What the
/// workload itself served `before` stands against nothing.
pub(crate) fn judge(
    case: &Case<'_>,
    name: &Name<'_>,
    (host, known): (&str, Known<'_>),
    owner: &str,
    before: Option<&Name<'_>>,
) -> Result<Vec<Warning>, Refusal> {
    let Known { held, mut uses, prefix_of, .. } = known;
    if let Some(own) = before.and_then(|before| uses.iter().position(|one| is_own(one, before, case))) {
        uses.remove(own);
    }
    let owner_of = |namespace: &str| -> Option<Arc<str>> { case.index.namespace(namespace)?.owner.clone() };
    if let Some(held) = held.filter(|held| !held.admits(owner)) {
        return Err(held_by(held, owner, case));
    }
    let claimed = held.map(|held| Namesake::untold(held.identity, held.env));
    let served = uses.iter().map(|one| Namesake::told(&one.identity, &one.env, one.partition.as_deref()));
    let own = Namesake::told(name.identity, name.env, name.partition);
    if let Some(other) = rival(&own, claimed.into_iter().chain(served)) {
        let what = format!(
            "identity {} in env {} gives {}, which is the name of {} in env {}",
            quoted(&own.full_identity()),
            quoted(own.env),
            quoted(host),
            quoted(&other.full_identity()),
            quoted(other.env)
        );
        return Err(Refusal::new(RefusalCode::OneHostTwoIdentities, what, "Rename one of the two identities"));
    }
    if let Some(base) = prefix_of.filter(|base| *base != host) {
        let what = format!("{} is a prefix host of {} by its traffic policy", quoted(host), quoted(base));
        return Err(Refusal::new(
            RefusalCode::PrefixCollision,
            what,
            "Rename the identity or the env, or change the prefix",
        ));
    }
    let elsewhere = uses.into_iter().filter(|one| *one.namespace != *case.namespace);
    let (own, others): (Vec<_>, Vec<_>) = elsewhere.partition(|one| owner_of(&one.namespace).as_deref() == Some(owner));
    let mut warnings = Vec::new();
    if held.is_none() {
        // Who runs it already, and has not come to claim it.
        if let Some(other) = others.first() {
            let holder = owner_of(&other.namespace);
            return Err(served_by(host, &other.namespace, holder.as_deref(), case.policy));
        }
        warnings.extend(unclaimed(case, host, owner)?);
    } else if case.index.age() > case.policy.max_view_age {
        warnings.push(stale(case));
    }
    if let Some(other) = own.first() {
        let what = format!("{} is served from namespace {} as well", quoted(host), quoted(&other.namespace));
        warnings.push(Warning::new(WarningCode::SeveralNamespaces, what));
    }
    Ok(warnings)
}

/// Whether it is this workload, by the name that it had.
fn is_own(used: &Use, before: &Name<'_>, case: &Case<'_>) -> bool {
    let Use { identity, env, partition, namespace } = used;
    (&**identity, &**env, partition.as_deref()) == (before.identity, before.env, before.partition)
        && **namespace == *case.namespace
}

/// What it means that nobody holds the name, as far as is known here.
fn unclaimed(case: &Case<'_>, host: &str, owner: &str) -> Result<Vec<Warning>, Refusal> {
    let NamePolicy { mode, on_stale, max_view_age, .. } = case.policy;
    let is_stale = case.index.age() > *max_view_age;
    if is_stale && *on_stale == OnStale::Refuse {
        let what =
            format!("this cluster's view is {} s old and does not know {}", case.index.age().as_secs(), quoted(host));
        return Err(Refusal::new(RefusalCode::StaleView, what, "Retry when the webhook reaches its API server again"));
    }
    if *mode == Mode::Strict {
        let next = format!("Claim it first: kubectl mesh names claim {host} --owner {}", quoted(owner));
        return Err(Refusal::new(RefusalCode::Unclaimed, format!("global name {} is not claimed", quoted(host)), next));
    }
    let pending = Warning::new(WarningCode::Pending, "the claim of this name is pending; another owner may win it");
    Ok(std::iter::once(pending).chain(is_stale.then(|| stale(case))).collect())
}

fn stale(case: &Case<'_>) -> Warning {
    Warning::new(WarningCode::StaleView, format!("this cluster's view is {} s old", case.index.age().as_secs()))
}

/// That somebody else holds the name.
fn held_by(held: Held<'_>, owner: &str, case: &Case<'_>) -> Refusal {
    let members = &case.policy.mesh.fleet.members;
    let member = members.iter().find(|member| member.uid.as_deref() == Some(held.claimed_in));
    let cluster = member.map_or(held.claimed_in, |member| &*member.name);
    let host = quoted(held.host);
    let what = match case.policy.disclosure {
        Disclosure::Owner => format!(
            "global name {host} is held by {} since {}, claimed in cluster {}; namespace {} is of {}",
            quoted(held.owner),
            held.claimed_at,
            quoted(cluster),
            quoted(case.namespace),
            quoted(owner)
        ),
        Disclosure::Cluster => {
            format!("global name {host} is held by another owner, claimed in cluster {}", quoted(cluster))
        }
        Disclosure::None => format!("global name {host} is held by another owner"),
    };
    let next = "Choose another identity or env, or ask its owner for a transfer: kubectl mesh names transfer";
    Refusal::new(RefusalCode::Held, what, next)
}

fn served_by(host: &str, namespace: &str, holder: Option<&str>, policy: &NamePolicy) -> Refusal {
    let host = quoted(host);
    let what = match (policy.disclosure, holder) {
        (Disclosure::Owner, Some(holder)) => {
            format!(
                "global name {host} is served by {} from namespace {} of this cluster",
                quoted(holder),
                quoted(namespace)
            )
        }
        (Disclosure::Owner, None) => {
            format!("global name {host} is served from namespace {} of this cluster", quoted(namespace))
        }
        _ => format!("global name {host} is served by another owner"),
    };
    Refusal::new(RefusalCode::Held, what, "Choose another identity or env, or ask its owner to move")
}
