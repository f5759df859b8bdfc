//! A stored policy that is being edited: what follows is shown, somebody agrees, and it is stored.

use mesh_fleet::directory::{DirectoryFleet, PolicyFile};
use mesh_fleet::live::{PolicyOutcome, PolicyResult, WRITER_ROLE};
use mesh_fleet::{Depth, Fleet};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use mesh_model::policy::edit::{self, EditError};
use mesh_model::policy::{self, Member, MemberState, MeshPolicy};
use mesh_plan::desire::desire;
use mesh_plan::plan::{Coverage, Plan, plan};
use mesh_plan::scope::Scope;
use mesh_render::plan::{Detail, render};

use super::ConfirmArgs;
use crate::cli::GlobalArgs;
use crate::commands::whereis::coverage;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::{clock, fleet, tolerance};

/// A fleet whose stored policy is being edited.
pub(crate) struct Edited {
    fleet: Fleet,
    pub(super) store: Store,
    pub(super) policy: MeshPolicy,
    /// The members as they are now, folders where no list is.
    snapshot: FleetSnapshot,
}

/// What an edit is for.
#[derive(Clone, Copy)]
pub(crate) struct Edit<'a> {
    /// `add member c9`.
    pub(crate) what: &'a str,
    /// Who may get a sync namespace.
    pub(crate) prepares: Prepares<'a>,
}

/// Which members of a live fleet get a sync namespace and the Role of its writers, where they are missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prepares<'a> {
    /// Every active one.
    All,
    /// This one.
    Only(&'a ClusterName),
    /// Nobody: a namespace that is gone says something.
    Nobody,
}

impl Prepares<'_> {
    fn has(self, name: &ClusterName) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only == name,
            Self::Nobody => false,
        }
    }
}

/// Where the policy of a fleet is stored.
pub(super) enum Store {
    /// A file of a directory fleet.
    File(PolicyFile),
    /// The clusters of a live fleet.
    Clusters {
        /// For messages.
        shown: String,
        /// The policy that counts, if one is stored.
        text: Option<String>,
    },
}

impl Store {
    fn of(fleet: &Fleet) -> Result<Self, CommandError> {
        Ok(match fleet {
            Fleet::Directory(fleet) => Self::File(PolicyFile::read(fleet.root()).map_err(fleet::unusable)?),
            Fleet::Live(live) => Self::Clusters {
                shown: format!("the policy stored in {}", live.source()),
                text: live.policy_state().text.clone(),
            },
        })
    }

    pub(super) fn shown(&self) -> &str {
        match self {
            Self::File(file) => file.shown(),
            Self::Clusters { shown, .. } => shown,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::File(file) => file.text(),
            Self::Clusters { text, .. } => text.as_deref(),
        }
    }
}

impl Edited {
    pub(crate) fn open(global: &GlobalArgs, output: &mut Output) -> Result<Self, CommandError> {
        if global.policy.is_some() {
            return Err(CommandError::usage("what is edited is the policy that the fleet stores, not --policy"));
        }
        let fleet = fleet::open(global, output)?;
        let store = Store::of(&fleet)?;
        let snapshot = output.watched(|run| fleet.observe(Depth::Plan, run));
        fleet::warn_of_unseen_kinds(&fleet, &snapshot, output);
        Ok(Self { policy: fleet.policy().clone(), store, snapshot, fleet })
    }

    /// The UID of the cluster that the source of a live fleet calls `name`, where it was reached.
    pub(super) fn reached(&self, name: &str) -> Option<String> {
        let Fleet::Live(live) = &self.fleet else { return None };
        live.reached().find(|(target, _)| *target == name).map(|(_, uid)| uid.to_owned())
    }

    /// The policy with a list of every cluster that is there.
    pub(super) fn with_list(&self) -> Result<String, CommandError> {
        self.with_list_and(None)
    }

    pub(super) fn with_list_and(&self, further: Option<Member>) -> Result<String, CommandError> {
        let mut members: Vec<Member> = self.snapshot.members.keys().map(|name| self.member(name)).collect();
        if let Some(further) = further {
            // A folder that is added by name gets what was said about it.
            members.retain(|member| member.name != further.name);
            members.push(further);
        }
        match self.store.text() {
            Some(text) => edit::add_members(text, self.store.shown(), &members).map_err(refused),
            None => edit::init(&members)
                .map_err(|problem| CommandError::usage("cannot list the members").because(problem.to_string())),
        }
    }

    /// A cluster as a member: its UID, where it tells it, keeps another cluster from taking its place.
    fn member(&self, name: &ClusterName) -> Member {
        let facts = self.snapshot.facts(name);
        Member {
            name: name.clone(),
            uid: facts.and_then(|facts| facts.uid.as_deref().map(str::to_owned)).or_else(|| self.reached(name)),
            context: None,
            region: None,
            network: None,
            gateway: None,
            trust_domain: None,
            state: MemberState::Active,
        }
    }

