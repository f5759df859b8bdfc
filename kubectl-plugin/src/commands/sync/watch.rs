//! `sync --watch`: the fleet is kept in sight, and each change is planned and written under the same limits.
//!
//! A round plans the names that the changes since the last one concern, and nothing where they concern none. That these
//! are all names whose plan can change is law L7's business; a round for the whole fleet, now and then, does not rely on it.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mesh_fleet::Fleet;
use mesh_fleet::live::watch::{Monitor, Watch, Woken};
use mesh_fleet::report::{ApplyReport, Outcome};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::Host;
use mesh_plan::budget::removals;
use mesh_plan::concern::{Concern, plan_concerned};
use mesh_plan::desire::desire;
use mesh_plan::desired::Desired;
use mesh_plan::plan::Plan;
use mesh_render::plan::count;

use super::limits::{self, Said};
use super::{SyncArgs, left_out, migration, spread_policy};
use crate::cli::GlobalArgs;
use crate::clock;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::fleet;
use crate::limits::{BUDGET_TIME, LISTED_NAMES, LOOK_AGAIN, OPEN_AGAIN, WATCH_RETRY, WATCH_RETRY_AT_MOST};
use crate::output::Output;
use crate::reading::Reading;

/// Runs until it is told to stop.
pub(super) fn run(args: &SyncArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    output.notice_interrupts()?;
    let monitor = Arc::new(Monitor::default());
    if let Some(address) = args.listen {
        listen(&monitor, address, output)?;
    }
    let mut spent = Spent::default();
    let mut is_first = true;
    loop {
        match session(args, global, &monitor, &mut spent, output) {
            Ok(Woken::Reopen(why)) => {
                monitor.reopened();
                output.note(&format!("{why}: the fleet is opened anew"));
            }
            Ok(_) => break,
            Err(_) if output.is_interrupted() => break,
            // What is wrong from the start is for whoever started it; what goes wrong later may mend itself.
            Err(error) if is_first => return Err(error),
            Err(error) => {
                output.error(&error);
                wait(OPEN_AGAIN, output);
            }
        }
        is_first = false;
    }
    output.forget_interrupt();
    let (rounds, written) = monitor.totals();
    output.note(&format!("stopped: {rounds} rounds, {written} steps written"));
    Ok(Exit::Success)
}

fn listen(monitor: &Arc<Monitor>, address: SocketAddr, output: &mut Output) -> Result<(), CommandError> {
    let address = monitor.listen(address).map_err(|error| {
        CommandError::usage(format!("cannot listen on {address}")).because(error).hint("name another --listen address")
    })?;
    output.note(&format!("listening on http://{address}"));
    Ok(())
}

/// One opening of the fleet, for as long as it stays the same.
fn session(
    args: &SyncArgs,
    global: &GlobalArgs,
    monitor: &Arc<Monitor>,
    spent: &mut Spent,
    output: &mut Output,
) -> Result<Woken, CommandError> {
    let fleet = fleet::open(global, output)?;
    let policy_differs = fleet::policy_differs(global, &fleet);
    super::check_policy(args, policy_differs.as_ref())?;
    if let Some(refusal) = fleet::forbids_writing(&fleet) {
        return Err(refusal);
    }
    let Fleet::Live(live) = &fleet else {
        return Err(CommandError::usage(format!("{fleet} is a folder, and only a live fleet can be watched"))
            .hint("name clusters with --fleet contexts:GLOB"));
    };
    let mut watch = output.watched(|run| live.watch(Arc::clone(monitor), run));
    spread_policy(&fleet, output);
    let snapshot = watch.snapshot(live);
    let now = clock::now()?;
    let mut rounds = Rounds::new(args, monitor, spent);
    let (desired, by_label) = (Desired::default(), BTreeSet::new());
    let mut reading = Reading { fleet, now, snapshot, desired, policy_differs, by_label };
    let mut at_latest = Some(Duration::ZERO);
    loop {
        let Fleet::Live(live) = &reading.fleet else { unreachable!("it was live a moment ago") };
        match output.watched(|run| watch.next(live, run, at_latest)) {
            Woken::Changed(since) => {
                let changed = Instant::now().checked_sub(since).unwrap_or_else(Instant::now);
                at_latest = Some(rounds.round(&mut watch, &mut reading, changed, output)?);
                // What the whole fleet should hold is large, and worked out anew where it is needed.
                reading.desired = Desired::default();
            }
            other => return Ok(other),
        }
        if output.is_interrupted() {
            return Ok(Woken::Stopped);
        }
    }
}

