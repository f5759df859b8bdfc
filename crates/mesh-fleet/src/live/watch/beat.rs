//! What no watch tells: whether the clusters, their policies and what they serve are still those that were opened.

use std::sync::Arc;

use mesh_model::name::Namespace;
use tokio::time::{Instant, sleep};

use super::super::LiveFleet;
use super::super::contact::{Contact, contact};
use super::super::discovery::Served;
use super::state::Shared;
use crate::limits::{BEAT, REQUEST_TIMEOUT};

/// Asks a cluster that is watched, now and then.
pub(super) fn beat(
    fleet: &LiveFleet,
    shared: &Arc<Shared>,
    contact: &Contact,
    served: Served,
) -> impl Future<Output = ()> + use<> {
    let (shared, contact) = (Arc::clone(shared), contact.clone());
    let (namespaces, text) = (fleet.policy_namespaces.clone(), fleet.policy_state.text.clone());
    async move {
        loop {
            sleep(BEAT).await;
            let name = &contact.target.name;
            if let Err(why) = is_as_it_was(&contact, &namespaces, text.as_deref()).await {
                return shared.reopen(format!("{name} {why}"));
            }
            let rest = contact.rest.until(Instant::now() + REQUEST_TIMEOUT);
            if Served::ask(&rest).await.is_ok_and(|now| now != served) {
                return shared.reopen(format!("{name} serves other kinds now"));
            }
        }
    }
}

/// Tries to reach the members that were not reached, now and then.
pub(super) fn missing(fleet: &LiveFleet, shared: &Arc<Shared>) -> impl Future<Output = ()> + use<> {
    let wanted: Vec<String> = fleet
        .places
        .iter()
        .filter(|place| place.contact.is_err())
        .map(|place| {
            let context = place.member.as_ref().and_then(|member| member.context.clone());
            context.unwrap_or_else(|| place.name.to_string())
        })
        .collect();
    let known: Vec<Arc<str>> = fleet.contacts.iter().map(|contact| Arc::clone(&contact.uid)).collect();
    let (shared, source) = (Arc::clone(shared), fleet.source.clone());
    let (namespaces, alone) = (fleet.policy_namespaces.clone(), fleet.contacts.len() + fleet.unreached.len() == 1);
    let (opened, plugins) = (fleet.targets.clone(), Arc::clone(&fleet.plugins));
    async move {
        while !wanted.is_empty() {
            sleep(BEAT).await;
            // Where another cluster lists them, they are tried as they were found.
            let targets = source.targets().unwrap_or_else(|_| opened.clone());
            for target in targets.iter().filter(|target| wanted.contains(&target.name)) {
                let Ok(rest) = target.connect(&plugins, alone, REQUEST_TIMEOUT, REQUEST_TIMEOUT).await else {
                    continue;
                };
                let deadline = Instant::now() + REQUEST_TIMEOUT;
                if contact(target, rest, deadline, &namespaces, &[])
                    .await
                    .is_ok_and(|found| !known.contains(&found.uid))
                {
                    return shared.reopen(format!("{} can be reached now", target.name));
                }
            }
        }
    }
}

/// Whether a cluster that is asked again is still the one that was opened, and stores the same.
async fn is_as_it_was(old: &Contact, namespaces: &[Namespace], text: Option<&str>) -> Result<(), String> {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let rest = old.rest.until(deadline);
    // What cannot be asked is told by its watches.
    let Ok(new) = contact(&old.target, rest, deadline, namespaces, &old.stored).await else { return Ok(()) };
    if new.uid != old.uid {
        return Err("is another cluster now".to_owned());
    }
    let known = |stored: &str| Some(stored) == text || old.stored.iter().any(|old| old.text == stored);
    if new.policy_unseen.is_none() && !new.stored.iter().all(|stored| known(&stored.text)) {
        return Err("stores another policy now".to_owned());
    }
    Ok(())
}
