//! Opening a live fleet: who answers, which policy counts, who is a member.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mesh_model::name::Namespace;
use mesh_model::policy::MeshPolicy;
use tokio::time::Instant;

use super::background::Background;
use super::contact::{Contact, StoredPolicy, contact};
use super::crowd::each;
use super::members::{Joined, Unreached, join};
use super::plugins::Plugins;
use super::source::{Source, SourceForm};
use super::target::Target;
use super::{Limits, LiveError, LiveFleet, PolicyState, profiles, secrets};
use crate::limits::REQUEST_TIMEOUT;
use crate::run::Run;

/// Where a policy is looked for when nobody names the sync namespace (product contract §5).
const POLICY_NAMESPACES: [&str; 2] = ["mesh-sync", "admiral-sync"];

pub(super) fn open(
    source: Source,
    given: Option<MeshPolicy>,
    sync_namespace: Option<Namespace>,
    limits: Limits,
    run: Run<'_>,
) -> Result<LiveFleet, LiveError> {
    let runtime = Background::start().map_err(LiveError::Runtime)?;
    let namespaces: Vec<Namespace> = match &sync_namespace {
        Some(namespace) => vec![namespace.clone()],
        None => POLICY_NAMESPACES.iter().map(|name| Namespace::parse(name).expect("a legal namespace")).collect(),
    };
    let plugins = Arc::new(Plugins::of_user());
    let caller = Caller { namespaces: &namespaces, plugins: &plugins, limits, run };
    let targets = match &source.form {
        SourceForm::CurrentContext => caller.members_of_current(&runtime, &source, source.targets()?)?,
        SourceForm::Secrets(_) | SourceForm::Profiles(_) => runtime.block_on(caller.found_in_hub(&source))?,
        SourceForm::Contexts(_) | SourceForm::Kubeconfigs(_) => source.targets()?,
    };
    let (contacts, unreached) = runtime.block_on(caller.call(&targets));
    if let Some((contact, [first, second, ..])) =
        contacts.iter().find_map(|contact| Some((contact, contact.stored.get(..2)?)))
    {
        return Err(LiveError::TwoPolicies {
            cluster: contact.target.name.clone(),
            first: first.namespace.to_string(),
            second: second.namespace.to_string(),
        });
    }
    let stored = strongest(&contacts);
    let has_given = given.is_some();
    let mut policy = given.or_else(|| stored.map(|(policy, _)| policy.clone())).unwrap_or_default();
    if let Some(namespace) = sync_namespace.filter(|_| !has_given && stored.is_none()) {
        policy.sync_namespace = namespace;
    }
    let Joined { places, strangers, doubles: _ } = join(&policy, &contacts, &unreached);
    let mut policy_state =
        PolicyState { text: stored.map(|(_, stored)| stored.text.clone()), ..PolicyState::default() };
    let highest = stored.map(|(policy, _)| policy.revision);
    for place in &places {
        let Ok(contact) = &place.contact else { continue };
        policy_state
            .problems
            .extend(contact.policy_unseen.iter().map(|why| (place.name.clone(), format!("its stored policy {why}"))));
        for stored_here in &contact.stored {
            match &stored_here.policy {
                Ok(here) => {
                    let at = (stored_here.namespace.clone(), here.revision);
                    policy_state.stored.insert(place.name.clone(), at);
                    if Some(here.revision) == highest && stored.is_some_and(|(policy, _)| policy != here) {
                        policy_state.contested.insert(place.name.clone());
                    }
                }
                Err(error) => {
                    policy_state.problems.insert(place.name.clone(), error.to_string());
                }
            }
        }
    }
    Ok(LiveFleet {
        runtime,
        source,
        targets,
        plugins,
        limits,
        policy,
        policy_state,
        contacts,
        unreached,
        places,
        strangers,
        policy_namespaces: namespaces,
        prepared: BTreeSet::new(),
        users: Mutex::default(),
    })
}

/// Calls clusters up.
struct Caller<'a> {
    namespaces: &'a [Namespace],
    plugins: &'a Arc<Plugins>,
    limits: Limits,
    run: Run<'a>,
}