/// Rounds of one session, and what they have said already.
struct Rounds<'a> {
    args: &'a SyncArgs,
    monitor: &'a Monitor,
    spent: &'a mut Spent,
    said: Vec<Said>,
    failed: u32,
    seen: String,
    /// When the whole fleet was planned last; none where it must be planned next, since something was not written.
    whole: Option<Instant>,
    /// The endpoints that the whole fleet serves: the measure of removal budgets.
    served_endpoints: usize,
}

/// What one round plans.
struct Planned {
    plan: Plan,
    /// Of how many identities; none for the whole fleet.
    identities: Option<usize>,
}

impl<'a> Rounds<'a> {
    fn new(args: &'a SyncArgs, monitor: &'a Monitor, spent: &'a mut Spent) -> Self {
        let (said, seen) = (Vec::new(), String::new());
        Self { args, monitor, spent, said, failed: 0, seen, whole: None, served_endpoints: 0 }
    }

    /// When the whole fleet is to be planned next, at the latest.
    fn until_whole(&self) -> Duration {
        self.whole.map_or(LOOK_AGAIN, |last| LOOK_AGAIN.saturating_sub(last.elapsed()))
    }

    /// Plans what has changed since `before`; nothing where that concerns no name.
    fn plan(&mut self, before: &FleetSnapshot, reading: &mut Reading) -> Result<Option<Planned>, CommandError> {
        let scope = self.args.scope.scope();
        let is_due = self.whole.is_none_or(|last| last.elapsed() >= LOOK_AGAIN);
        let policy = reading.fleet.policy();
        let concern = if is_due { Concern::Everything } else { Concern::between(before, &reading.snapshot, policy) };
        if concern.is_nothing() {
            return Ok(None);
        }
        let Concern::Some { identities, objects } = concern else {
            reading.desired = desire(&reading.snapshot, policy, reading.now);
            let plan = reading.plan(&scope)?;
            (self.whole, self.served_endpoints) = (Some(Instant::now()), plan.coverage.served_endpoints);
            return Ok(Some(Planned { plan, identities: None }));
        };
        let mut plan;
        (reading.desired, plan) =
            plan_concerned(&reading.snapshot, policy, reading.now, (&identities, &objects), &scope);
        plan.coverage.served_endpoints = self.served_endpoints;
        Ok(Some(Planned { plan, identities: Some(identities.len()) }))
    }

    /// Plans, limits, writes. When the next round is to be, at the latest.
    fn round(
        &mut self,
        watch: &mut Watch,
        reading: &mut Reading,
        changed: Instant,
        output: &mut Output,
    ) -> Result<Duration, CommandError> {
        let start = Instant::now();
        let Fleet::Live(live) = &reading.fleet else { unreachable!("only live fleets are watched") };
        let before = std::mem::replace(&mut reading.snapshot, watch.snapshot(live));
        reading.now = clock::now()?;
        let Some(Planned { mut plan, identities }) = self.plan(&before, reading)? else {
            return Ok(self.until_whole());
        };
        let is_whole = identities.is_none();
        let left = |most: usize| most.saturating_sub(self.spent.lately());
        let said = limits::apply(self.args, reading, &mut plan, left);
        let new: Vec<Said> = said.iter().filter(|said| !self.said.contains(said)).cloned().collect();
        limits::say(&new, output);
        if is_whole {
            self.said = said;
        } else {
            self.said.extend(new);
        }
        let Fleet::Live(live) = &reading.fleet else { unreachable!("it was live a moment ago") };
        self.say_coverage(&plan, output);
        let waiting = watch.hold_back(live, &mut plan);
        self.monitor.round(start.elapsed(), is_whole.then(|| plan.counts().hold));
        let what =
            identities.map_or_else(|| "the fleet".to_owned(), |number| format!("what concerns {number} identities"));
        output.detail(&format!("planned {what} in {:.1?}, {waiting} steps wait for newer facts", start.elapsed()));
        if waiting > 0 {
            self.whole = None;
        }
        if plan.is_empty() {
            self.failed = 0;
            return Ok(self.until_whole());
        }
        if !migration::is_agreed(self.args.yes_migrate, false, reading, &plan, output)? {
            return Ok(self.until_whole());
        }
        self.spent.add(removals(&plan, &reading.desired).len());
        let whole = left_out::noted(&plan, reading, &self.args.scope.scope());
        let report = output.watched(|run| watch.apply(live, &whole, run));
        self.monitor.wrote(&report, changed.elapsed());
        output.note(&line(&report, &plan, changed.elapsed()));
        super::events::note(&reading.fleet, &plan, &report, output);
        if report.not_written() == 0 {
            self.failed = 0;
            return Ok(self.until_whole());
        }
        self.whole = None;
        self.failed += 1;
        Ok((WATCH_RETRY * (1 << (self.failed - 1).min(8))).min(WATCH_RETRY_AT_MOST))
    }

