//! `kubectl mesh sync`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use mesh_fleet::Fleet;
use mesh_model::name::ClusterName;
use mesh_plan::plan::Plan;
use mesh_plan::prune::prune_ex_sources;
use mesh_plan::scope::Scope;
use mesh_render::document;
use mesh_render::plan::count;
use mesh_render::saved::SavedPlan;

use crate::cli::{Format, FormatArgs, GlobalArgs, ScopeArgs, ToleranceArgs};
use crate::commands::fleet::edited::stored;
use crate::commands::plan::text;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::given;
use crate::limits::MAX_SAVED_PLAN;
use crate::output::Output;
use crate::reading::Reading;
use crate::{fleet, tolerance};

mod again;
pub(crate) mod age;
mod claims;
mod events;
mod left_out;
mod limits;
mod migration;
pub(crate) mod outcome;
mod rehearsal;
mod selective;
mod watch;
mod waves;

use waves::Waves;

/// Write what the plan shows, after asking
///
/// Plans, shows the plan, asks on a terminal or needs --yes, and writes: first where a name is served, then what its
/// clients gain, then what they lose, then the rest. Running it again is the recovery procedure.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
    /// Write without asking
    #[arg(short, long)]
    yes: bool,
    /// Move what is written already where the suffix, the sync namespace or the identity key changed, without asking
    #[arg(long)]
    yes_migrate: bool,
    /// Show what would be written, with the limits below, and write nothing; with `server`, also ask the API servers whether
    /// they would take it
    #[arg(long, value_enum, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    dry_run: Option<DryRun>,
    /// Go on only if the plan equals this one, saved with `plan -o json`; nothing is written from the file
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Write to the clusters that only call in waves, each counted in all: 1,10%,rest writes to one cluster, then to as
    /// many more as make 10%, then to the rest. Each wave reads and plans anew, and is the last if something was not
    /// written or would be removed that was not shown
    #[arg(long, value_name = "N|N%|rest,…", conflicts_with = "plan")]
    waves: Option<Waves>,
    /// Hold everything that removes traffic when more than N endpoints or exposures would go [default: the smaller of
    /// 50 and 10% of the served endpoints, at least 3]
    #[arg(long, value_name = "N")]
    max_removals: Option<usize>,
    /// Let the last endpoint of this name go although it has clients: an identity, a global name or a glob
    #[arg(long, value_name = "NAME")]
    allow_last: Vec<String>,
    /// Remove what former source clusters keep for local callers, once it is this old (such as 30d or 12h)
    #[arg(long, value_name = "AGE", num_args = 0..=1, require_equals = true, default_missing_value = "0s", value_parser = age::parse)]
    prune_ex_sources: Option<SignedDuration>,
    /// Write to clusters with Admiral's objects although Admiral runs
    #[arg(long)]
    beside_admiral: bool,
    /// Go on although --policy is not what the fleet stores
    #[arg(long)]
    policy_override: bool,
    /// Stay, watch the clusters, and write what changes under the same limits, until a termination or Ctrl-C
    #[arg(long, requires = "yes", conflicts_with_all = ["dry_run", "plan", "waves", "prune_ex_sources", "output"])]
    watch: bool,
    /// Answer /healthz, /readyz and /metrics here while watching, such as 127.0.0.1:8080
    #[arg(long, value_name = "ADDR", requires = "watch")]
    listen: Option<SocketAddr>,
}

impl SyncArgs {
    /// A run for one name.
    pub(crate) fn of_name(name: &str, format: &FormatArgs, tolerance: &ToleranceArgs) -> Self {
        Self {
            scope: ScopeArgs { names: vec![name.to_owned()], ..ScopeArgs::default() },
            format: format.clone(),
            tolerance: tolerance.clone(),
            yes: false,
            yes_migrate: false,
            dry_run: None,
            plan: None,
            waves: None,
            max_removals: None,
            allow_last: Vec::new(),
            prune_ex_sources: None,
            beside_admiral: false,
            policy_override: false,
            watch: false,
            listen: None,
        }
    }

    /// Agreed to beforehand, or only shown.
    pub(crate) fn agreed(self, yes: bool, is_dry: bool) -> Self {
        Self { yes, dry_run: is_dry.then_some(DryRun::Client), ..self }
    }