impl Caller<'_> {
    /// Who answers, and who does not.
    async fn call(&self, targets: &[Target]) -> (Vec<Contact>, Vec<Unreached>) {
        let name = |target: &Target| target.name.clone();
        let alone = targets.len() == 1;
        let end = Instant::now() + self.limits.run_timeout;
        let answers = each(targets, self.limits.parallel, "reaching clusters", self.run, name, |index| async move {
            let target = &targets[index];
            let share = self.limits.cluster_timeout;
            let deadline = end.min(Instant::now() + share);
            let rest = target.connect(self.plugins, alone, share.min(end - Instant::now()), REQUEST_TIMEOUT).await?;
            contact(target, rest.until(deadline), deadline, self.namespaces, &[]).await
        });
        let (mut contacts, mut unreached) = (Vec::new(), Vec::new());
        for (target, answer) in targets.iter().zip(answers.await) {
            match answer.unwrap_or_else(|| Err("the run was interrupted before it was reached".to_owned())) {
                Ok(contact) => contacts.push(contact),
                Err(why) => unreached.push(Unreached { name: target.name.clone(), why }),
            }
        }
        (contacts, unreached)
    }

    /// The clusters that another cluster lists.
    async fn found_in_hub(&self, source: &Source) -> Result<Vec<Target>, LiveError> {
        let (hub, namespace) = source.hub()?;
        let name = |hub: &Target| hub.name.clone();
        let hubs = std::slice::from_ref(&hub);
        let found = each(hubs, 1, "looking for clusters", self.run, name, |_| async {
            let rest = hub.connect(self.plugins, true, self.limits.cluster_timeout, REQUEST_TIMEOUT).await?;
            match source.form {
                SourceForm::Profiles(_) => profiles::find(&rest, namespace.as_ref(), &source.providers).await,
                _ => secrets::find(&rest, namespace.as_ref()).await,
            }
        });
        let found = found.await.pop().flatten().unwrap_or_else(|| Err("the run was interrupted".to_owned()));
        source.checked(found.map_err(|why| source.unreadable(format!("context {}: {why}", hub.name)))?)
    }

    /// The contexts of the members that the cluster of the current context lists.
    fn members_of_current(
        &self,
        runtime: &Background,
        source: &Source,
        all: Vec<Target>,
    ) -> Result<Vec<Target>, LiveError> {
        let current = source.current()?;
        let none = |why: String| LiveError::NoMembers { context: current.name.clone(), why };
        let (contacts, unreached) = runtime.block_on(self.call(std::slice::from_ref(&current)));
        let Some(contact) = contacts.first() else {
            let why = unreached.first().map(|cluster| format!(": it {}", cluster.why)).unwrap_or_default();
            return Err(none(why));
        };
        let policy = match contact.stored.first().map(|stored| &stored.policy) {
            Some(Ok(policy)) if !policy.fleet.members.is_empty() => policy,
            Some(Err(error)) => return Err(none(format!(": {error}"))),
            _ => {
                return Err(none(
                    contact.policy_unseen.as_ref().map(|why| format!(": its stored policy {why}")).unwrap_or_default(),
                ));
            }
        };
        let wanted: BTreeSet<&str> =
            policy.fleet.members.iter().map(|member| member.context.as_deref().unwrap_or(&member.name)).collect();
        Ok(all.into_iter().filter(|target| wanted.contains(target.name.as_str())).collect())
    }
}

/// The policy of the highest revision among those that list their holder, or nobody. Of several different ones the
/// smallest text, so that the order of clusters does not matter; `sync` stops at them.
fn strongest(contacts: &[Contact]) -> Option<(&MeshPolicy, &StoredPolicy)> {
    let stored = contacts.iter().flat_map(|contact| contact.stored.iter().map(move |stored| (contact, stored)));
    let counting = stored.filter_map(|(contact, stored)| {
        let policy = stored.policy.as_ref().ok()?;
        lists(policy, contact).then_some((policy, stored))
    });
    counting.max_by(|(a, a_stored), (b, b_stored)| {
        a.revision.cmp(&b.revision).then_with(|| b_stored.text.cmp(&a_stored.text))
    })
}

/// Whether the holder of a policy is one of its members: a cluster that is none cannot speak for the fleet.
fn lists(policy: &MeshPolicy, contact: &Contact) -> bool {
    let members = &policy.fleet.members;
    members.is_empty()
        || members.iter().any(|member| match &member.uid {
            Some(uid) => *uid == *contact.uid,
            None => member.context.as_deref().unwrap_or(&member.name) == contact.target.name,
        })
}
