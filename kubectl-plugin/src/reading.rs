//! What nearly every verb begins with: read the fleet, work out what it should hold.

use std::collections::BTreeSet;
use std::time::Instant;

use jiff::Timestamp;
use mesh_fleet::live::Observed;
use mesh_fleet::run::Run;
use mesh_fleet::{Depth, Fleet};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::{ClusterName, Host, Identity, Namespace};
use mesh_model::policy::MeshPolicy;
use mesh_plan::check::{Checked, check, check_plan};
use mesh_plan::claims::{claim_steps, rivals};
use mesh_plan::closest::closest;
use mesh_plan::desire::desire;
use mesh_plan::desired::Desired;
use mesh_plan::lookup::desire_found;
use mesh_plan::plan::{Coverage, Plan, plan};
use mesh_plan::scope::{Scope, matches_glob};

use crate::cli::GlobalArgs;
use crate::clock;
use crate::commands::whereis;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::fleet;
use crate::known::{Known, cache};
use crate::limits::POLICY_TRIES;
use crate::output::Output;

/// A fleet that was read, and what its clusters should hold.
pub(crate) struct Reading {
    /// The fleet; [`Fleet::policy`] is the policy that counts.
    pub(crate) fleet: Fleet,
    /// The time of this run.
    pub(crate) now: Timestamp,
    /// What was read.
    pub(crate) snapshot: FleetSnapshot,
    /// What every cluster should hold.
    pub(crate) desired: Desired,
    /// How the policy differs from the one that the fleet stores, if it does.
    pub(crate) policy_differs: Option<String>,
    /// The members of which workloads, and Services, are left out that cannot matter to the names that the run is about.
    pub(crate) by_label: BTreeSet<ClusterName>,
}

/// What is read of a fleet.
#[derive(Clone, Copy)]
enum What<'a> {
    Everything(Depth),
    /// What a plan of these names alone takes: identities and hosts, no globs.
    For(&'a [String]),
}

impl What<'_> {
    fn of(self, fleet: &Fleet, now: Timestamp, run: Run<'_>) -> Observed {
        match (self, fleet) {
            (Self::Everything(depth), _) => Observed { snapshot: fleet.observe(depth, run), by_label: BTreeSet::new() },
            (Self::For(names), Fleet::Live(live)) => live.observe_for(names, now, run),
            (Self::For(_), Fleet::Directory(_)) => Self::Everything(Depth::Plan).of(fleet, now, run),
        }
    }
}

impl Reading {
    /// Opens and reads the fleet that `args` mean.
    pub(crate) fn take(args: &GlobalArgs, output: &mut Output) -> Result<Self, CommandError> {
        Self::take_with(fleet::open(args, output)?, What::Everything(Depth::Plan), args, output, desire)
    }

    /// The same, and what decides what becomes of traffic.
    pub(crate) fn take_with_traffic(args: &GlobalArgs, output: &mut Output) -> Result<Self, CommandError> {
        Self::take_with(fleet::open(args, output)?, What::Everything(Depth::Traffic), args, output, desire)
    }

    /// The same for a run that writes: the policy is one that still counted when everything had been read. What was
    /// generated under a newer one must not be overwritten under an older one (law L9).
    pub(crate) fn take_to_write(args: &GlobalArgs, output: &mut Output) -> Result<Self, CommandError> {
        Self::take_what_to_write(What::Everything(Depth::Plan), args, output)
    }

    /// The same for a run that writes `names` alone, identities and hosts without globs.
    pub(crate) fn take_to_write_about(
        names: &[String],
        args: &GlobalArgs,
        output: &mut Output,
    ) -> Result<Self, CommandError> {
        Self::take_what_to_write(What::For(names), args, output)
    }

    fn take_what_to_write(what: What<'_>, args: &GlobalArgs, output: &mut Output) -> Result<Self, CommandError> {
        for _ in 0..POLICY_TRIES {
            let reading = Self::take_with(fleet::open(args, output)?, what, args, output, desire)?;
            let Fleet::Live(live) = &reading.fleet else { return Ok(reading) };
            if !output.watched(|run| live.policy_has_changed(run)) || output.is_interrupted() {
                return Ok(reading);
            }
            output.detail("the stored policy was changed meanwhile; reading again");
        }
        Err(CommandError::new(
            Exit::NothingDone,
            "the stored policy was changed again and again while the fleet was read",
        )
        .hint("run again once nobody pushes a policy"))
    }

    /// The same for a question about the names that `key` means: no object of any other name is worked out.
    pub(crate) fn take_about(key: &str, args: &GlobalArgs, output: &mut Output) -> Result<Self, CommandError> {
        Self::take_opened(key, fleet::open(args, output)?, args, output)
    }

    /// The same, of a fleet that was opened already.
    pub(crate) fn take_opened(
        key: &str,
        fleet: Fleet,
        args: &GlobalArgs,
        output: &mut Output,
    ) -> Result<Self, CommandError> {
        let desire = |fleet: &_, policy: &_, now| desire_found(key, fleet, policy, now);
        Self::take_with(fleet, What::Everything(Depth::Plan), args, output, desire)
    }

