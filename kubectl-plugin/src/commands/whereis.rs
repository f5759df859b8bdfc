//! `kubectl mesh whereis`.

use clap::Args;
use mesh_fleet::Fleet;
use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::FleetSnapshot;
use mesh_plan::lookup::NotFound;
use mesh_plan::plan::Coverage;
use mesh_plan::whereis::{Whereis, whereis};
use mesh_render::whereis::Read;
use mesh_render::{document, whereis as render};

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::fleet;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

mod pod;
mod selective;

/// Show where a service runs, who owns it, who calls it and how traffic splits
#[derive(Debug, Args)]
pub(crate) struct WhereisArgs {
    /// An identity, global name, prefix name, virtual address, service.namespace, workload or pod
    #[arg(value_name = "KEY")]
    key: String,
    /// List everything instead of asking by label; directory fleets always do
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Reads the fleet and answers.
pub(crate) fn run(args: &WhereisArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let fleet = fleet::open(global, output)?;
    if let Fleet::Live(live) = &fleet
        && !args.full
        && let Some((answer, snapshot)) = selective::answer(&args.key, live, output)?
    {
        fleet::warn_of_unseen_kinds(&fleet, &snapshot, output);
        show(&answer, Read::ByLabel, args, output)?;
        return Ok(exit_by_coverage(&snapshot, &args.tolerance));
    }
    let reading = Reading::take_opened(&args.key, fleet, global, output)?;
    let partial = exit_by_coverage(&reading.snapshot, &args.tolerance);
    let answer = match whereis(&args.key, &reading.snapshot, reading.fleet.policy(), &reading.desired) {
        Ok(answer) => answer,
        Err(error) => pod::answer(&args.key, &reading, output).map_err(|problem| {
            let error = not_found(&error, partial);
            problem.into_iter().fold(error, CommandError::hint)
        })?,
    };
    show(&answer, Read::Fully, args, output)?;
    Ok(partial)
}

fn show(answer: &Whereis, read: Read, args: &WhereisArgs, output: &mut Output) -> Result<(), CommandError> {
    let text = match args.format.output {
        Format::Table => render::render(answer, read, false, output.styling()),
        Format::Wide => render::render(answer, read, true, output.styling()),
        Format::Json => document::to_json(&render::document(answer, read)),
        Format::Yaml => document::to_yaml(&render::document(answer, read)),
        Format::Name => render::names(answer),
    };
    output.data(&text)
}

/// 3 where more is unseen than is tolerated, 4 where nothing was seen.
pub(crate) fn exit_by_coverage(snapshot: &FleetSnapshot, tolerance: &ToleranceArgs) -> Exit {
    tolerance::exit_by_coverage(&coverage(snapshot), tolerance.allow_unseen)
}

/// What of a fleet was seen; names and endpoints are not counted.
pub(crate) fn coverage(snapshot: &FleetSnapshot) -> Coverage {
    let kinds = |facts: &ClusterFacts| facts.unseen.iter().map(ToString::to_string).collect();
    let blind = snapshot.seen().filter(|(_, facts)| !facts.unseen.is_empty());
    Coverage {
        members: snapshot.members.len(),
        seen: snapshot.seen().count(),
        unseen: snapshot.unseen().map(|(cluster, unseen)| (cluster.clone(), unseen.why.clone())).collect(),
        unseen_kinds: blind.map(|(cluster, facts)| (cluster.clone(), kinds(facts))).collect(),
        ..Coverage::default()
    }
}

/// Nobody has such a name: 1, or 3 where it may be in what is unseen.
pub(crate) fn not_found(error: &NotFound, partial: Exit) -> CommandError {
    let mut command_error = CommandError::new(Exit::Differences.merge(partial), error.to_string());
    if partial != Exit::Success {
        command_error =
            command_error.hint("it may be in a cluster or kind that is unseen; `kubectl mesh status` names them");
    }
    command_error.closest(&error.closest)
}
