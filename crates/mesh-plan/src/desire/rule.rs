//! The DestinationRule of one host in one cluster (`reference/admiral.md` §5.3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::canonical::to_canonical_json;
use mesh_istio::connection_pool::{ConnectionPool, Http};
use mesh_istio::destination_rule::{Distribute, LoadBalancer, LocalityLbSetting, OutlierDetection, Tls, TrafficPolicy};
use mesh_istio::duration::{parse_go, to_seconds};
use mesh_istio::service_entry::is_cluster_local;
use mesh_istio::{DestinationRule, ServiceEntry};
use mesh_model::facts::TrafficItem;
use mesh_model::finding::{Code, Finding};
use mesh_model::host::destination_rule_name;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origin, Origins, Part};
use mesh_model::owned::ObjectKey;
use mesh_model::policy::OutlierProfile;

use super::Context;
use super::entry::{BuiltEntry, object_of, our_annotations, our_labels};
use super::hosts::NameHost;
use super::live::{LiveHost, LiveRule};
use super::name::{Membership, NamePlan};
use super::shared::Shared;
use crate::because::Because;
use crate::desired::{Body, DesiredObject};

/// Seconds, whatever the profile: each time Envoy lets a dead endpoint back in, it sends it everything for a second.
const BASE_EJECTION: i64 = 300;
/// Gateway errors in a row, and the seconds between two looks at whom to let back in: Admiral's defaults.
const ADMIRAL_ERRORS: u32 = 50;
const ADMIRAL_INTERVAL: i64 = 60;
/// The same of our own profile.
const SWIFT_ERRORS: u32 = 5;
const SWIFT_INTERVAL: i64 = 10;

/// Makes the DestinationRules of one host; equal ones are shared.
pub(super) struct RuleBuilder<'p, 'a> {
    plan: &'p NamePlan<'a>,
    host: &'p NameHost,
    context: &'p Context<'a>,
    live: Option<&'p LiveHost<'a>>,
    shared: Shared<DestinationRule>,
}

impl<'p, 'a> RuleBuilder<'p, 'a> {
    pub(super) fn new(plan: &'p NamePlan<'a>, host: &'p NameHost, context: &'p Context<'a>) -> Self {
        let live = plan.live.as_deref().and_then(|live| live.hosts.get(host.host.to_lowercase().as_str()));
        Self { plan, host, context, live, shared: Shared::default() }
    }

    /// The DestinationRule that goes with `entry` in `cluster`.
    pub(super) fn build(
        &mut self,
        cluster: &ClusterName,
        membership: &Membership,
        entry: &BuiltEntry,
        findings: &mut Vec<Finding>,
    ) -> DesiredObject {
        let (plan, host, context) = (self.plan, self.host, self.context);
        let mut parts = Parts::default();
        let spec = DestinationRule {
            export_to: entry.form.spec.export_to.clone(),
            host: host.host.as_str().into(),
            traffic_policy: TrafficPolicy {
                connection_pool: Some(connection_pool(plan, context, &mut parts, findings)),
                load_balancer: Some(LoadBalancer {
                    locality_lb_setting: self.locality(cluster, &entry.form.spec, &mut parts, findings),
                    simple: Some("LEAST_REQUEST".into()),
                    warmup_duration_secs: Some(context.policy.traffic.warmup_seconds)
                        .filter(|seconds| *seconds > 0)
                        .map(|seconds| format!("{seconds}s").into()),
                }),
                outlier_detection: outlier(plan, host, entry, context, &mut parts, findings),
                tls: Some(Tls { mode: "ISTIO_MUTUAL".into(), ..Tls::default() }),
            },
            workload_selector: None,
        };
        // An object always says what it came from: the endpoints decide how it ejects.
        for (origin, _) in entry.form.body.origins.iter().filter(|(origin, _)| origin.kind == Kind::Service) {
            parts.origins.add(origin.clone(), Part::TrafficPolicy("outlierDetection".into()));
        }
        let write = |spec: &DestinationRule, origins: Origins| Body {
            key: ObjectKey {
                kind: Kind::DestinationRule,
                namespace: context.policy.sync_namespace.clone(),
                name: destination_rule_name(&host.host, host.prefixed).into(),
            },
            labels: our_labels(plan).into(),
            annotations: our_annotations(membership).into(),
            spec: to_canonical_json(spec).into(),
            from_text: Some(origins.to_annotation().into()),
            origins: Arc::new(origins),
        };
        let live = self.live.and_then(|live| live.rules.get(cluster)).map(|rule| rule.object);
        let form = self.shared.form(spec, parts.origins, membership.ex_since.as_ref(), live, write);
        parts.because.sort();
        let because = self.shared.because(parts.because);
        object_of(plan, host, &form.body, membership, because, parts.held)
    }

