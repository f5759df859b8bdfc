//! Runs a case and judges what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use mesh_fleet::directory::DirectoryFleet;
use mesh_plan::desire::desire;
use mesh_plan::plan::{Action, Plan, plan};
use mesh_plan::scope::Scope;
use serde_json::Value;

use super::case::{Case, Row, Step};
use super::compare::{Addresses, compare, repeated_addresses};
use super::folder::{Folder, is_compared};

/// How a case is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Each step on its own.
    FromScratch,
    /// Each step's output is live in the next.
    Live,
    /// Each step on its own, with the address store that Admiral had then: addresses must be equal.
    WithStore,
}

/// What came of a case.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Objects that were compared, in all steps.
    pub(super) compared: usize,
    /// Objects that differ and are explained.
    pub(super) explained: usize,
    /// Everything that is wrong.
    pub(super) problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) step: usize,
    pub(super) cluster: String,
    pub(super) object: String,
    pub(super) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step{} {} {}: {}", self.step, self.cluster, self.object, self.text)
    }
}

/// Runs every step of `case` and compares.
pub(super) fn judge(case: &Case, way: Way) -> Verdict {
    let rows = if way == Way::Live { &case.explained_live } else { &case.explained };
    let mut verdict = Verdict::default();
    let mut folder = Folder::of(case);
    for (index, step) in case.steps.iter().enumerate() {
        if way != Way::Live {
            folder = Folder::of(case);
            case.steps[1..=index].iter().for_each(|earlier| folder.change(earlier));
        } else if index > 0 {
            folder.change(step);
        }
        if way == Way::WithStore {
            folder.set_store(step.expected.get("hub").map_or(&[], Vec::as_slice));
        }
        sync(step, &folder, &mut verdict);
        let rows: Vec<&Row> = rows.iter().filter(|row| row.step == step.number).collect();
        judge_step(case, step, way, &rows, &folder, &mut verdict);
    }
    verdict
}

/// The whole way: observe, desire, plan, write; then plan again, which must give nothing to write (law L1).
fn sync(step: &Step, folder: &Folder, verdict: &mut Verdict) {
    let mut wrong = |text: String| verdict.problems.push(Problem::of_fleet(step.number, text));
    let report = match open(step, folder) {
        Ok(fleet) => {
            for finding in fleet.observe().findings {
                wrong(format!("was not read well: {} {}", finding.place, finding.message));
            }
            fleet.apply(&plan_of(step, &fleet), &|| false)
        }
        Err(text) => return wrong(text),
    };
    if report.not_written() > 0 {
        wrong(format!("not everything was written: {:?}", report.results));
    }
    match open(step, folder) {
        Ok(fleet) => {
            let again = plan_of(step, &fleet);
            for write in again.steps.iter().filter(|write| write.is_write()) {
                let verb = match &write.action {
                    Action::Create { .. } => "create",
                    Action::Update { .. } => "update",
                    Action::Delete { .. } | Action::Hold { .. } => "delete",
                };
                wrong(format!("planning again would {verb} {} {}: {:?}", write.cluster, write.key, write.changes()));
            }
        }
        Err(text) => wrong(text),
    }
}

fn open(step: &Step, folder: &Folder) -> Result<DirectoryFleet, String> {
    DirectoryFleet::open(folder.path(), Some(step.policy.clone())).map_err(|error| format!("cannot be opened: {error}"))
}

fn plan_of(step: &Step, fleet: &DirectoryFleet) -> Plan {
    let now: Timestamp = "2025-11-01T00:00:00Z".parse().expect("a time");
    let snapshot = fleet.observe();
    let desired = desire(&snapshot, &step.policy, now);
    plan(&desired, &snapshot, &step.policy, &Scope::default())
}

fn judge_step(case: &Case, step: &Step, way: Way, rows: &[&Row], folder: &Folder, verdict: &mut Verdict) {
    let namespace = &step.policy.sync_namespace;
    let mut met = BTreeSet::new();
    for cluster in &case.clusters {
        let theirs = step.expected.get(cluster).map_or(&[][..], Vec::as_slice);
        let theirs = by_name(theirs.iter().filter(|o| is_compared(o) && o["metadata"]["namespace"] == **namespace));
        let held = folder.objects(cluster, namespace);
        let ours = by_name(held.iter());
        for address in repeated_addresses(&held) {
            verdict.problems.push(Problem::of_fleet(step.number, format!("{cluster}: {address} is given out twice")));
        }
        let keys: BTreeSet<&(String, String)> = theirs.keys().chain(ours.keys()).collect();
        for key in keys {
            verdict.compared += 1;
            let differences = compare(theirs.get(key).copied(), ours.get(key).copied(), addresses(case, way));
            let row = rows.iter().find(|row| row.cluster == *cluster && (&row.kind, &row.name) == (&key.0, &key.1));
            met.extend(row.map(|row| (&row.cluster, &row.kind, &row.name)));
            let text = match (differences.is_empty(), row) {
                (true, None) => continue,
                (false, Some(_)) => {
                    verdict.explained += 1;
                    continue;
                }
                // Explained by the address alone, which Admiral's own store makes equal.
                (true, Some(row)) if way == Way::WithStore && row.reason.starts_with("D3") => continue,
                (true, Some(row)) => format!("turned out equal, yet is explained: {}", row.reason),
                (false, None) => differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            };
            let object = format!("{} {}", key.0, key.1);
            verdict.problems.push(Problem { step: step.number, cluster: cluster.clone(), object, text });
        }
    }
    for row in rows.iter().filter(|row| !met.contains(&(&row.cluster, &row.kind, &row.name))) {
        let object = format!("{} {}", row.kind, row.name);
        let text = format!("nobody has it (turned out equal), yet it is explained: {}", row.reason);
        verdict.problems.push(Problem { step: step.number, cluster: row.cluster.clone(), object, text });
    }
}

/// A case that brings an address store is about addresses; with Admiral's own store every address must be kept.
fn addresses(case: &Case, way: Way) -> Addresses {
    let has_store = case.dir.join("hub/05-vips.yaml").is_file();
    if has_store || way == Way::WithStore { Addresses::Kept } else { Addresses::New }
}

fn by_name<'a>(objects: impl Iterator<Item = &'a Value>) -> BTreeMap<(String, String), &'a Value> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    objects.map(|object| ((text(&object["kind"]), text(&object["metadata"]["name"])), object)).collect()
}

impl Problem {
    fn of_fleet(step: usize, text: String) -> Self {
        Self { step, cluster: "fleet".to_owned(), object: String::new(), text }
    }
}

impl Verdict {
    /// Writes `DIR/<case>.md` where `MESH_CONFORMANCE_REPORT` names a folder.
    pub(super) fn report(&self, case: &Case, way: Way) {
        let Some(dir) = std::env::var_os("MESH_CONFORMANCE_REPORT") else { return };
        let file = Path::new(&dir).join(format!("{}-{way:?}.md", case.name));
        if self.problems.is_empty() {
            let _ = fs::remove_file(file);
            return;
        }
        let mut text = format!("# {} ({way:?})\n", case.name);
        for problem in &self.problems {
            let lines = problem.text.split("; ").collect::<Vec<_>>().join("\n    ");
            let Problem { step, cluster, object, .. } = problem;
            writeln!(text, "\n* step{step} {cluster} {object}\n    {lines}").expect("a String takes everything");
        }
        fs::create_dir_all(&dir).and_then(|()| fs::write(file, text)).unwrap();
    }
}