    /// `text` as the fleet's policy: with a revision above the stored one.
    pub(crate) fn raised(&self, text: &str, file: &str) -> Result<String, CommandError> {
        let stored = self.store.text().map(|_| self.policy.revision);
        edit::raise_revision(text, file, stored).map_err(refused)
    }

    /// Shows what follows from `text`, asks, and writes it.
    pub(crate) fn offer(
        self,
        text: &str,
        edit: Edit<'_>,
        args: &ConfirmArgs,
        output: &mut Output,
    ) -> Result<Exit, CommandError> {
        let what = edit.what;
        let policy = policy::parse(text, self.store.shown())
            .map_err(|error| CommandError::usage("the edited policy cannot be used").because(error))?;
        let fleet = match self.fleet {
            Fleet::Directory(fleet) => DirectoryFleet::open(fleet.root(), Some(policy))
                .map(|fleet| Fleet::Directory(Box::new(fleet)))
                .map_err(|error| CommandError::usage("the edited policy cannot be used").because(error))?,
            Fleet::Live(fleet) => {
                let members = policy.fleet.members.iter().filter(|member| member.state == MemberState::Active);
                let prepared = members.map(|member| &member.name).filter(|name| edit.prepares.has(name));
                let prepared = prepared.cloned().collect();
                Fleet::Live(Box::new(fleet.under(policy, prepared)))
            }
        };
        let (plan, coverage) = what_follows(&fleet, output)?;
        let notes = [format!("After this edit of {} ({what}), `kubectl mesh sync` would do this:", self.store.shown())];
        let is_shown = output.shown(&render(&plan, &notes, Detail::Summary, output.styling()))?;
        if !args.yes {
            if !Output::can_ask() {
                return Err(CommandError::usage("nobody can be asked: this is not a terminal")
                    .hint("add --yes to write without asking"));
            }
            // Nobody agrees to what nobody saw.
            let question = match &fleet {
                Fleet::Directory(_) => format!("Write {} to {what}?", self.store.shown()),
                Fleet::Live(_) if edit.prepares == Prepares::Nobody => {
                    format!("Store the policy in every reached member to {what}?")
                }
                Fleet::Live(_) => format!(
                    "Store the policy in every reached member to {what}, and make namespace {} and Role {WRITER_ROLE} where they are missing?",
                    fleet.policy().sync_namespace
                ),
            };
            if !is_shown || !output.ask(&question) {
                output.note("declined: nothing was written");
                return Ok(Exit::Differences);
            }
        }
        let written = match (&self.store, &fleet) {
            (Store::File(file), _) => {
                file.write(text).map_err(|error| {
                    CommandError::new(Exit::NothingDone, format!("cannot write {}", file.shown())).because(error)
                })?;
                output.note(&format!("wrote {}", file.shown()));
                Exit::Success
            }
            (Store::Clusters { .. }, Fleet::Live(live)) => {
                let results = output.watched(|run| live.store_policy(text, run));
                if results.is_empty() {
                    let error =
                        CommandError::new(Exit::NothingDone, "no active member was reached: nothing was stored");
                    return Err(error.hint("`kubectl mesh fleet list` says why"));
                }
                stored(&results, live.policy().revision, output)
            }
            (Store::Clusters { .. }, Fleet::Directory(_)) => unreachable!("a directory fleet has a file"),
        };
        Ok(written.merge(tolerance::exit_by_coverage(&coverage, args.tolerance.allow_unseen)))
    }
}

/// Says what came of storing a policy, a line a cluster.
pub(crate) fn stored(results: &[PolicyResult], revision: u64, output: &mut Output) -> Exit {
    let mut failed = 0;
    for PolicyResult { cluster, outcome } in results {
        match outcome {
            Ok(PolicyOutcome::Created | PolicyOutcome::Updated) => {
                output.note(&format!("{cluster}: stored the policy, revision {revision}"));
            }
            Ok(PolicyOutcome::Same) => output.detail(&format!("{cluster}: has the policy already")),
            Err(why) => {
                failed += 1;
                output.warning(&format!("{cluster}: the policy was not stored: {why}"));
            }
        }
    }
    match failed {
        0 => Exit::Success,
        failed if failed == results.len() => Exit::NothingDone,
        _ => Exit::Partial,
    }
}

/// The plan of the fleet under the edited policy, and how much of the fleet was seen.
fn what_follows(fleet: &Fleet, output: &Output) -> Result<(Plan, Coverage), CommandError> {
    let snapshot = output.watched(|run| fleet.observe(Depth::Plan, run));
    let desired = desire(&snapshot, fleet.policy(), clock::now()?);
    let plan = plan(&desired, &snapshot, fleet.policy(), &Scope::default());
    Ok((plan, coverage(&snapshot)))
}

pub(super) fn refused(error: EditError) -> CommandError {
    let hint = match &error {
        EditError::AlreadyMember { .. } | EditError::NotAMember { .. } | EditError::AlreadyRetired { .. } => {
            Some("`kubectl mesh fleet list` shows the members")
        }
        _ => None,
    };
    let refused = CommandError::usage("cannot change the members").because(error);
    match hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}
