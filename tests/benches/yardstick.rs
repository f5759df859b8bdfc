//! The yardstick: a first sync from nothing and a second one with nothing to do, on three real API servers and a hub,
//! with the built program: `cargo xtask bench yardstick`. What Admiral needs for the same is in docs/performance.md.
#![expect(clippy::print_stdout, reason = "a bench's output is for the person who started it")]

#[path = "yardstick/asked.rs"]
mod asked;
#[path = "yardstick/scene.rs"]
mod scene;
#[path = "../tests/live/watching.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests need more of it, and it is written for them")]
mod watching;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use mesh_testkit::servers::{ApiServers, Crds};
use mesh_tests::TestEnv;

use asked::Asked;
use watching::{Watching, until_or};

/// Where identities run and their clients are, then where Dependencies lie.
const MESHES: [&str; 3] = ["c1", "c2", "c3"];
const HUB: &str = "hub";

fn main() {
    let mut sizes: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![100, 500];
    }
    println!("{} cores, load {}", std::thread::available_parallelism().map_or(0, usize::from), load());
    for identities in sizes {
        let Some(yardstick) = Yardstick::set_up(identities) else { return };
        yardstick.measure();
    }
}

/// Clusters that hold what their teams deployed and a policy, and nothing generated yet.
struct Yardstick {
    identities: usize,
    meshes: ApiServers,
    hub: ApiServers,
    env: TestEnv,
}

impl Yardstick {
    fn set_up(identities: usize) -> Option<Self> {
        let start = Instant::now();
        let meshes = ApiServers::start(&MESHES)?;
        println!("\n{identities} identities: three API servers started in {:.1} s", start.elapsed().as_secs_f64());
        let hub = ApiServers::start(&[HUB])?;
        for set in [&meshes, &hub] {
            set.install_crds(&Crds::ALL);
        }
        let yardstick = Self { identities, meshes, hub, env: TestEnv::new() };
        scene::deploy(&yardstick.meshes, &yardstick.hub, identities);
        yardstick.env.write("mesh.yaml", &scene::policy());
        let policy = yardstick.env.fleet().join("mesh.yaml");
        yardstick.run(&["policy", "push", policy.to_str().expect("a path of our own"), "--yes"]);
        Some(yardstick)
    }

    fn measure(&self) {
        println!("{:<28}{:>9}{:>9}{:>8}{:>9}  REQUESTS BUT LISTS", "RUN", "TIME", "WRITTEN", "LISTS", "OTHERS");
        let first = self.row("first sync --yes", &["sync", "--yes"]);
        let held = scene::generated(&self.meshes);
        assert_eq!(first.writes(), held as u64, "each object is written once");
        // Each cluster that was written to is asked who we are, and gets an Event.
        assert_eq!(first.notes(), 2 * MESHES.len() as u64, "{first}");
        let again = self.row("second sync, nothing to do", &["sync", "--yes"]);
        assert_eq!((again.writes(), again.others(), again.notes()), (0, 0, 0), "a second sync only lists: {again}");
        self.watch();
    }

    /// One identity more while a run watches, in one cluster and then in both that serve; c3 calls it.
    fn watch(&self) {
        let (one, both) = ("new-in-one", "new-in-both");
        scene::declare_more(&self.hub, &[one, both]);
        let watching = Watching::start(&self.env, Path::new(&self.kubeconfigs()), &[]);
        for (name, clusters) in [(one, &MESHES[..1]), (both, &MESHES[..2])] {
            let before = self.asked();
            for cluster in clusters {
                scene::serve_one(self.meshes.cluster(cluster), name);
            }
            let start = Instant::now();
            let holders: Vec<&str> = clusters.iter().copied().chain([MESHES[2]]).collect();
            let is_there =
                || holders.iter().all(|cluster| scene::holds(self.meshes.cluster(cluster), name, clusters.len()));
            until_or("the new identity is written", is_there, || watching.said());
            let took = start.elapsed();
            let asked = self.asked().since(&before);
            println!(
                "watching, one identity in {:<4}{:>7.2} s{:>9}{:>8}{:>9}  into {} clusters",
                clusters.len(),
                took.as_secs_f64(),
                asked.writes(),
                asked.lists(),
                asked.notes(),
                holders.len()
            );
            assert_eq!(asked.writes(), 2 * holders.len() as u64, "a ServiceEntry and a DestinationRule each: {asked}");
        }
        assert_eq!(watching.stop().0, Some(0));
    }

    /// Measures one run; what it asked for.
    fn row(&self, name: &str, arguments: &[&str]) -> Asked {
        let held = scene::generated(&self.meshes);
        let before = self.asked();
        let took = self.run(arguments);
        let asked = self.asked().since(&before);
        let made = scene::generated(&self.meshes) - held;
        let (written, others) = (asked.writes(), asked.others());
        let per_object =
            if made > 0 { format!("; {:.2} a written object", ratio(others, made as u64)) } else { String::new() };
        println!(
            "{name:<28}{:>7.2} s{written:>9}{:>8}{others:>9}  {asked}{per_object}",
            took.as_secs_f64(),
            asked.lists(),
        );
        asked
    }

    /// Runs the program, which must succeed; how long it took, its start included.
    fn run(&self, arguments: &[&str]) -> Duration {
        let mut command = self.env.mesh(arguments);
        command.env("KUBECONFIG", self.kubeconfigs()).env("MESH_FLEET", "contexts:*");
        let start = Instant::now();
        let output = command.output().expect("the program starts");
        let took = start.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} with {} identities: {said}", self.identities);
        took
    }

    /// The files of both, as `KUBECONFIG` lists them.
    fn kubeconfigs(&self) -> OsString {
        let mut files = self.meshes.kubeconfig().as_os_str().to_owned();
        files.push(if cfg!(windows) { ";" } else { ":" });
        files.push(self.hub.kubeconfig());
        files
    }

    fn asked(&self) -> Asked {
        Asked::of(self.meshes.clusters().iter().chain(self.hub.clusters()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52, and a ratio is for reading")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// What else the machine does matters to a time of day.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}