    fn take_with(
        fleet: Fleet,
        what: What<'_>,
        args: &GlobalArgs,
        output: &mut Output,
        desire: impl FnOnce(&FleetSnapshot, &MeshPolicy, Timestamp) -> Desired,
    ) -> Result<Self, CommandError> {
        let now = clock::now()?;
        let policy_differs = fleet::policy_differs(args, &fleet);
        let start = Instant::now();
        let Observed { mut snapshot, by_label } = output.watched(|run| what.of(&fleet, now, run));
        snapshot.enforced.clone_from(&args.enforced);
        output.detail(&format!("read {} clusters in {:.1?}", snapshot.members.len(), start.elapsed()));
        fleet::warn_of_unseen_kinds(&fleet, &snapshot, output);
        let start = Instant::now();
        let desired = desire(&snapshot, fleet.policy(), now);
        output.detail(&format!("worked out {} names in {:.1?}", desired.names.len(), start.elapsed()));
        if by_label.is_empty() {
            keep_words(&fleet, &snapshot, &desired, output);
        }
        Ok(Self { fleet, now, snapshot, desired, policy_differs, by_label })
    }

    /// What must change, within `scope`. A name or cluster that is asked for but unknown is an error.
    pub(crate) fn plan(&self, scope: &Scope) -> Result<Plan, CommandError> {
        let mut plan = plan(&self.desired, &self.snapshot, self.fleet.policy(), scope);
        // Sets hold the records of all names: claims are carried by runs that leave nothing out.
        if scope.is_everything() {
            plan.steps.extend(claim_steps(&self.snapshot, self.fleet.policy(), self.now));
            plan.findings.extend(rivals(&self.snapshot));
            plan.findings.sort();
        }
        self.check_clusters(scope)?;
        self.check_namespace(scope)?;
        self.check_names(scope, &plan)?;
        Ok(plan)
    }

    /// What of the fleet was seen.
    pub(crate) fn coverage(&self) -> Coverage {
        whereis::coverage(&self.snapshot)
    }

    /// What is wrong with traffic, as far as it concerns what `plan` would write: added to what it found.
    pub(crate) fn check_traffic_of(&self, plan: &mut Plan) -> Vec<String> {
        let policy = self.fleet.policy();
        let checked = check_plan(plan, &self.desired, &self.snapshot, policy, self.now);
        plan.findings.extend(checked.findings);
        plan.findings.sort();
        checked.unknown
    }

    /// Everything that is wrong within `scope`: what `plan` found, and what is wrong with traffic.
    pub(crate) fn check(&self, plan: &Plan, scope: &Scope) -> Checked {
        let is_wanted = |host: &Host| {
            let names = self.desired.names.iter().filter(|(_, name)| name.hosts.contains_key(host));
            scope.names.is_empty() || names.into_iter().any(|(base, name)| scope.has_name(&name.identity, base, host))
        };
        let mut checked = check(&self.desired, &self.snapshot, self.fleet.policy(), self.now, is_wanted);
        checked.findings.extend(plan.findings.iter().cloned());
        checked.findings.retain(|finding| finding.cluster.as_ref().is_none_or(|cluster| scope.has_cluster(cluster)));
        checked.findings.sort();
        checked
    }

    fn check_clusters(&self, scope: &Scope) -> Result<(), CommandError> {
        let members = &self.snapshot.members;
        let unknown = scope.clusters.iter().find(|glob| !members.keys().any(|member| matches_glob(glob, member)));
        let Some(glob) = unknown else { return Ok(()) };
        let error = CommandError::usage(format!("no member of the fleet matches --cluster {glob:?}"));
        Err(error.closest(&closest(glob, members.keys().map(ClusterName::as_str))))
    }

    fn check_namespace(&self, scope: &Scope) -> Result<(), CommandError> {
        let Some(wanted) = &scope.namespace else { return Ok(()) };
        let mut known: BTreeSet<&Namespace> = BTreeSet::new();
        for (_, facts) in self.snapshot.reached() {
            known.extend(facts.namespaces.keys());
            known.extend(facts.services.keys());
            known.extend(facts.workloads.iter().map(|workload| &workload.namespace));
        }
        if known.contains(wanted) {
            return Ok(());
        }
        let error = self.nobody_has("namespace", &format!("is called {:?}", wanted.as_str()));
        Err(error.closest(&closest(wanted, known.into_iter().map(Namespace::as_str))))
    }

    fn check_names(&self, scope: &Scope, plan: &Plan) -> Result<(), CommandError> {
        let mut known: Vec<&str> = Vec::new();
        for (base, name) in &self.desired.names {
            known.extend([base.as_str(), name.identity.as_str()]);
            known.extend(name.hosts.keys().map(Host::as_str));
        }
        // What goes has no name any more, but steps.
        for step in &plan.steps {
            known.extend([&step.host, &step.base].into_iter().flatten().map(Host::as_str));
            known.extend(step.identity.as_ref().map(Identity::as_str));
        }
        let unknown = scope.names.iter().find(|glob| !known.iter().any(|name| matches_glob(glob, name)));
        let Some(glob) = unknown else { return Ok(()) };
        let error = self.nobody_has("identity or global name", &format!("matches {glob:?}"));
        Err(error.closest(&closest(glob, known)))
    }

    /// Something that is asked for is nowhere: 1, or 3 where it may be in what is unseen.
    fn nobody_has(&self, what: &str, asked: &str) -> CommandError {
        let (exit, place) =
            if self.snapshot.is_complete() { (Exit::Differences, "") } else { (Exit::Partial, " that was seen") };
        CommandError::new(exit, format!("no {what}{place} {asked}"))
    }
}

/// Keeps the words of a live fleet for completion, where it was read to the end. That this fails is nobody's problem.
fn keep_words(fleet: &Fleet, snapshot: &FleetSnapshot, desired: &Desired, output: &mut Output) {
    let Fleet::Live(live) = fleet else { return };
    if output.is_interrupted() || snapshot.seen().next().is_none() {
        return;
    }
    let known = Known::of(snapshot, fleet.policy(), desired);
    if let Err(error) = cache::keep(live.source(), &known) {
        output.detail(&format!("the names are not kept for completion: {error}"));
    }
}