    /// With other limits than the usual ones.
    pub(crate) fn limited(self, max_removals: Option<usize>, allow_last: bool) -> Self {
        let names = if allow_last { self.scope.names.clone() } else { Vec::new() };
        Self { max_removals, allow_last: names, ..self }
    }
}

/// How much of a run is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// Every write.
    Client,
    /// What servers would store.
    Server,
}

/// Plans, shows, asks, writes and reports.
pub(crate) fn run(args: &SyncArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    if args.watch {
        return watch::run(args, global, output);
    }
    let saved = args.plan.as_deref().map(read_saved).transpose()?;
    let scope = scope(args, saved.as_ref());
    let mut reading = selective::read(args, &scope, global, output)?;
    check_policy(args, reading.policy_differs.as_ref())?;
    if let Some(refusal) = fleet::forbids_writing(&reading.fleet).filter(|_| args.dry_run != Some(DryRun::Client)) {
        return Err(refusal);
    }
    if args.dry_run == Some(DryRun::Server) {
        rehearsal::check(&reading.fleet)?;
    }
    prune(args, &mut reading, output);
    let planned = reading.plan(&scope)?;
    let mut plan = planned.clone();
    let said = limits::apply(args, &reading, &mut plan, |most| most);
    limits::say(&said, output);
    if let Some(saved) = &saved {
        check_saved(saved, &planned, &plan, &scope)?;
    }
    let is_shown = show(args, &reading, &plan, &scope, output)?;
    let division = args.waves.as_ref().map(|waves| waves::divide(waves, &plan, output));
    let exit = tolerance::exit_of(&plan, args.tolerance.allow_unseen);
    if plan.is_empty() || args.dry_run == Some(DryRun::Client) || output.is_interrupted() {
        return Ok(exit);
    }
    if args.dry_run == Some(DryRun::Server) {
        return Ok(exit.merge(rehearsal::run(&reading.fleet, &plan, args.format.output, output)?));
    }
    // Nobody agrees to what nobody saw; what was agreed to beforehand is done, whoever reads about it.
    let is_agreed = (args.yes || (is_shown && confirmed(&reading, &plan, output)?))
        && migration::is_agreed(args.yes_migrate, is_shown, &reading, &plan, output)?;
    if !is_agreed {
        output.note("declined: nothing was written");
        return Ok(Exit::Differences);
    }
    output.notice_interrupts()?;
    let exit = exit.merge(spread_policy(&reading.fleet, output));
    let first = again::First { reading: &reading, plan: &plan, scope: &scope, said: &said };
    let (report, held) = if let Some(division) = &division {
        waves::write(args, global, &first, division, output)
    } else {
        let whole = left_out::noted(&plan, &reading, &scope);
        let report = output.watched(|run| reading.fleet.apply(&whole, run));
        again::settle(args, global, &first, again::Tried { plan: &plan, report }, &|_| {}, output)
    };
    // Of a saved plan nothing else is written than what it says.
    let report = if args.plan.is_none() { claims::settle(&reading.fleet, report, output)? } else { report };
    events::note(&reading.fleet, &plan, &report, output);
    Ok(exit.merge(held).merge(outcome::show(&report, args.format.output, output)?))
}

/// Takes what ex-sources keep out of what is desired, where that is asked for.
fn prune(args: &SyncArgs, reading: &mut Reading, output: &mut Output) {
    let Some(age) = args.prune_ex_sources else { return };
    let pruned = prune_ex_sources(&mut reading.desired, &reading.snapshot, reading.now, age);
    if pruned.kept > 0 {
        let kept = count(pruned.kept, "object");
        output.warning(&format!("{kept} of ex-sources stay while something is unseen"));
    }
}

/// A policy of one's own that is not the fleet's is used only on purpose.
fn check_policy(args: &SyncArgs, differs: Option<&String>) -> Result<(), CommandError> {
    match differs.filter(|_| !args.policy_override) {
        Some(differs) => {
            Err(CommandError::usage(differs.as_str())
                .hint("store it as the fleet's mesh.yaml, or add --policy-override"))
        }
        None => Ok(()),
    }
}

