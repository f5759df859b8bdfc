//! `kubectl mesh status`.

use clap::Args;
use mesh_fleet::Fleet;
use mesh_plan::scope::Scope;
use mesh_plan::status::{MemberState, status};
use mesh_plan::webhook::WebhookState;
use mesh_render::{document, status as render};

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::commands::webhook;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// Show each member: what was seen, region, network, gateway, names served and used, drift, webhook
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Reads the fleet and shows a row for each member.
pub(crate) fn run(args: &StatusArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take(global, output)?;
    let plan = reading.plan(&Scope::default())?;
    let mut members = status(&reading.snapshot, reading.fleet.policy(), &reading.desired, &plan);
    if let Fleet::Live(fleet) = &reading.fleet {
        let webhooks = webhook::statuses(fleet, output)?;
        for (member, webhook) in members.iter_mut().zip(webhooks) {
            member.webhook = Some(webhook).filter(|_| member.state != MemberState::Unseen);
        }
    }
    let text = match args.format.output {
        Format::Table => render::render(&members, false, output.styling()),
        Format::Wide => render::render(&members, true, output.styling()),
        Format::Json => document::to_json(&render::document(&members)),
        Format::Yaml => document::to_yaml(&render::document(&members)),
        Format::Name => members.iter().flat_map(|member| [member.cluster.as_str(), "\n"]).collect(),
    };
    output.data(&text)?;
    for webhook in
        members.iter().filter_map(|member| member.webhook.as_ref()).filter(|one| one.state != WebhookState::None)
    {
        let told = webhook.problems.iter().chain(&webhook.unknown);
        told.for_each(|what| output.warning(&format!("{}: the webhook: {what}", webhook.cluster)));
    }
    for warning in tolerance::warnings(&plan.coverage) {
        output.warning(&warning);
    }
    Ok(tolerance::exit_by_coverage(&plan.coverage, args.tolerance.allow_unseen))
}
