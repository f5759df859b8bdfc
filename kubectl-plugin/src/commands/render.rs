//! `kubectl mesh render`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use mesh_fleet::output::{OutputError, render_to};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;
use mesh_plan::apply_model::apply;
use mesh_plan::desire::desire;
use mesh_plan::manifest;
use mesh_plan::plan::{Plan, plan as plan_for};
use mesh_plan::scope::Scope;
use mesh_render::plan::count;
use serde_json::Value;

use crate::cli::{GlobalArgs, ScopeArgs, ToleranceArgs};
use crate::commands::plan::notes;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// Write the objects that every cluster should hold as files
///
/// The files are DIR/CLUSTER/NAMESPACE/KIND-NAME.yaml: the objects that clusters would hold after a sync, held ones as
/// they are. Clusters that are unseen have none.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
    /// The folder to write into; generated objects in it are replaced, other files stay
    #[arg(long, value_name = "DIR")]
    output_dir: PathBuf,
    /// As if no cluster held a generated object yet
    #[arg(long)]
    from_scratch: bool,
}

/// Reads the fleet and writes what it should hold.
pub(crate) fn run(args: &RenderArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let mut reading = Reading::take(global, output)?;
    if args.from_scratch {
        reading.snapshot = reading.snapshot.without_owned();
        reading.desired = desire(&reading.snapshot, reading.fleet.policy(), reading.now);
    }
    let scope = args.scope.scope();
    let plan = reading.plan(&scope)?;
    for warning in notes(&reading, &plan).iter().chain(&tolerance::warnings(&plan.coverage)) {
        output.warning(warning);
    }
    let manifests = manifests(&reading, &plan, &scope);
    let interrupt = Interrupt::notice()?;
    let written = render_to(&args.output_dir, &manifests, &|| interrupt.is_asked()).map_err(|error| match error {
        OutputError::Interrupted { .. } => CommandError::new(Exit::Interrupted, error.to_string()),
        OutputError::InTheWay { .. } | OutputError::Link { .. } => CommandError::usage(error.to_string()),
        OutputError::Write { .. } => CommandError::new(Exit::NothingDone, error.to_string()),
    })?;
    let clusters: BTreeSet<&ClusterName> = manifests.iter().map(|(cluster, _)| cluster).collect();
    let (total, clusters) = (count(manifests.len(), "object"), count(clusters.len(), "cluster"));
    output.note(&format!("{total} of {clusters}: {} written, {} unchanged", written.written, written.unchanged));
    Ok(tolerance::exit_of(&plan, args.tolerance.allow_unseen))
}

/// What every cluster holds once `plan` is written: held objects stay as they are.
fn manifests(reading: &Reading, plan: &Plan, scope: &Scope) -> Vec<(ClusterName, Value)> {
    let wanted = in_scope(reading, plan, scope);
    let after: FleetSnapshot = apply(&reading.snapshot, plan);
    let mut manifests = Vec::new();
    for (cluster, facts) in after.reached() {
        for (key, object) in &facts.owned {
            if wanted.as_ref().is_none_or(|wanted| wanted.contains(&(cluster.clone(), key.clone()))) {
                manifests.push((cluster.clone(), manifest::live(key, object)));
            }
        }
    }
    manifests
}

/// The objects of the names and clusters in scope; none when everything is.
fn in_scope(reading: &Reading, plan: &Plan, scope: &Scope) -> Option<BTreeSet<(ClusterName, ObjectKey)>> {
    if scope.is_everything() {
        return None;
    }
    // Everything that is desired in scope would be created if nothing were there.
    let empty = reading.snapshot.without_owned();
    let all = plan_for(&reading.desired, &empty, reading.fleet.policy(), scope);
    Some(all.steps.iter().chain(&plan.steps).map(|step| (step.cluster.clone(), step.key.clone())).collect())
}
