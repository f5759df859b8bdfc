//! `kubectl mesh fleet`: the members of a fleet, which only a person changes.

use clap::{Args, Subcommand};
use mesh_fleet::Fleet;
use mesh_fleet::directory::{DirectoryFleet, PolicyFile};
use mesh_fleet::live::{PolicyOutcome, PolicyResult, WRITER_ROLE};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::ClusterName;
use mesh_model::policy::edit::{self, EditError};
use mesh_model::policy::{self, Member, MemberGateway, MemberState, MeshPolicy};
use mesh_plan::desire::desire;
use mesh_plan::plan::{Coverage, Plan, plan};
use mesh_plan::scope::Scope;
use mesh_render::plan::{Detail, render};

use crate::cli::{GlobalArgs, ToleranceArgs};
use crate::commands::whereis::coverage;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::{clock, fleet, tolerance};

mod list;

/// List, initialise, add or retire the members of a fleet
#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    #[command(subcommand)]
    command: FleetCommand,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    /// List the members: seen or not, region, network, gateway
    List(list::ListArgs),
    /// Write every cluster that is there into the policy's list of members
    Init(ConfirmArgs),
    /// Add a member
    Add(AddArgs),
    /// Retire a member: what came from it goes
    Retire(RetireArgs),
}

#[derive(Debug, Args)]
struct ConfirmArgs {
    /// Write without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Its name; in a directory fleet, that of its folder
    #[arg(value_name = "MEMBER", value_parser = parse_cluster)]
    name: ClusterName,
    /// UID of its kube-system namespace
    #[arg(long, value_name = "UID")]
    uid: Option<String>,
    /// The kubeconfig context that reaches it
    #[arg(long = "member-context", value_name = "CONTEXT")]
    context: Option<String>,
    /// Its region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Its network
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    // Not a doc comment: there the brackets would be a link.
    #[arg(long, value_name = "GATEWAY", value_parser = MemberGateway::parse, help = "Its east-west gateway: none, or HOST[:PORT]")]
    gateway: Option<MemberGateway>,
    /// Its SPIFFE trust domain
    #[arg(long, value_name = "DOMAIN")]
    trust_domain: Option<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Args)]
struct RetireArgs {
    /// The member
    #[arg(value_name = "CLUSTER", value_parser = parse_cluster)]
    name: ClusterName,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &FleetArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    match &args.command {
        FleetCommand::List(args) => list::run(args, global, output),
        FleetCommand::Init(args) => init(args, global, output),
        FleetCommand::Add(args) => add(args, global, output),
        FleetCommand::Retire(args) => retire(args, global, output),
    }
}

fn init(args: &ConfirmArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let edited = Edited::open(global, output)?;
    if !edited.policy.fleet.members.is_empty() {
        let listed = edited.policy.fleet.members.len();
        return Err(CommandError::usage(format!("{} lists {listed} members already", edited.store.shown()))
            .hint("`kubectl mesh fleet add` and `kubectl mesh fleet retire` change the list"));
    }
    let text = edited.with_list()?;
    edited.offer(&text, Edit { what: "list every cluster as a member", prepares: None }, args, output)
}

fn add(args: &AddArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let edited = Edited::open(global, output)?;
    let reached = edited.reached(args.context.as_deref().unwrap_or(&args.name));
    let member = Member {
        name: args.name.clone(),
        uid: args.uid.clone().or(reached),
        context: args.context.clone(),
        region: args.region.clone(),
        network: args.network.clone(),
        gateway: args.gateway.clone(),
        trust_domain: args.trust_domain.clone(),
        state: MemberState::Active,
    };
    let text = match edited.store.text() {
        // The list begins here: the folders that were members without one stay members.
        None => edited.with_list_and(Some(member))?,
        Some(_) if edited.policy.fleet.members.is_empty() => edited.with_list_and(Some(member))?,
        Some(text) => edit::add_member(text, edited.store.shown(), &member).map_err(refused)?,
    };
    let what = format!("add member {}", args.name);
    edited.offer(&text, Edit { what: &what, prepares: Some(&args.name) }, &args.confirm, output)
}

