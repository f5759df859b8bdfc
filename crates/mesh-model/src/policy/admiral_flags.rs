//! A policy from Admiral's flags (`policy import --admiral-flags`).

use thiserror::Error;

use super::{Adopt, ExportToPolicy, Ipv4Range, MeshPolicy, OutlierProfile, SanPolicy, VipPolicy, message};
use crate::limits::MAX_NAMESPACES;
use crate::limits::MAX_POLICY;
use crate::name::Namespace;
use given::Given;
use words::Flag;

mod given;
mod known;
mod words;

/// The flags that make a policy; `known` has the others.
const MEANINGFUL: [&str; 24] = [
    "admiral_crd_identity_label",
    "admiral_ignore_label",
    "default_warmup_duration_in_seconds",
    "deployment_annotation",
    "disable_default_automatic_failover",
    "disable_ip_generation",
    "enable_absolute_fqdn",
    "enable_absolute_fqdn_for_local_endpoints",
    "enable_client_connection_config_processing",
    "enable_san",
    "enable_sw_aware_ns_caches",
    "env_key",
    "excluded_identity_list",
    "exportto_identity_list",
    "exportto_max_namespaces",
    "gateway_app",
    "hostname_suffix",
    "identity_partition_key",
    "max_requests_per_connection",
    "priority_key",
    "san_prefix",
    "se_ip_prefix",
    "sync_namespace",
    "workload_identity_key",
];

/// A policy made from flags.
#[derive(Debug, Clone)]
pub struct ImportedPolicy {
    /// The policy.
    pub policy: MeshPolicy,
    /// Flags without meaning here (`--metrics`), with the reason, in the order given. Never their values, which may be
    /// secrets.
    pub ignored: Vec<(String, String)>,
}

/// Why flags make no policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct FlagsError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl FlagsError {
    fn new(line: usize, problem: impl AsRef<str>) -> Self {
        Self { line, problem: message::escape(problem.as_ref()) }
    }
}

/// Makes a policy of a list of Admiral flags, one or many a line (`reference/admiral.md` §2.3).
///
/// An absent flag has Admiral's default, but the range of virtual addresses is ours unless `--se_ip_prefix` is given.
/// `adopt` is `admiral`; `injection` stays `istio`.
pub fn import_admiral_flags(text: &str) -> Result<ImportedPolicy, FlagsError> {
    if text.len() > MAX_POLICY {
        return Err(FlagsError::new(1, format!("{} bytes of flags, at most {MAX_POLICY} are read", text.len())));
    }
    let given = Given::read(text)?;
    let mut policy = MeshPolicy { adopt: Adopt::Admiral, ..MeshPolicy::default() };
    names(&given, &mut policy)?;
    let mut idle = addresses(&given, &mut policy)?;
    idle.extend(exposure(&given, &mut policy)?);
    traffic(&given, &mut policy)?;
    policy.validate().map_err(|problem| {
        let path = problem.to_string();
        let flag = FIELDS.iter().find(|(field, _)| path.starts_with(field)).map_or("", |(_, flag)| flag);
        given.error(flag, &problem.what)
    })?;
    Ok(ImportedPolicy { policy, ignored: ignored(&given, &idle) })
}

/// Fields that take a flag's value as it is: where the policy's own rules refuse one, the flag is to blame.
const FIELDS: [(&str, &str); 15] = [
    ("suffix", "hostname_suffix"),
    ("keys.identity", "workload_identity_key"),
    ("keys.policyIdentity", "admiral_crd_identity_label"),
    ("keys.env", "env_key"),
    ("keys.priority", "priority_key"),
    ("keys.ignore", "admiral_ignore_label"),
    ("keys.inject", "deployment_annotation"),
    ("keys.partition", "identity_partition_key"),
    ("gateway.apps", "gateway_app"),
    ("exclude", "excluded_identity_list"),
    ("sans.template", "san_prefix"),
    ("exportTo.hosts", "exportto_identity_list"),
    ("exportTo.maxNamespaces", "exportto_max_namespaces"),
    ("traffic.maxRequestsPerConnection", "max_requests_per_connection"),
    ("traffic.warmupSeconds", "default_warmup_duration_in_seconds"),
];

/// Flags that were given but have no effect without another one, with that other one.
type Idle = Vec<(&'static str, &'static str)>;