/// Members with an older policy get the one that counts first: whoever plans from there then plans the same.
fn spread_policy(fleet: &Fleet, output: &mut Output) -> Exit {
    let Fleet::Live(live) = fleet else { return Exit::Success };
    let results = output.watched(|run| live.spread_policy(run));
    // The plan is still written.
    if stored(&results, live.policy().revision, output) == Exit::Success { Exit::Success } else { Exit::Partial }
}

/// What the command line says, else what the saved plan was asked about.
fn scope(args: &SyncArgs, saved: Option<&SavedPlan>) -> Scope {
    let typed = args.scope.scope();
    match saved {
        Some(saved) if typed.is_everything() => saved.scope.clone(),
        _ => typed,
    }
}

fn read_saved(file: &Path) -> Result<SavedPlan, CommandError> {
    let cannot = || CommandError::usage(format!("cannot read the saved plan {}", file.display()));
    let text = given::read(file, MAX_SAVED_PLAN).map_err(|error| cannot().because(error))?;
    let saved = SavedPlan::parse(&text);
    saved.map_err(|error| cannot().because(error).hint("save one with `kubectl mesh plan -o json > FILE`"))
}

/// A saved plan counts when it equals what `plan` shows, or what `sync --dry-run` shows.
fn check_saved(saved: &SavedPlan, planned: &Plan, limited: &Plan, scope: &Scope) -> Result<(), CommandError> {
    let documents = [planned, limited].map(|plan| document::plan(plan, scope, &[]));
    if documents.iter().any(|document| saved.is_equal_to(document)) {
        return Ok(());
    }
    let difference = saved.difference(&documents[0]);
    Err(CommandError::new(Exit::StalePlan, format!("the saved plan is stale; the new one differs:\n{difference}"))
        .hint("look at the new plan, save it, and run again"))
}

/// The plan goes to stdout, unless a report for programs will. False when nobody reads it.
fn show(
    args: &SyncArgs,
    reading: &Reading,
    plan: &Plan,
    scope: &Scope,
    output: &mut Output,
) -> Result<bool, CommandError> {
    let format = args.format.output;
    if !format.is_for_programs() || args.dry_run == Some(DryRun::Client) {
        return output.shown(&text(reading, plan, scope, format, output.styling()));
    }
    output.note(&text(reading, plan, scope, Format::Table, mesh_render::style::Styling::PLAIN));
    if plan.is_empty() {
        outcome::show(&mesh_fleet::report::ApplyReport::default(), format, output)?;
    }
    Ok(true)
}

/// Asks, naming fleet, clusters, additions and removals.
pub(crate) fn confirmed(reading: &Reading, plan: &Plan, output: &mut Output) -> Result<bool, CommandError> {
    if !Output::can_ask() {
        return Err(CommandError::usage("nobody can be asked: this is not a terminal")
            .hint("add --yes to write without asking, or --dry-run to write nothing"));
    }
    let clusters: BTreeSet<&ClusterName> =
        plan.steps.iter().filter(|step| step.is_write()).map(|step| &step.cluster).collect();
    let clusters: Vec<&ClusterName> = clusters.into_iter().collect();
    let counts = plan.counts();
    let question = format!(
        "Write to {} ({}): {}, {}, {}?",
        reading.fleet,
        mesh_render::table::clusters(&clusters, false),
        count(counts.add, "addition"),
        count(counts.change, "change"),
        count(counts.delete, "removal"),
    );
    Ok(output.ask(&question))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_a_saved_plan_counts_unless_the_command_line_has_one() {
        use clap::Parser;

        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            sync: SyncArgs,
        }
        let value = document::plan(&Plan::default(), &Scope { names: vec!["a".into()], ..Scope::default() }, &[]);
        let saved = SavedPlan::parse(&document::to_json(&value)).unwrap();
        let sync = |line: &[&str]| Line::parse_from([&["sync"], line].concat()).sync;
        assert_eq!(scope(&sync(&[]), Some(&saved)).names, ["a"]);
        assert_eq!(scope(&sync(&["b"]), Some(&saved)).names, ["b"]);
        assert!(scope(&sync(&[]), None).is_everything());
    }
}
