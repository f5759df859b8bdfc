//! Hundreds of clusters, three dozen of them ill at once in five ways. The test and `cargo xtask bench live` share it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{ApiServer, Door, FakeFleet, Fault, Ill, Verb};
use mesh_testkit::company::{Company, GROUP, cluster, identity};
use mesh_tests::{NOW, TestEnv, program};
use serde_json::{Value, json};

/// Five clusters never answer: all that run the names of the first group.
const HANGING: std::ops::Range<usize> = 0..5;
/// Five say that they are overloaded.
const OVERLOADED: std::ops::Range<usize> = 10..15;
/// Five do not show their Deployments.
const FORBIDDING: std::ops::Range<usize> = 20..25;
/// The certificates of two have expired.
const EXPIRED: std::ops::Range<usize> = 30..32;
/// Twenty take their time.
const SLOW: std::ops::Range<usize> = 40..60;
const LATENCY: Duration = Duration::from_millis(300);
/// A cluster, and with it a group, in which nothing is wrong and something changes.
const CHANGED: usize = 65;
/// What a busy machine may take for clusters that are well.
const PATIENT: [&str; 4] = ["--cluster-timeout", "20m", "--timeout", "30m"];
/// Most that the program may hold (product contract §8).
const MOST_MEMORY: u64 = 1 << 30;

/// Clusters, synced once.
pub(crate) struct Many {
    pub(crate) company: Company,
    pub(crate) fleet: FakeFleet,
    pub(crate) env: TestEnv,
}

/// A run of the program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
    /// The most memory that it held, in bytes; 0 where the machine does not tell.
    pub(crate) peak: u64,
}

impl Many {
    /// Clusters with nothing generated.
    pub(crate) fn start(company: Company) -> Self {
        Self { company, fleet: company.start(), env: TestEnv::new() }
    }

    /// The first sync, which writes everything.
    pub(crate) fn first_sync(&self) -> Ran {
        let ran = self.mesh(&[["sync", "--yes", "-o", "json"], PATIENT].concat());
        assert_eq!(ran.exit, Some(0), "{}", ran.end());
        assert_eq!(self.versions().len(), self.company.generated(), "{}", ran.end());
        ran
    }

    /// A plan of what was just written.
    pub(crate) fn idle_plan(&self) -> Ran {
        let ran = self.mesh(&[&["plan"], &PATIENT[..]].concat());
        assert_eq!(ran.exit, Some(0), "{}", ran.end());
        assert!(ran.stdout.contains("No changes"), "{}", ran.end());
        ran
    }

    /// What a team does meanwhile: a workload goes, a new one comes, and a group calls nobody any more.
    pub(crate) fn change(&self) {
        let server = self.server(CHANGED);
        let gone = server.objects(Kind::Deployment).into_iter().find(|deployment| {
            let identity_of = deployment.pointer("/spec/template/metadata/labels/identity");
            identity_of.is_some_and(|known| *known == identity(CHANGED / GROUP, 0))
        });
        let gone = gone.expect("the first name runs there");
        let text = |path: &str| gone.pointer(path).and_then(Value::as_str).unwrap_or_default();
        assert!(server.remove(Kind::Deployment, text("/metadata/namespace"), text("/metadata/name")));
        for object in workload("fresh") {
            self.server(CHANGED + 1).put(object);
        }
        for number in HANGING.end..HANGING.end + GROUP {
            assert!(self.server(number).remove(Kind::Dependency, "mesh-sync", "of-the-caller"));
        }
    }

    /// Now they fall ill.
    pub(crate) fn fall_ill(&self) {
        let all = |clusters: std::ops::Range<usize>, fault: &Fault| {
            clusters.for_each(|number| self.server(number).fault(fault.clone()));
        };
        all(HANGING, &Fault::new(Verb::Any, Ill::Hang));
        all(OVERLOADED, &Fault::new(Verb::Any, Ill::Status(503)));
        all(FORBIDDING, &Fault::new(Verb::List, Ill::Forbidden).of(Kind::Deployment));
        all(SLOW, &Fault::new(Verb::Any, Ill::Slow(LATENCY)));
        EXPIRED.for_each(|number| self.server(number).behind(Door::ExpiredCertificate));
    }

    /// A plan in that state: a document that says what was not seen, and no more memory than promised.
    pub(crate) fn ill_plan(&self) -> Ran {
        let ran = self.mesh(&["plan", "-o", "json"]);
        assert_eq!(ran.exit, Some(3), "{}", ran.end());
        let plan: Value = serde_json::from_str(&ran.stdout).expect("a document");
        let keys = |map: &Value| -> BTreeSet<String> { map.as_object().expect("a map").keys().cloned().collect() };
        let unseen: BTreeSet<String> = HANGING.chain(OVERLOADED).chain(EXPIRED).map(cluster).collect();
        assert_eq!(keys(&plan["coverage"]["unseen"]), unseen, "{}", plan["coverage"]);
        let kinds = &plan["coverage"]["unseenKinds"];
        assert_eq!(keys(kinds), FORBIDDING.map(cluster).collect(), "{kinds}");
        assert!(kinds.as_object().expect("a map").values().all(|kinds| *kinds == json!(["Deployment"])), "{kinds}");
        assert_eq!(plan["counts"]["delete"], 0, "{}", plan["counts"]);
        assert!(plan["counts"]["hold"].as_u64() > Some(0), "{}", plan["counts"]);
        assert!(ran.peak < MOST_MEMORY, "{} MiB at its peak", ran.peak >> 20);
        ran
    }

