//! `kubectl mesh check`.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use mesh_model::finding::{Code, Finding, Severity};
use mesh_plan::check::Checked;
use mesh_plan::suppress::{Sifted, suppress};
use mesh_render::plan::count;
use mesh_render::style::Styling;
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
    /// Count the findings of each code instead of showing every one
    #[arg(long, conflicts_with = "output")]
    short: bool,
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
    let reading = Reading::take_with_traffic(global, output)?;
    let scope = args.scope.scope();
    let plan = reading.plan(&scope)?;
    let Checked { findings, unknown } = reading.check(&plan, &scope);
    let sees_everything = scope.is_everything() && reading.snapshot.is_complete();
    let sees_all_of = |code: Code| sees_everything && (!code.is_about_traffic() || unknown.is_empty());
    let sifted = suppress(&findings, &reading.fleet.policy().check.suppress, reading.now, sees_all_of);
    let Sifted { left, suppressed } = &sifted;
    let text = match args.format.output {
        Format::Table | Format::Wide => screen(args, &sifted, plan.coverage.seen, output.styling()),
        Format::Json => document::to_json(&document::findings(left, suppressed, &unknown)),
        Format::Yaml => document::to_yaml(&document::findings(left, suppressed, &unknown)),
        Format::Name => names(left),
    };
    output.data(&text)?;
    for warning in tolerance::warnings(&plan.coverage).iter().chain(&unknown) {
        output.warning(warning);
    }
    let least = match args.fail_on {
        FailOn::Warning => Severity::Warning,
        FailOn::Error => Severity::Error,
    };
    let failed = left.iter().any(|finding| finding.severity >= least);
    let coverage = tolerance::with_traffic(&plan.coverage, &reading.snapshot.findings);
    let unseen = tolerance::exit_by_coverage(&coverage, args.tolerance.allow_unseen);
    Ok(unseen.merge(if failed { Exit::Differences } else { Exit::Success }))
}

/// What a person reads: the findings, how many they are, and for `wide` those that the policy suppresses.
fn screen(args: &CheckArgs, Sifted { left, suppressed }: &Sifted, seen: usize, styling: Styling) -> String {
    let (rows, counted) = match left.as_slice() {
        [] => (String::new(), format!("No findings in {}", count(seen, "cluster"))),
        _ if args.short => (findings::short(left, styling) + "\n", findings::counts(left)),
        _ => (findings::table(left, styling) + "\n", findings::counts(left)),
    };
    if suppressed.is_empty() {
        return format!("{rows}{counted}.\n");
    }
    let listed = match args.format.output {
        Format::Wide => format!("\n{}", findings::suppressed(suppressed, styling)),
        _ => String::new(),
    };
    format!("{rows}{counted}; {} suppressed.\n{listed}", suppressed.len())
}

/// The names of the codes that were found.
fn names(findings: &[Finding]) -> String {
    let names: BTreeSet<&str> = findings.iter().map(|finding| finding.code.name()).collect();
    names.into_iter().flat_map(|name| [name, "\n"]).collect()
}