fn retire(args: &RetireArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let edited = Edited::open(global, output)?;
    let listed = match edited.store.text() {
        Some(text) if !edited.policy.fleet.members.is_empty() => text.to_owned(),
        _ => edited.with_list()?,
    };
    let text = edit::retire_member(&listed, edited.store.shown(), &args.name).map_err(refused)?;
    let what = format!("retire member {}", args.name);
    edited.offer(&text, Edit { what: &what, prepares: Some(&args.name) }, &args.confirm, output)
}

/// A fleet whose list of members is being edited.
struct Edited {
    fleet: Fleet,
    store: Store,
    policy: MeshPolicy,
    /// The members as they are now, folders where no list is.
    snapshot: FleetSnapshot,
}

/// What an edit is for.
#[derive(Clone, Copy)]
struct Edit<'a> {
    /// `add member c9`.
    what: &'a str,
    /// The member that may get a sync namespace; every active one where none is named.
    prepares: Option<&'a ClusterName>,
}

/// Where the policy of a fleet is stored.
enum Store {
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

    fn shown(&self) -> &str {
        match self {
            Self::File(file) => file.shown(),
            Self::Clusters { shown, .. } => shown,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::File(file) => file.text(),
            Self::Clusters { text, .. } => text.as_deref(),
        }
    }
}

impl Edited {
    fn open(global: &GlobalArgs, output: &mut Output) -> Result<Self, CommandError> {
        if global.policy.is_some() {
            return Err(CommandError::usage(
                "the list of members is edited in the policy that the fleet stores, not in --policy",
            ));
        }
        let fleet = fleet::open(global, output)?;
        let store = Store::of(&fleet)?;
        let snapshot = output.watched(|run| fleet.observe(run));
        Ok(Self { policy: fleet.policy().clone(), store, snapshot, fleet })
    }

    /// The UID of the cluster that the source of a live fleet calls `name`, where it was reached.
    fn reached(&self, name: &str) -> Option<String> {
        let Fleet::Live(live) = &self.fleet else { return None };
        live.reached().find(|(target, _)| *target == name).map(|(_, uid)| uid.to_owned())
    }

    /// The policy with a list of every cluster that is there.
    fn with_list(&self) -> Result<String, CommandError> {
        self.with_list_and(None)
    }

    fn with_list_and(&self, further: Option<Member>) -> Result<String, CommandError> {
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

    /// Shows what follows from `text`, asks, and writes it.
    fn offer(self, text: &str, edit: Edit<'_>, args: &ConfirmArgs, output: &mut Output) -> Result<Exit, CommandError> {
        let what = edit.what;
        let policy = policy::parse(text, self.store.shown())
            .map_err(|error| CommandError::usage("the edited policy cannot be used").because(error))?;
        let fleet = match self.fleet {
            Fleet::Directory(fleet) => DirectoryFleet::open(fleet.root(), Some(policy))
                .map(Fleet::Directory)
                .map_err(|error| CommandError::usage("the edited policy cannot be used").because(error))?,
            Fleet::Live(fleet) => {
                let members = policy.fleet.members.iter().filter(|member| member.state == MemberState::Active);
                let prepared =
                    members.map(|member| &member.name).filter(|name| edit.prepares.is_none_or(|only| only == *name));
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
                Fleet::Live(_) => format!(
                    "Store the policy in every reached member to {what}? Namespace {} and Role {WRITER_ROLE} are made where they are missing.",
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
    let snapshot = output.watched(|run| fleet.observe(run));
    let desired = desire(&snapshot, fleet.policy(), clock::now()?);
    let plan = plan(&desired, &snapshot, fleet.policy(), &Scope::default());
    Ok((plan, coverage(&snapshot)))
}

fn refused(error: EditError) -> CommandError {
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

fn parse_cluster(text: &str) -> Result<ClusterName, String> {
    ClusterName::parse(text).map_err(|error| error.problem)
}