    /// Says once what cannot be seen.
    fn say_coverage(&mut self, plan: &Plan, output: &mut Output) {
        let coverage = &plan.coverage;
        let mut text = format!("{} of {} members seen", coverage.seen, coverage.members);
        for (cluster, why) in coverage.unseen.iter().take(LISTED_NAMES) {
            let _ = write!(text, "; {cluster}: {why}");
        }
        for (cluster, kinds) in coverage.unseen_kinds.iter().take(LISTED_NAMES) {
            let _ = write!(text, "; {cluster}: {} not seen", kinds.join(", "));
        }
        if text != self.seen {
            output.note(&text);
            self.seen = text;
        }
    }
}

/// Removals of late.
#[derive(Default)]
struct Spent(VecDeque<(Instant, usize)>);

impl Spent {
    fn add(&mut self, removals: usize) {
        self.0.retain(|(at, _)| at.elapsed() < BUDGET_TIME);
        if removals > 0 {
            self.0.push_back((Instant::now(), removals));
        }
    }

    fn lately(&self) -> usize {
        self.0.iter().filter(|(at, _)| at.elapsed() < BUDGET_TIME).map(|(_, removals)| removals).sum()
    }
}

/// `wrote 3 of 4 steps (2 added, 1 changed) in c1, c2 for stage.greeting.global, 80 ms after the change`.
fn line(report: &ApplyReport, plan: &Plan, lag: Duration) -> String {
    let (mut added, mut changed, mut removed) = (0, 0, 0);
    let mut why = BTreeSet::new();
    for result in &report.results {
        match &result.outcome {
            Outcome::Created => added += 1,
            Outcome::Updated => changed += 1,
            Outcome::Deleted => removed += 1,
            Outcome::Incomplete(reason)
            | Outcome::Moved(reason)
            | Outcome::Failed(reason)
            | Outcome::NotTried(reason) => {
                why.insert(format!("{}: {reason}", result.cluster));
            }
        }
    }
    let parts = [(added, "added"), (changed, "changed"), (removed, "removed")];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let clusters: BTreeSet<&str> = report.results.iter().map(|result| result.cluster.as_str()).collect();
    let names: BTreeSet<&str> = plan
        .steps
        .iter()
        .filter(|step| step.is_write())
        .filter_map(|step| step.base.as_ref().map(Host::as_str))
        .collect();
    let mut text = format!("wrote {} of {}", report.written(), count(report.results.len(), "step"));
    if !parts.is_empty() {
        let _ = write!(text, " ({})", parts.join(", "));
    }
    let _ = write!(text, " in {} for {}, {} ms after the change", few(&clusters), few(&names), lag.as_millis());
    for reason in why.iter().take(LISTED_NAMES) {
        let _ = write!(text, "\n  {reason}");
    }
    text
}

fn few(all: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = all.iter().take(LISTED_NAMES).copied().collect();
    match all.len().checked_sub(LISTED_NAMES) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

fn wait(time: Duration, output: &Output) {
    let end = Instant::now() + time;
    while Instant::now() < end && !output.is_interrupted() {
        thread::sleep(Duration::from_millis(100));
    }
}