    /// A sync in that state: what is known is written, and of what is not, nothing is touched.
    pub(crate) fn ill_sync(&self) -> Ran {
        let before = self.versions();
        let ran = self.mesh(&["sync", "--yes", "-o", "json"]);
        assert_eq!(ran.exit, Some(3), "{}", ran.end());
        serde_json::from_str::<Value>(&ran.stdout).expect("a document");
        assert!(ran.peak < MOST_MEMORY, "{} MiB at its peak", ran.peak >> 20);
        let after = self.versions();
        let gone: Vec<_> = before.keys().filter(|key| !after.contains_key(*key)).collect();
        assert!(gone.is_empty(), "{gone:?}");
        let shrunk = self.company.host(CHANGED / GROUP, 0);
        let touched: BTreeSet<&str> = after
            .iter()
            .filter(|(key, version)| before.get(*key) != Some(version))
            .map(|((_, name), _)| &**name)
            .collect();
        let known = touched.iter().all(|name| name.starts_with(&shrunk) || name.starts_with("prod.fresh.global"));
        assert!(known, "{touched:?}");
        let holder = self.server(CHANGED + 1);
        let entry =
            holder.object(Kind::ServiceEntry, "mesh-sync", &format!("{shrunk}-se")).expect("it still runs there");
        let gateway = format!("gw-{CHANGED:03}.example.com");
        assert!(!entry.to_string().contains(&gateway), "its endpoint is gone: {entry}");
        assert!(holder.object(Kind::ServiceEntry, "mesh-sync", "prod.fresh.global-se").is_some(), "{}", ran.end());
        ran
    }

    /// Everything that is generated, by cluster and name, with its version.
    fn versions(&self) -> BTreeMap<(String, String), String> {
        let mut versions = BTreeMap::new();
        for (cluster, server) in self.fleet.servers() {
            for object in [Kind::ServiceEntry, Kind::DestinationRule].into_iter().flat_map(|kind| server.objects(kind))
            {
                let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
                versions.insert((cluster.to_owned(), text("/metadata/name")), text("/metadata/resourceVersion"));
            }
        }
        versions
    }

    pub(crate) fn server(&self, number: usize) -> &ApiServer {
        self.fleet.server(&cluster(number))
    }

    fn mesh(&self, words: &[&str]) -> Ran {
        let mut command = Command::new(program());
        command.args(words).current_dir(self.env.root()).env_clear().env("HOME", self.env.root());
        command.env("MESH_NOW", NOW).env("KUBECONFIG", self.fleet.kubeconfig()).env("MESH_FLEET", "contexts:*");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = command.spawn().expect("the program starts");
        let (mut out, mut err) = (child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
        thread::scope(|scope| {
            let out = scope.spawn(move || {
                let mut text = String::new();
                out.read_to_string(&mut text).map(|_| text)
            });
            let err = scope.spawn(move || {
                let mut text = String::new();
                err.read_to_string(&mut text).map(|_| text)
            });
            let mut peak = 0;
            let status = loop {
                peak = peak.max(peak_of(child.id()));
                match child.try_wait().expect("it is our child") {
                    Some(status) => break status,
                    None => thread::sleep(Duration::from_millis(20)),
                }
            };
            let text = |read: thread::ScopedJoinHandle<'_, std::io::Result<String>>| {
                read.join().expect("it reads").expect("the program writes text")
            };
            Ran { exit: status.code(), stdout: text(out), stderr: text(err), took: start.elapsed(), peak }
        })
    }
}

impl Ran {
    /// The end of what it said, which may be long.
    fn end(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().rev().take(12).collect();
        let stdout: String = self.stdout.chars().take(2_000).collect();
        format!("{:?} after {:.1?}: {}\n{stdout}", self.exit, self.took, lines.join("\n"))
    }
}

/// A workload with its Service, of the identity that has its name.
pub(crate) fn workload(name: &str) -> [Value; 2] {
    let labels = json!({"app": name, "identity": name, "admiral.io/env": "prod", "sidecar.istio.io/inject": "true"});
    [
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "team-00"},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "team-00"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            }},
        }),
    ]
}

/// The most memory that a process has held so far, in bytes.
fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).map_or(0, |kibibytes| kibibytes << 10)
}
