//! What a person does about one name: claims it, lets others in, gives it up, hands it over.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use mesh_model::claim::{By, Claim, ClaimError, Phase, Place, Wish, admit, claim, record_name, release, transfer};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::{ClusterName, Env, Host, Identity};
use mesh_model::policy::MeshPolicy;
use thiserror::Error;

use super::{Members, Uses, steps, uid_of, uses};
use crate::because::Because;
use crate::plan::Step;

/// What is to become of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// To be held, by whoever serves it unless an owner is named; the others may serve it too.
    Claim {
        /// Who holds it from now on.
        owner: Option<Arc<str>>,
        /// Further owners whose namespaces may serve it; none leaves those that there are.
        also_owners: Vec<Arc<str>>,
    },
    /// To be given up.
    Release,
    /// To be handed to another owner.
    Transfer {
        /// Whom.
        to: Arc<str>,
    },
}

/// Why a name cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChangeError {
    /// No member has the kinds of claims, or none was seen.
    #[error("no member that was seen keeps claims; install the CRDs of charts/kubectl-mesh")]
    NoClaims,
    /// The member that was named does not.
    #[error("{cluster} keeps no claims, or they cannot be read")]
    NotThere {
        /// The member.
        cluster: ClusterName,
    },
    /// It is no base host of the fleet.
    #[error("{name} is no global name: {problem}")]
    NoName {
        /// What was given.
        name: String,
        /// Why not.
        problem: String,
    },
    /// Nobody holds it.
    #[error("nobody has claimed {name}")]
    NotClaimed {
        /// The base host.
        name: Arc<str>,
    },
    /// Who is to hold it cannot be told.
    #[error("nobody is seen to serve {name}, so that its owner must be named")]
    NoOwner {
        /// The base host.
        name: Arc<str>,
    },
    /// Nothing would change.
    #[error("{owner} holds {name} already, since {since}")]
    HeldAlready {
        /// The base host.
        name: Arc<str>,
        /// Who.
        owner: Arc<str>,
        /// Since when.
        since: Timestamp,
    },
    /// The claim does not let it.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

/// The step that changes who holds `name`: written to `cluster`, else where it is claimed, else where it is served.
pub fn change(
    name: &str,
    change: &Change,
    cluster: Option<&ClusterName>,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    now: Timestamp,
) -> Result<Step, ChangeError> {
    let members = Members::of(fleet);
    let (host, env, identity) = parts(name, &policy.suffix)?;
    let name = record_name(&host.as_str().into());
    let uses = uses(fleet, policy);
    let held = members.view(&name);
    let cluster = place(&name, cluster, held, &uses, &members)?;
    let facts = members.facts[cluster];
    let place = Place { cluster: uid_of(cluster, facts), now };
    let claimed = match (change, held) {
        (Change::Claim { owner, also_owners }, Some(held)) if held.phase == Phase::Bound => {
            if owner.as_ref().is_some_and(|owner| *owner != held.owner) {
                return Err(held_by_another(held, &members).into());
            }
            if also_owners.iter().all(|owner| held.admits(owner)) {
                let (owner, since) = (Arc::clone(&held.owner), held.claimed_at);
                return Err(ChangeError::HeldAlready { name, owner, since });
            }
            let all: BTreeSet<Arc<str>> = held.also_owners.iter().chain(also_owners).cloned().collect();
            admit(held, &all.into_iter().collect::<Vec<_>>(), By::Admin, &place)?
        }
        (Change::Claim { owner, also_owners }, held) => {
            let seen = || uses.get(&name).and_then(|uses| uses.iter().find_map(|one| one.owner.clone()));
            let owner = owner.clone().or_else(seen).ok_or_else(|| ChangeError::NoOwner { name: Arc::clone(&name) })?;
            let wish = Wish {
                host: host.as_str().into(),
                owner,
                identity: identity.as_str().into(),
                env: env.as_str().into(),
            };
            let last = || ClaimError::LastEpoch { host: Arc::clone(&name), epoch: held.map_or(0, |held| held.epoch) };
            Claim { also_owners: also_owners.clone(), ..claim(held, &wish, &place).ok_or_else(last)? }
        }
        (_, None) => return Err(ChangeError::NotClaimed { name }),
        (Change::Release, Some(held)) => release(held, By::Admin, &place)?,
        (Change::Transfer { to }, Some(held)) => transfer(held, to, By::Admin, &place)?,
    };
    let because = Because::whole("somebody asks for it", vec![]);
    Ok(steps::own(cluster, facts.records.own.get(&name), &claimed, because))
}

fn held_by_another(held: &Claim, members: &Members<'_>) -> ClaimError {
    ClaimError::HeldByAnother {
        host: Arc::clone(&held.host),
        owner: Arc::clone(&held.owner),
        cluster: members.name_of(&held.claimed_in).into(),
        since: held.claimed_at,
    }
}

/// The cluster whose record it is to be.
fn place<'a>(
    name: &Arc<str>,
    wanted: Option<&ClusterName>,
    held: Option<&Claim>,
    uses: &Uses<'_>,
    members: &Members<'a>,
) -> Result<&'a ClusterName, ChangeError> {
    let known = |cluster: &ClusterName| members.facts.get_key_value(cluster).map(|(cluster, _)| *cluster);
    if let Some(cluster) = wanted {
        return known(cluster).ok_or_else(|| ChangeError::NotThere { cluster: cluster.clone() });
    }
    let claimed = held.and_then(|held| members.names.get(&held.claimed_in)).and_then(|cluster| known(cluster));
    let served = || uses.get(name).and_then(|uses| uses.iter().find_map(|one| known(one.cluster)));
    let any = || members.facts.keys().next().copied();
    claimed.or_else(served).or_else(any).ok_or(ChangeError::NoClaims)
}

/// Host, env and identity of a base host.
fn parts(name: &str, suffix: &str) -> Result<(Host, Env, Identity), ChangeError> {
    let wrong = |problem: String| ChangeError::NoName { name: name.chars().take(300).collect(), problem };
    let host = Host::parse(name).map_err(|error| wrong(error.problem))?;
    let lower = name.to_lowercase();
    let inner = lower.strip_suffix(suffix).and_then(|inner| inner.strip_suffix('.'));
    let (env, identity) = inner
        .and_then(|inner| inner.split_once('.'))
        .ok_or_else(|| wrong(format!("it is not of the form ENV.IDENTITY.{suffix}")))?;
    let env = Env::parse(env).map_err(|error| wrong(error.problem))?;
    let identity = Identity::parse(identity).map_err(|error| wrong(error.problem))?;
    Ok((host, env, identity))
}
