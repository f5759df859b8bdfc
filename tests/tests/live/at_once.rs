//! Two syncs at once while the facts change: both end well, and the clusters with what they should hold.

use std::thread;

use super::on_clusters::{OnClusters, Said};
use super::small::{dependency, deployment, gone, policy, service};

const NAMES: [&str; 3] = ["east", "north", "west"];
const SYNC: [&str; 6] = ["sync", "--yes", "--allow-last", "*", "--max-removals", "100"];

#[test]
fn two_syncs_at_once_end_with_what_is_desired() {
    let Some(live) = OnClusters::with_claims(&NAMES) else { return };
    live.push_policy(&policy(&NAMES));
    let [east, north, west] = NAMES.map(|name| live.servers.cluster(name));
    for cluster in [east, west] {
        deployment(cluster, "caller");
        service(cluster, "caller", 8080);
    }
    let mut moved = 0;
    for round in 0_u16..10 {
        // Something new, something changed, something gone; most of it in each round.
        for name in ["a", "b", "c", "d", "e"] {
            deployment(north, &format!("{name}{}", round % 3));
            service(north, &format!("{name}{}", round % 3), 8000 + round);
            gone(north, &format!("{name}{}", (round + 1) % 3));
        }
        let all: Vec<String> =
            (0..3).flat_map(|n| ["a", "b", "c", "d", "e"].map(|name| format!("{name}{n}"))).collect();
        let kept: Vec<&str> = all.iter().skip(usize::from(round % 4)).map(String::as_str).collect();
        dependency(west, "caller", &kept);

        let changes_meanwhile = round % 2 == 1;
        let (one, other) = thread::scope(|scope| {
            let one = scope.spawn(|| live.mesh(&SYNC));
            let other = scope.spawn(|| live.mesh(&SYNC));
            if changes_meanwhile {
                deployment(east, &format!("a{}", round % 3));
                service(east, &format!("a{}", round % 3), 8000);
                gone(north, &format!("b{}", round % 3));
            }
            (one.join().unwrap(), other.join().unwrap())
        });
        for said in [&one, &other] {
            ends_well(round, said);
            moved += usize::from(said.stderr.contains("changed meanwhile"));
        }
        if changes_meanwhile {
            live.mesh(&SYNC).exits(0);
        }
        live.mesh(&["plan"]).exits(0).says("No changes.");
        gone(east, &format!("a{}", round % 3));
    }
    assert!(moved > 0, "they never met");
}

/// Done, or "run again", also where everything that it wanted to write had moved: nothing worse.
fn ends_well(round: u16, said: &Said) {
    let has_moved = said.exit == Some(4) && said.stderr.contains("changed meanwhile");
    assert!(matches!(said.exit, Some(0 | 3)) || has_moved, "round {round}: {said:?}");
    assert!(!said.stderr.contains("error:"), "round {round}: {said:?}");
}
