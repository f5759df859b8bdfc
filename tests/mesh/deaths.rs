//! What dies, and what that costs: with Admiral's outlier detection, and with the profile `swift`.

use std::thread;
use std::time::Duration;

use mesh_testkit::rig::Load;

use crate::Test;
use crate::fleet::Fleet;

pub(crate) const TESTS: &[Test] = &[
    ("deaths::a_dead_server_is_left_after_as_many_errors_as_the_policy_says", dead_servers),
    ("deaths::a_dead_gateway_costs_the_requests_that_were_under_way", dead_gateways),
    ("deaths::a_dead_control_plane_costs_nothing", dead_control_planes),
];

/// The requests of a client while something is dead.
const WHILE_DEAD: Duration = Duration::from_secs(3);

/// Connections of the steady client, each of which may have a request under way when something is ejected.
const UNDER_WAY: usize = 4;

/// A profile, and how many errors in a row make it eject.
const PROFILES: [(&str, usize); 2] = [("admiral", 50), ("swift", 5)];

/// Sends requests, lets something die, and brings it to life again after a while.
fn while_dead(fleet: &Fleet, what: &str, client: &str, host: &str, dies: impl FnOnce(), lives: impl FnOnce()) -> Load {
    let pod = fleet.rig.cluster("c2").pod(&format!("{client}/{client}"));
    let loading = pod.steady_load(&format!("http://{host}/"));
    thread::sleep(WHILE_DEAD / 3);
    dies();
    thread::sleep(WHILE_DEAD);
    let load = loading.stop();
    lives();
    shown(what, &load);
    load
}

#[expect(clippy::print_stdout, reason = "figures, at the end of a test's line")]
fn shown(what: &str, load: &Load) {
    println!("{what}: {} of {} requests failed", load.failed.len(), load.requests);
}

/// The server beside the client dies: its program alone, or its whole pod. The other cluster takes over.
fn dead_servers(fleet: &Fleet) {
    for (profile, errors) in PROFILES {
        fleet.push_policy(&format!("traffic: {{outlier: {profile}}}\n"));
        for pod_dies in [false, true] {
            let identity = format!("{profile}-{}", if pod_dies { "pod" } else { "app" });
            let host = format!("stage.{identity}.global");
            for source in ["c1", "c2"] {
                fleet.serve(source, &identity);
            }
            fleet.call("c2", &format!("{identity}-client"), &identity);
            fleet.run();
            fleet.sync(&[&identity]);
            let server = fleet.rig.cluster("c2").pod(&format!("{identity}/{identity}"));
            let what = format!("{profile}: a server's {} dies", if pod_dies { "pod" } else { "program" });
            let dies = || if pod_dies { server.kill() } else { server.kill_app() };
            let load = while_dead(fleet, &what, &format!("{identity}-client"), &host, dies, || server.start_again());
            assert!(load.failed.len() <= errors + UNDER_WAY, "{what}: {:?}", load.failed);
            let there = format!("c1/{identity}/{identity}");
            assert!(load.served.get(&there).is_some_and(|count| *count > 100), "{what}: {load:?}");
        }
    }
    fleet.push_policy("");
}

/// The gateway of one of two sources dies: Envoy tries each request again at another endpoint when it cannot connect.
fn dead_gateways(fleet: &Fleet) {
    for (profile, _) in PROFILES {
        fleet.push_policy(&format!("traffic: {{outlier: {profile}}}\n"));
        let identity = format!("{profile}-door");
        for source in ["c1", "c3"] {
            fleet.serve(source, &identity);
        }
        fleet.call("c2", &format!("{identity}-client"), &identity);
        fleet.run();
        fleet.sync(&[&identity]);
        let gateway = fleet.rig.cluster("c1").pod("istio-system/istio-eastwestgateway");
        let what = format!("{profile}: a gateway dies");
        let host = format!("stage.{identity}.global");
        let load = while_dead(
            fleet,
            &what,
            &format!("{identity}-client"),
            &host,
            || gateway.kill(),
            || {
                gateway.start_again();
                fleet.run();
            },
        );
        assert!(load.failed.len() <= UNDER_WAY, "{what}: {:?}", load.failed);
    }
    fleet.push_policy("");
}

/// istiod and the API server of a cluster are not in the path of a request.
fn dead_control_planes(fleet: &Fleet) {
    fleet.serve("c1", "calm");
    fleet.call("c2", "calm-client", "calm");
    fleet.run();
    fleet.sync(&["calm"]);
    let host = "stage.calm.global";
    for name in ["c1", "c2"] {
        let cluster = fleet.rig.cluster(name);
        let what = format!("istiod of {name} dies");
        let load = while_dead(fleet, &what, "calm-client", host, || cluster.stop_istiod(), || cluster.start_istiod());
        assert_eq!(load.failed, [], "{what}");
        let what = format!("the API server of {name} dies");
        let (stop, start) = (|| cluster.stop_api_server(), || cluster.start_api_server());
        let load = while_dead(fleet, &what, "calm-client", host, stop, start);
        assert_eq!(load.failed, [], "{what}");
        // It asks for each kind again when it thinks fit; a new one has all of them at once.
        cluster.stop_istiod();
        cluster.start_istiod();
    }
    fleet.rig.settle();
}