fn names(given: &Given, policy: &mut MeshPolicy) -> Result<(), FlagsError> {
    let keys = &mut policy.keys;
    for (flag, field) in [
        ("hostname_suffix", &mut policy.suffix),
        ("workload_identity_key", &mut keys.identity),
        ("admiral_crd_identity_label", &mut keys.policy_identity),
        ("env_key", &mut keys.env),
        ("priority_key", &mut keys.priority),
        ("admiral_ignore_label", &mut keys.ignore),
        ("deployment_annotation", &mut keys.inject),
        ("identity_partition_key", &mut keys.partition),
    ] {
        if let Some(text) = given.text(flag)? {
            text.clone_into(field);
        }
    }
    policy.gateway.apps = vec![given.text("gateway_app")?.unwrap_or("istio-ingressgateway").to_owned()];
    policy.sync_namespace = Namespace::parse(given.text("sync_namespace")?.unwrap_or("admiral-sync"))
        .map_err(|error| given.error("sync_namespace", &error.to_string()))?;
    policy.exclude = given.list("excluded_identity_list")?.unwrap_or_default();
    Ok(())
}

fn addresses(given: &Given, policy: &mut MeshPolicy) -> Result<Idle, FlagsError> {
    if let Some(prefix) = given.text("se_ip_prefix")? {
        let range = Ipv4Range::parse(&format!("{prefix}.0.0/16")).map_err(|why| {
            given.error("se_ip_prefix", &format!("{prefix:?} gives no range (two octets such as 240.0 do): {why}"))
        })?;
        policy.vip = VipPolicy::Range { range, ipv6: false };
    }
    if given.switch("disable_ip_generation", false)? {
        policy.vip = VipPolicy::Off;
    }
    let local = given.switch("enable_absolute_fqdn_for_local_endpoints", false)?;
    policy.gateway.trailing_dot = given.switch("enable_absolute_fqdn", true)?;
    policy.traffic.local_trailing_dot = local && policy.gateway.trailing_dot;
    let idle = local && !policy.gateway.trailing_dot;
    Ok(if idle { vec![("enable_absolute_fqdn_for_local_endpoints", "enable_absolute_fqdn")] } else { vec![] })
}

/// Whom clients accept, and which namespaces see a host.
fn exposure(given: &Given, policy: &mut MeshPolicy) -> Result<Idle, FlagsError> {
    let mut idle = Idle::new();
    let prefix = given.text("san_prefix")?.unwrap_or_default();
    if given.switch("enable_san", false)? {
        let slash = if prefix.is_empty() { "" } else { "/" };
        policy.sans = SanPolicy::Template(format!("spiffe://{prefix}{slash}{{identity}}"));
    } else {
        idle.push(("san_prefix", "enable_san"));
    }
    let hosts = given.list("exportto_identity_list")?.unwrap_or_else(|| vec!["*".into()]);
    let max_namespaces = given.number("exportto_max_namespaces")?.unwrap_or(MAX_NAMESPACES);
    if !given.switch("enable_sw_aware_ns_caches", false)? {
        idle.push(("exportto_identity_list", "enable_sw_aware_ns_caches"));
        idle.push(("exportto_max_namespaces", "enable_sw_aware_ns_caches"));
    } else if !hosts.is_empty() {
        policy.export_to = ExportToPolicy::Limited { hosts, max_namespaces };
    }
    Ok(idle)
}

fn traffic(given: &Given, policy: &mut MeshPolicy) -> Result<(), FlagsError> {
    let traffic = &mut policy.traffic;
    if let Some(requests) = given.number("max_requests_per_connection")? {
        traffic.max_requests_per_connection = requests;
    }
    if let Some(seconds) = given.number("default_warmup_duration_in_seconds")? {
        traffic.warmup_seconds = seconds;
    }
    if given.switch("disable_default_automatic_failover", false)? {
        traffic.outlier = OutlierProfile::Off;
    }
    traffic.client_connection_configs = given.switch("enable_client_connection_config_processing", false)?;
    Ok(())
}

fn ignored(given: &Given, idle: &Idle) -> Vec<(String, String)> {
    let reason = |flag: &Flag, counts: bool| -> Option<String> {
        let name = flag.name.as_str();
        if let Some(reason) = known::reason(name) {
            return Some(reason.to_owned());
        }
        if !MEANINGFUL.contains(&name) {
            return Some("unknown: Admiral has no such flag".to_owned());
        }
        if !counts {
            return Some("given again further on, which counts".to_owned());
        }
        let (_, other) = idle.iter().find(|(idle, _)| *idle == name)?;
        Some(format!("no effect in Admiral without --{other}"))
    };
    let reasoned = given
        .all()
        .filter_map(|(flag, counts)| Some((format!("--{}", message::escape(&flag.name)), reason(flag, counts)?)));
    reasoned.collect()
}

#[cfg(test)]
mod tests;
