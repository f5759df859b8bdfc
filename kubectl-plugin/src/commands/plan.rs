//! `kubectl mesh plan`.

use std::collections::BTreeSet;

use clap::Args;
use mesh_model::name::Host;
use mesh_plan::migration::{Migration, migrations};
use mesh_plan::plan::Plan;
use mesh_plan::scope::Scope;
use mesh_render::plan::{Detail, render};
use mesh_render::{document, style::Styling};

use crate::cli::{Format, FormatArgs, GlobalArgs, ScopeArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// Show what would be created, changed, deleted or held, and why
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
    /// End with exit status 1 when there is anything to change
    #[arg(long)]
    exit_code: bool,
}

/// Reads the fleet and shows the plan.
pub(crate) fn run(args: &PlanArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take_with_traffic(global, output)?;
    let scope = args.scope.scope();
    let mut plan = reading.plan(&scope)?;
    for unknown in reading.check_traffic_of(&mut plan) {
        output.detail(&unknown);
    }
    output.data(&text(&reading, &plan, &scope, args.format.output, output.styling()))?;
    if args.format.output.is_for_programs() {
        for warning in tolerance::warnings(&plan.coverage).iter().chain(&notes(&reading, &plan)) {
            output.warning(warning);
        }
    }
    let differences = if args.exit_code && !plan.is_empty() { Exit::Differences } else { Exit::Success };
    Ok(differences.merge(tolerance::exit_of(&plan, args.tolerance.allow_unseen)))
}

/// The plan in the wanted form.
pub(crate) fn text(reading: &Reading, plan: &Plan, scope: &Scope, format: Format, styling: Styling) -> String {
    let document = || document::plan(plan, scope, &moves(reading, plan));
    match format {
        Format::Table => render(plan, &notes(reading, plan), Detail::Summary, styling),
        Format::Wide => render(plan, &notes(reading, plan), Detail::Full, styling),
        Format::Json => document::to_json(&document()),
        Format::Yaml => document::to_yaml(&document()),
        Format::Name => names(plan),
    }
}

/// What a reader of the plan should know first.
pub(crate) fn notes(reading: &Reading, plan: &Plan) -> Vec<String> {
    let policy = reading.policy_differs.iter();
    let policy = policy.map(|text| format!("Policy: {text}; sync goes on only with --policy-override."));
    let migrations = moves(reading, plan);
    let migrations = migrations.iter().map(|migration| format!("Migration: {migration}; sync asks for it on its own."));
    policy.chain(migrations).collect()
}

fn moves(reading: &Reading, plan: &Plan) -> Vec<Migration> {
    migrations(plan, &reading.snapshot, reading.fleet.policy())
}

/// The global names that have steps, for use as NAME.
fn names(plan: &Plan) -> String {
    let names: BTreeSet<&str> =
        plan.steps.iter().filter_map(|step| step.base.as_ref().or(step.host.as_ref())).map(Host::as_str).collect();
    names.into_iter().flat_map(|name| [name, "\n"]).collect()
}
