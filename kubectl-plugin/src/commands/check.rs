//! `kubectl mesh check`.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use mesh_model::finding::{Finding, Severity};
use mesh_render::plan::count;
use mesh_render::{document, findings};

use crate::cli::{Format, FormatArgs, GlobalArgs, ScopeArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// Show what is wrong in the fleet, each finding with its place and the next step
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
    /// End with exit status 1 when a finding is at least this bad
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
}

/// How bad a finding must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Something is not as its owner probably thinks
    Warning,
    /// Something is not served, or not as it was asked for
    #[default]
    Error,
}

/// Reads the fleet and shows the findings.
pub(crate) fn run(args: &CheckArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take(global, output)?;
    let plan = reading.plan(&args.scope.scope())?;
    let found = &plan.findings;
    let text = match args.format.output {
        Format::Table | Format::Wide if found.is_empty() => {
            format!("No findings in {}.\n", count(plan.coverage.seen, "cluster"))
        }
        Format::Table | Format::Wide => {
            format!("{}\n{}.\n", findings::table(found, output.styling()), findings::counts(found))
        }
        Format::Json => document::to_json(&document::findings(found)),
        Format::Yaml => document::to_yaml(&document::findings(found)),
        Format::Name => names(found),
    };
    output.data(&text)?;
    for warning in tolerance::warnings(&plan.coverage) {
        output.warning(&warning);
    }
    let least = match args.fail_on {
        FailOn::Warning => Severity::Warning,
        FailOn::Error => Severity::Error,
    };
    let failed = found.iter().any(|finding| finding.severity >= least);
    let unseen = tolerance::exit_by_coverage(&plan.coverage, args.tolerance.allow_unseen);
    Ok(unseen.merge(if failed { Exit::Differences } else { Exit::Success }))
}

/// The names of the codes that were found.
fn names(findings: &[Finding]) -> String {
    let names: BTreeSet<&str> = findings.iter().map(|finding| finding.code.name()).collect();
    names.into_iter().flat_map(|name| [name, "\n"]).collect()
}
