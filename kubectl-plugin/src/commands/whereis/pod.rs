//! A pod whose name does not tell its workload: its owner does, in a live fleet.

use std::collections::BTreeSet;

use mesh_fleet::Fleet;
use mesh_plan::lookup::{KeySort, desire_found};
use mesh_plan::whereis::{Whereis, whereis};

use crate::output::Output;
use crate::reading::Reading;

/// Where the workloads of the pods are that `key` means. An error where there are none, with what stood in the way.
pub(super) fn answer(key: &str, reading: &Reading, output: &Output) -> Result<Whereis, Option<String>> {
    let Fleet::Live(live) = &reading.fleet else { return Err(None) };
    let found = output.watched(|run| live.pod_owners(key, run)).ok_or(None)?;
    let (snapshot, policy) = (&reading.snapshot, reading.fleet.policy());
    let mut whole: Option<Whereis> = None;
    for owner in found.owners {
        let workload = format!("{}/{}/{}", owner.cluster, owner.namespace, owner.name);
        let desired = desire_found(&workload, snapshot, policy, reading.now);
        let Ok(mut answer) = whereis(&workload, snapshot, policy, &desired) else { continue };
        key.clone_into(&mut answer.key);
        answer.names.iter_mut().for_each(|name| name.found_by = BTreeSet::from([KeySort::Pod]));
        whole = Some(match whole {
            None => answer,
            Some(whole) => joined(whole, answer),
        });
    }
    whole.ok_or_else(|| {
        found.problems.first().map(|(cluster, why)| format!("it may be a pod of {cluster}, whose {why}"))
    })
}

/// Both answers, each name and each workload once.
fn joined(mut whole: Whereis, more: Whereis) -> Whereis {
    let is_new = |name: &str| whole.names.iter().all(|known| *known.name != *name);
    let names: Vec<_> = more.names.into_iter().filter(|name| is_new(&name.name)).collect();
    whole.names.extend(names);
    whole.names.sort_by(|a, b| a.name.cmp(&b.name));
    for idle in more.idle {
        if !whole.idle.contains(&idle) {
            whole.idle.push(idle);
        }
    }
    whole
}
