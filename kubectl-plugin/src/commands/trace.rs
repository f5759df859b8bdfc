//! `kubectl mesh trace`.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use mesh_fleet::probe::{Target, probe};
use mesh_model::facts::ForeignObject;
use mesh_model::kind::Kind;
use mesh_model::mesh::Certificate;
use mesh_model::name::{ClusterName, Host};
use mesh_plan::lookup::find;
use mesh_plan::trace::{NoClient, Trace, Verdict, find_client, trace};
use mesh_render::{document, trace as render};

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::commands::whereis::{coverage, not_found};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

/// Follow a request from a client to a name, hop by hop: what decides each, and where it breaks
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// The client: cluster/namespace/workload, or an end of that which only one workload has; cluster/namespace/kind/workload where two kinds have one name
    #[arg(value_name = "CLIENT")]
    client: String,
    /// The name: a global name, prefix name or identity, or any other key that whereis knows
    #[arg(value_name = "NAME")]
    name: String,
    /// As it will be after the next sync, not as it is now
    #[arg(long)]
    planned: bool,
    /// Also connect to each gateway, from here, for the certificate that it shows for the name
    #[arg(long, conflicts_with = "planned")]
    probe: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Reads the fleet and follows.
pub(crate) fn run(args: &TraceArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take_with_traffic(global, output)?;
    let coverage = tolerance::with_traffic(&coverage(&reading.snapshot), &reading.snapshot.findings);
    let partial = tolerance::exit_by_coverage(&coverage, args.tolerance.allow_unseen);
    let hosts = hosts(&args.name, &reading, partial)?;
    let client = find_client(&args.client, &reading.snapshot).map_err(|error| no_client(&error, partial))?;
    let policy = reading.fleet.policy();
    let one = |host: &Host| trace(&client, host, args.planned, &reading.desired, &reading.snapshot, policy);
    let mut traces: Vec<Trace> = hosts.iter().map(one).collect();
    if args.probe {
        let roots = roots_of(client.cluster, &reading);
        for trace in &mut traces {
            ask_gateways(trace, &roots, reading.now);
        }
    }
    let text = match args.format.output {
        Format::Table | Format::Wide => render::render(&traces, output.styling()),
        Format::Json => document::to_json(&render::document(&traces)),
        Format::Yaml => document::to_yaml(&render::document(&traces)),
        Format::Name => traces.iter().flat_map(|trace| [trace.host.as_str(), "\n"]).collect(),
    };
    output.data(&text)?;
    let broken = traces.iter().any(|trace| matches!(trace.verdict, Verdict::Broken | Verdict::Degraded));
    Ok(partial.merge(if broken { Exit::Differences } else { Exit::Success }))
}

/// The roots that clients of a cluster trust.
fn roots_of(cluster: &ClusterName, reading: &Reading) -> Vec<Arc<Certificate>> {
    let bundles = reading.snapshot.facts(cluster).into_iter().flat_map(|facts| facts.mesh.bundles.values());
    let roots = bundles.flat_map(|bundle| &bundle.roots).map(|root| (Arc::clone(&root.fingerprint), Arc::clone(root)));
    roots.collect::<BTreeMap<_, _>>().into_values().collect()
}

/// Asks the gateways of a trace for what they show.
fn ask_gateways(trace: &mut Trace, roots: &[Arc<Certificate>], now: Timestamp) {
    let with_sni = trace.ways.iter().enumerate().filter_map(|(at, way)| Some((at, &way.address, way.sni.as_ref()?)));
    let (places, targets): (Vec<usize>, Vec<Target>) = with_sni
        .map(|(at, address, sni)| (at, Target { address: address.clone(), sni: sni.clone(), roots: roots.to_vec() }))
        .unzip();
    for (at, handshake) in places.into_iter().zip(probe(&targets, now)) {
        trace.add_handshake(at, handshake, now);
    }
}

/// The hosts that a key means: a host alone where it is one, else the base hosts of the names.
fn hosts(key: &str, reading: &Reading, partial: Exit) -> Result<Vec<Host>, CommandError> {
    let desired = &reading.desired;
    let wanted = key.trim().trim_end_matches('.');
    let all = desired.names.values().flat_map(|name| name.hosts.keys());
    if let Some(host) = all.into_iter().find(|host| host.eq_ignore_ascii_case(wanted)) {
        return Ok(vec![host.clone()]);
    }
    // Somebody's entry by hand is enough.
    if let Ok(host) = Host::parse(wanted)
        && reading.snapshot.seen().any(|(_, facts)| facts.foreign.iter().any(|one| is_entry_on(one, &host)))
    {
        return Ok(vec![host]);
    }
    let found = find(key, desired, &reading.snapshot).map_err(|error| not_found(&error, partial))?;
    if found.names.is_empty() {
        let error = CommandError::new(partial.merge(Exit::Differences), format!("nobody serves what {key:?} means"));
        return Err(error.hint("`kubectl mesh whereis` says why its workloads serve no global name"));
    }
    Ok(found.names.into_keys().cloned().collect())
}

fn is_entry_on(object: &ForeignObject, host: &Host) -> bool {
    object.key.kind == Kind::ServiceEntry && object.hosts.iter().any(|one| one.eq_ignore_ascii_case(host))
}

fn no_client(error: &NoClient, partial: Exit) -> CommandError {
    match error {
        NoClient::Unknown { closest, .. } => {
            let problem = CommandError::new(partial.merge(Exit::Differences), error.to_string());
            problem.closest(closest)
        }
        NoClient::Several { .. } => {
            CommandError::usage(error.to_string()).hint("name it as cluster/namespace/workload")
        }
    }
}