    /// What the traffic policy says of the regions, as `cluster` holds it.
    fn locality(
        &self,
        cluster: &ClusterName,
        entry: &ServiceEntry,
        parts: &mut Parts,
        findings: &mut Vec<Finding>,
    ) -> Option<LocalityLbSetting> {
        let (Some(item), Some(traffic)) = (&self.host.item, &self.plan.governing.traffic) else { return None };
        let site = self.context.sites.get(cluster)?;
        let live = self.live.and_then(|live| live.rules.get(cluster));
        let live_setting =
            || live.and_then(LiveRule::spec)?.traffic_policy.load_balancer.as_ref()?.locality_lb_setting.clone();
        let field = "localityLbSetting";
        // Whatever comes of it, the policy decided: that is how it is found again when it cannot be seen.
        for origin in &traffic.origins {
            parts.origins.add(origin.clone(), Part::TrafficPolicy(field.into()));
        }
        let Some(region) = &site.region else {
            if site.region_known {
                return None;
            }
            parts.add(field, "held", &traffic.origins, Some(&format!("the region of {cluster} is unseen")));
            return live_setting();
        };
        if item.targets.is_empty() {
            return None;
        }
        if !item.failover {
            parts.add(field, "TOPOLOGY: the caller's own region first", &traffic.origins, traffic.held.as_ref());
            return Some(LocalityLbSetting::default());
        }
        if let Some(problem) = problem_of(item) {
            report(Code::BadWeights, &traffic.origins, self.plan, problem.clone(), findings);
            parts.add(field, "held", &traffic.origins, Some(&problem));
            return live_setting();
        }
        let served: BTreeSet<&str> =
            entry.endpoints.iter().filter_map(|endpoint| endpoint.locality.as_deref()).collect();
        let missing: Vec<&str> = item
            .targets
            .iter()
            .filter(|(r, weight)| *weight != 0 && !served.contains(&**r))
            .map(|(r, _)| &**r)
            .collect();
        if !missing.is_empty() {
            let message = format!("{}: nobody serves in {}", self.host.host, missing.join(", "));
            report(Code::RegionWithoutSource, &traffic.origins, self.plan, message, findings);
        }
        let weighted = item.targets.iter().filter(|(_, weight)| *weight != 0).count();
        if missing.len() == weighted {
            let problem = "none of the weighted regions serves".to_owned();
            parts.add(field, "held", &traffic.origins, Some(&problem));
            return live_setting();
        }
        let to: BTreeMap<Arc<str>, u32> = item
            .targets
            .iter()
            .filter_map(|(region, weight)| Some((Arc::clone(region), u32::try_from(*weight).ok().filter(|w| *w != 0)?)))
            .collect();
        parts.add(field, "FAILOVER: by weight", &traffic.origins, traffic.held.as_ref());
        let distribute = vec![Distribute { from: format!("{region}/*").into(), to }];
        Some(LocalityLbSetting { distribute, ..LocalityLbSetting::default() })
    }
}

#[derive(Default)]
struct Parts {
    origins: Origins,
    because: Vec<Because>,
    held: Vec<Because>,
}

impl Parts {
    fn add(&mut self, part: &str, rule: &str, origins: &BTreeSet<Origin>, held: Option<&String>) {
        self.record(part, origins);
        let field = format!("trafficPolicy/{part}");
        let sources: Vec<Origin> = origins.iter().cloned().collect();
        if let Some(why) = held {
            self.held.push(Because::field(field.clone(), why.as_str(), sources.clone()));
        }
        self.because.push(Because::field(field, rule, sources));
    }
}

impl Parts {
    fn record<'o>(&mut self, part: &str, origins: impl IntoIterator<Item = &'o Origin>) {
        for origin in origins {
            self.origins.add(origin.clone(), Part::TrafficPolicy(part.into()));
        }
    }
}

fn connection_pool(
    plan: &NamePlan<'_>,
    context: &Context<'_>,
    parts: &mut Parts,
    findings: &mut Vec<Finding>,
) -> ConnectionPool {
    let max = i32::try_from(context.policy.traffic.max_requests_per_connection).unwrap_or(i32::MAX);
    let Some(governed) = &plan.governing.connection else {
        let http = Http { max_requests_per_connection: Some(max), ..Http::default() };
        return ConnectionPool { http: Some(http), tcp: None };
    };
    parts.add("connectionPool", "the connection config says so", &governed.origins, governed.held.as_ref());
    let mut pool = governed.value.clone();
    let mut bad = Vec::new();
    let mut seconds = |field: &str, value: &mut Option<Arc<str>>| {
        if let Some(text) = value.take() {
            match parse_go(&text) {
                Some(nanoseconds) if nanoseconds > 0 => *value = Some(to_seconds(nanoseconds).into()),
                _ => bad.push(format!("{field} {text:?}")),
            }
        }
    };
    let http = pool.http.get_or_insert_default();
    seconds("http.idleTimeout", &mut http.idle_timeout);
    for count in [
        &mut http.http1_max_pending_requests,
        &mut http.http2_max_requests,
        &mut http.max_requests_per_connection,
        &mut http.max_retries,
    ] {
        *count = count.filter(|count| *count > 0);
    }
    http.max_requests_per_connection.get_or_insert(max);
    if let Some(tcp) = &mut pool.tcp {
        seconds("tcp.connectTimeout", &mut tcp.connect_timeout);
        seconds("tcp.maxConnectionDuration", &mut tcp.max_connection_duration);
        tcp.max_connections = tcp.max_connections.filter(|count| *count > 0);
        if let Some(keepalive) = &mut tcp.tcp_keepalive {
            seconds("tcp.tcpKeepalive.interval", &mut keepalive.interval);
            seconds("tcp.tcpKeepalive.time", &mut keepalive.time);
            if keepalive.interval.is_none() && keepalive.time.is_none() && keepalive.probes.is_none() {
                tcp.tcp_keepalive = None;
            }
        }
        if *tcp == mesh_istio::connection_pool::Tcp::default() {
            pool.tcp = None;
        }
    }
    for bad in bad {
        report(Code::BadDuration, &governed.origins, plan, format!("{bad} is no positive duration"), findings);
    }
    pool
}

