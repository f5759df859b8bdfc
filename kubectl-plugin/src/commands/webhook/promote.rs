//! `kubectl mesh webhook promote`.

use clap::Args;
use mesh_fleet::live::{Closed, LiveFleet, Trial};
use mesh_model::name::{ClusterName, Namespace};
use mesh_plan::webhook::{WebhookState, WebhookStatus};

use crate::cli::{GlobalArgs, ToleranceArgs, parse_namespace};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// What lets a webhook fail closed, as a value of the chart.
const VALUE: &str = "admission.validating.failurePolicy=Fail";

#[derive(Debug, Args)]
pub(super) struct PromoteArgs {
    /// Where the trial deploys as a dry run: a namespace that the webhook looks at
    #[arg(short, long, value_name = "NAMESPACE", value_parser = parse_namespace, default_value = "default")]
    namespace: Namespace,
    /// Let the webhooks fail closed now, in the clusters; the chart's value has to follow, or the next upgrade stops
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Tries every webhook; where all refuse what they must, says what lets them fail closed, or does it.
pub(super) fn run(args: &PromoteArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let fleet = super::open(global, output)?;
    let members = super::statuses(&fleet, output)?;
    for member in &members {
        member
            .problems
            .iter()
            .chain(&member.unknown)
            .for_each(|what| output.warning(&format!("{}: {what}", member.cluster)));
    }
    let tried = members_to_try(&members, args)?;
    let failed = failures(&fleet, &tried, args, output);
    if failed > 0 {
        let of = tried.len();
        let message = format!("{failed} of {of} webhooks did not refuse what they must: nothing is promoted");
        let exit = if failed == of { Exit::NothingDone } else { Exit::Partial };
        return Err(CommandError::new(exit, message).hint("`kubectl mesh webhook status` shows how each is"));
    }
    if args.write {
        return Ok(close(&fleet, &tried, output));
    }
    output.data(&format!("{VALUE}\n"))?;
    output.note(&format!(
        "every webhook refuses what it must; to let deploys that it does not answer be refused: helm upgrade … --reset-then-reuse-values --set {VALUE}"
    ));
    Ok(Exit::Success)
}

/// The members that have a webhook. Whether one has is never guessed.
fn members_to_try<'m>(members: &'m [WebhookStatus], args: &PromoteArgs) -> Result<Vec<&'m ClusterName>, CommandError> {
    // Without its configuration nobody knows whether there is one.
    let is_unseen = |member: &&WebhookStatus| member.state == WebhookState::Unknown && member.failure_policy.is_none();
    let unseen: Vec<&str> = members.iter().filter(is_unseen).map(|member| member.cluster.as_str()).collect();
    if !args.tolerance.allow_unseen.allows(unseen.len(), members.len()) {
        let message = format!("the webhooks of {} are unseen: nothing is promoted", unseen.join(", "));
        return Err(CommandError::new(Exit::Partial, message).hint("--allow-unseen goes on without them"));
    }
    let tried = members.iter().filter(|member| member.state != WebhookState::None && !is_unseen(member));
    let tried: Vec<&ClusterName> = tried.map(|member| &member.cluster).collect();
    if tried.is_empty() {
        let error = CommandError::new(Exit::NothingDone, "no member has a webhook");
        return Err(error.hint("the chart charts/kubectl-mesh installs it"));
    }
    Ok(tried)
}

/// How many of the webhooks do not refuse what they must, each with its reason.
fn failures(fleet: &LiveFleet, tried: &[&ClusterName], args: &PromoteArgs, output: &mut Output) -> usize {
    let trials = output.watched(|run| fleet.try_webhooks(tried, &args.namespace, run));
    let mut failed = 0;
    for (cluster, trial) in &trials {
        match trial {
            Ok(Trial::Refused) => output.note(&format!("{cluster}: refuses what it must")),
            Ok(Trial::Failed(why)) | Err(why) => {
                failed += 1;
                output.warning(&format!("{cluster}: {why}"));
            }
        }
    }
    failed
}

fn close(fleet: &LiveFleet, members: &[&ClusterName], output: &mut Output) -> Exit {
    let closed = output.watched(|run| fleet.close_webhooks(members, run));
    let mut failed = 0;
    for (cluster, closed) in &closed {
        match closed {
            Ok(Closed::Changed(names)) => {
                output.note(&format!("{cluster}: {} fails closed from now on", names.join(", ")));
            }
            Ok(Closed::Same) => output.note(&format!("{cluster}: it fails closed already")),
            Err(why) => {
                failed += 1;
                output.warning(&format!("{cluster}: it was not changed: {why}"));
            }
        }
    }
    output.note(&format!(
        "set {VALUE} in the chart's values too: the next helm upgrade stops where they say something else"
    ));
    match failed {
        0 => Exit::Success,
        failed if failed == closed.len() => Exit::NothingDone,
        _ => Exit::Partial,
    }
}
