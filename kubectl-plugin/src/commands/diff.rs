//! `kubectl mesh diff`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use clap::Args;
use mesh_fleet::paths;
use mesh_plan::manifest;
use mesh_plan::plan::{Plan, Step};
use mesh_render::diff::render;
use mesh_render::document::to_yaml;
use serde_json::Value;

use crate::cli::{GlobalArgs, ScopeArgs, ToleranceArgs};
use crate::commands::plan::notes;
use crate::environment::KUBECTL_EXTERNAL_DIFF;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// Show the plan as unified diffs of manifests; exit status 1 when there are any
///
/// A hunk that is the same in many clusters is shown once, with the clusters beside it. `KUBECTL_EXTERNAL_DIFF` names a
/// program to run instead, as `kubectl diff` runs it: with a folder of what is live and a folder of what is planned.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Reads the fleet and shows the differences.
pub(crate) fn run(args: &DiffArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take(global, output)?;
    let plan = reading.plan(&args.scope.scope())?;
    for warning in notes(&reading, &plan).iter().chain(&tolerance::warnings(&plan.coverage)) {
        output.warning(warning);
    }
    match std::env::var_os(KUBECTL_EXTERNAL_DIFF).filter(|program| !program.is_empty()) {
        Some(program) => show_externally(&program, &plan)?,
        None => output.data(&render(&plan, output.styling()))?,
    }
    let held = plan.counts().hold;
    if held > 0 {
        output.warning(&format!("{held} held, which have no difference; `kubectl mesh plan` says why"));
    }
    let differences = if plan.is_empty() { Exit::Success } else { Exit::Differences };
    Ok(differences.merge(tolerance::exit_of(&plan, args.tolerance.allow_unseen)))
}

/// Runs `program` with two folders. Status 0 and 1 are what comparing programs end with, more is an error.
fn show_externally(program: &OsString, plan: &Plan) -> Result<(), CommandError> {
    let mut words = words(program)?.into_iter();
    let name = words.next().ok_or_else(|| CommandError::usage(format!("{KUBECTL_EXTERNAL_DIFF} names no program")))?;
    let cannot = |error| CommandError::new(Exit::NothingDone, "cannot write what is compared").because(error);
    let folder = tempfile::tempdir().map_err(cannot)?;
    let (live, merged) = (folder.path().join("LIVE"), folder.path().join("MERGED"));
    for (at, side) in [(&live, 0), (&merged, 1)] {
        fs::create_dir(at).map_err(cannot)?;
        for step in plan.steps.iter().filter(|step| step.is_write()) {
            let (before, after) = manifest::around(step);
            write_side(at, step, [before, after][side].as_ref()).map_err(cannot)?;
        }
    }
    let status: ExitStatus = Command::new(&name).args(words).args([&live, &merged]).status().map_err(|error| {
        CommandError::usage(format!("cannot run {name:?}, which {KUBECTL_EXTERNAL_DIFF} names")).because(error)
    })?;
    match status.code() {
        Some(0 | 1) => Ok(()),
        _ => Err(CommandError::new(Exit::NothingDone, format!("{name:?} failed: {status}"))),
    }
}

/// The program and its arguments, parted by spaces as kubectl does.
fn words(program: &OsString) -> Result<Vec<String>, CommandError> {
    let text = program.to_str().ok_or_else(|| CommandError::usage(format!("{KUBECTL_EXTERNAL_DIFF} is not UTF-8")))?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

fn write_side(folder: &Path, step: &Step, manifest: Option<&Value>) -> std::io::Result<()> {
    let Some(manifest) = manifest else { return Ok(()) };
    let prefix = format!("{}.{}.{}", step.cluster, step.key.namespace, step.key.kind);
    fs::write(folder.join(paths::file_name(&prefix, &step.key.name)), to_yaml(manifest))
}