fn outlier(
    plan: &NamePlan<'_>,
    host: &NameHost,
    entry: &BuiltEntry,
    context: &Context<'_>,
    parts: &mut Parts,
    findings: &mut Vec<Finding>,
) -> Option<OutlierDetection> {
    let by_item = host.item.as_ref().and_then(|item| item.outlier);
    let off = context.policy.traffic.outlier == OutlierProfile::Off;
    if off && plan.governing.outlier.is_none() && by_item.is_none() {
        return Some(OutlierDetection {
            consecutive_5xx_errors: Some(0),
            consecutive_gateway_errors: Some(0),
            ..OutlierDetection::default()
        });
    }
    let (values, origins) = match (&plan.governing.outlier, &plan.governing.traffic) {
        (Some(governed), _) => (Some(governed.value), Some((&governed.origins, governed.held.as_ref()))),
        (None, Some(traffic)) if by_item.is_some() => (by_item, Some((&traffic.origins, traffic.held.as_ref()))),
        _ => (None, None),
    };
    if let [only] = entry.form.spec.endpoints.as_slice()
        && (is_cluster_local(&only.address) || only.address.parse::<std::net::Ipv4Addr>().is_ok())
    {
        // Who governs is remembered all the same.
        parts.record("outlierDetection", origins.into_iter().flat_map(|(origins, _)| origins));
        let behind = entry.object.body.origins.iter().map(|(origin, _)| origin.clone());
        let behind = behind.filter(|origin| origin.kind == Kind::Service).collect();
        let rule = "one endpoint that proxies cannot do without: nothing is ejected";
        parts.because.push(Because::field("trafficPolicy/outlierDetection", rule, behind));
        return None;
    }
    let by_object = plan.governing.outlier.is_some();
    if let (Some(values), Some((origins, held))) = (values, origins) {
        let who = if by_object { "the OutlierDetection says so" } else { "the traffic policy says so" };
        parts.add("outlierDetection", who, origins, held);
        if by_object && [values.base_ejection_time, values.interval].contains(&Some(0)) {
            report(Code::BadDuration, origins, plan, "a duration of zero counts as absent".into(), findings);
        }
    }
    let seconds = |seconds: i64| Some(Arc::<str>::from(format!("{seconds}s")));
    let mut block = OutlierDetection { consecutive_5xx_errors: Some(0), ..OutlierDetection::default() };
    let usual = match context.policy.traffic.outlier {
        OutlierProfile::Admiral => Some((ADMIRAL_ERRORS, ADMIRAL_INTERVAL)),
        OutlierProfile::Swift => Some((SWIFT_ERRORS, SWIFT_INTERVAL)),
        OutlierProfile::Off => None,
    };
    if let Some((errors, interval)) = usual {
        block.base_ejection_time = seconds(BASE_EJECTION);
        block.consecutive_gateway_errors = Some(errors);
        block.interval = seconds(interval);
    }
    if let Some(values) = values {
        if let Some(time) = values.base_ejection_time.filter(|time| *time > 0) {
            block.base_ejection_time = seconds(time);
        }
        if let Some(errors) = values.consecutive_gateway_errors.filter(|errors| by_object || *errors > 0) {
            block.consecutive_gateway_errors = Some(errors);
        }
        if let Some(interval) = values.interval.filter(|interval| *interval > 0) {
            block.interval = seconds(interval);
        }
    }
    block.max_ejection_percent = Some(if entry.form.spec.endpoints.len() == 1 { 33 } else { 100 });
    Some(block)
}

fn problem_of(item: &TrafficItem) -> Option<String> {
    let prefix = &item.dns_prefix;
    if item.targets.iter().any(|(_, weight)| *weight < 0 || *weight > 100) {
        return Some(format!("item {prefix:?} has a weight that is not between 0 and 100"));
    }
    let sum: i64 = item.targets.iter().map(|(_, weight)| weight).sum();
    (sum != 100).then(|| format!("the weights of item {prefix:?} add to {sum}, not to 100"))
}

fn report(code: Code, origins: &BTreeSet<Origin>, plan: &NamePlan<'_>, message: String, findings: &mut Vec<Finding>) {
    let origin = origins.first();
    let place = origin.map_or_else(|| plan.base.to_string(), |origin| format!("{} {}", origin.kind, origin.name));
    findings.push(Finding::new(code, origin.map(|origin| &origin.cluster), place, message));
}
