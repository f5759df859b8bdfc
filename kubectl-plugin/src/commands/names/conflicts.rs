//! `kubectl mesh names conflicts`.

use clap::Args;
use mesh_model::finding::{Code, Finding};
use mesh_plan::scope::Scope;
use mesh_render::plan::count;
use mesh_render::{document, findings};

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

#[derive(Debug, Args)]
pub(super) struct ConflictsArgs {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// What a webhook refuses as well (product contract §7).
const CONFLICTS: [Code; 5] =
    [Code::ClaimedByAnother, Code::RivalClaims, Code::OneHostTwoIdentities, Code::PrefixCollision, Code::HostTaken];

/// Shows the findings that are about whose a name is.
pub(super) fn run(args: &ConflictsArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take(global, output)?;
    let plan = reading.plan(&Scope::default())?;
    let found: Vec<Finding> =
        plan.findings.iter().filter(|finding| CONFLICTS.contains(&finding.code)).cloned().collect();
    let text = match args.format.output {
        Format::Table | Format::Wide if found.is_empty() => {
            format!("No conflicts in {}.\n", count(plan.coverage.seen, "cluster"))
        }
        Format::Table | Format::Wide => {
            format!("{}\n{}.\n", findings::table(&found, output.styling()), findings::counts(&found))
        }
        Format::Json => document::to_json(&document::findings(&found, &[], &[])),
        Format::Yaml => document::to_yaml(&document::findings(&found, &[], &[])),
        Format::Name => found.iter().flat_map(|finding| [finding.code.name(), "\n"]).collect(),
    };
    output.data(&text)?;
    for warning in tolerance::warnings(&plan.coverage) {
        output.warning(&warning);
    }
    let failed = if found.is_empty() { Exit::Success } else { Exit::Differences };
    Ok(tolerance::exit_by_coverage(&plan.coverage, args.tolerance.allow_unseen).merge(failed))
}
