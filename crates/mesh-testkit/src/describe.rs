//! Fleets as a person reads them in a failing test: one line an object, nothing that is usual.

use std::fmt::Write;

use jiff::Timestamp;
use mesh_model::facts::{ClusterFacts, NamespaceFacts, PolicyMeta, Service, ServicePort, Workload};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::policy::MeshPolicy;
use mesh_plan::plan::{Action, Plan};

/// A fleet and its policy, one line an object.
pub fn describe(fleet: &FleetSnapshot, policy: &MeshPolicy) -> String {
    let mut out = describe_policy(policy);
    for (name, view) in &fleet.members {
        let (head, facts) = match view {
            ClusterView::Seen(facts) => (format!("{name}:"), Some(facts)),
            ClusterView::Retired(Some(facts)) => (format!("{name}: retired"), Some(facts)),
            ClusterView::Unseen(unseen) => (format!("{name}: unseen ({})", unseen.why), None),
            ClusterView::Retired(None) => (format!("{name}: retired, not reached"), None),
        };
        line(&mut out, &head);
        if let Some(facts) = facts {
            out.push_str(&describe_facts(facts));
        }
    }
    out
}

/// A plan, one line a step and its reasons below.
pub fn describe_plan(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        let what = match &step.action {
            Action::Create { body } => format!("create {}", body.spec),
            Action::Update { .. } => "update".to_owned(),
            Action::Delete { .. } => "delete".to_owned(),
            Action::Hold { instead_of } => format!("hold instead of {instead_of}"),
        };
        line(&mut out, &format!("{} {}: {what}", step.cluster, step.key));
        for change in step.changes() {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
            line(&mut out, &format!("    {}: {} -> {}", change.field, text(&change.before), text(&change.after)));
        }
        for because in &step.because {
            let sources: Vec<String> = because.sources.iter().map(ToString::to_string).collect();
            line(&mut out, &format!("    because {} {} [{}]", because.field, because.rule, sources.join(", ")));
        }
    }
    out
}

/// What a policy says that the default does not.
fn describe_policy(policy: &MeshPolicy) -> String {
    let usual = MeshPolicy::default();
    let mut out = String::new();
    let mut say = |field: &str, differs: bool, value: &dyn std::fmt::Debug| {
        if differs {
            line(&mut out, &format!("policy {field}: {value:?}"));
        }
    };
    say("suffix", policy.suffix != usual.suffix, &policy.suffix);
    say("adopt", policy.adopt != usual.adopt, &policy.adopt);
    say("injection", policy.injection != usual.injection, &policy.injection);
    say("gateway", policy.gateway != usual.gateway, &policy.gateway);
    say("vip", policy.vip != usual.vip, &policy.vip);
    say("sans", policy.sans != usual.sans, &policy.sans);
    say("exportTo", policy.export_to != usual.export_to, &policy.export_to);
    say("traffic", policy.traffic != usual.traffic, &policy.traffic);
    say("exclude", policy.exclude != usual.exclude, &policy.exclude);
    for member in &policy.fleet.members {
        say("member", true, member);
    }
    out
}

fn describe_facts(facts: &ClusterFacts) -> String {
    let mut lines = Vec::new();
    if !facts.unseen.is_empty() {
        lines.push(format!("unseen {:?}", facts.unseen));
    }
    lines.extend(facts.node_regions.keys().map(|region| format!("region {region}")));
    lines.extend(facts.gateways.iter().map(|g| {
        format!("gateway {} {:?} {:?} {:?} network {:?}", g.name, g.hostname, g.ip, g.external_ip, g.network)
    }));
    let telling = facts.namespaces.iter().filter(|(_, said)| **said != NamespaceFacts::default());
    lines.extend(telling.map(|(name, said)| format!("namespace {name} {said:?}")));
    lines.extend(facts.workloads.iter().map(describe_workload));
    for (namespace, services) in &facts.services {
        lines.extend(services.iter().map(|service| describe_service(namespace, service)));
    }
    lines.extend(
        facts
            .dependencies
            .iter()
            .map(|d| format!("dependency {}/{} {} -> {:?}", d.namespace, d.name, d.source, d.destinations)),
    );
    lines.extend(
        facts.traffic_policies.iter().map(|p| {
            format!("gtp {} priority {} updated {:?} {:?}", meta(&p.meta), p.priority, p.last_updated, p.items)
        }),
    );
    lines.extend(facts.outlier_detections.iter().map(|p| format!("od {} {:?}", meta(&p.meta), p.values)));
    lines.extend(facts.connection_configs.iter().map(|p| format!("ccc {} {}", meta(&p.meta), p.connection_pool)));
    lines.extend(facts.vip_store.iter().map(|(name, address)| format!("stored vip {name} {address}")));
    lines.extend(
        facts
            .claims
            .values()
            .map(|c| format!("claim {} {} also {:?} epoch {} {:?}", c.host, c.owner, c.also_owners, c.epoch, c.phase)),
    );
    lines.extend(
        facts
            .foreign
            .iter()
            .map(|f| format!("foreign {} {:?} {:?} home {:?}", f.key, f.hosts, f.addresses, f.home_ports)),
    );
    lines.extend(facts.admiral.iter().map(|admiral| format!("admiral {admiral}")));
    for (key, o) in &facts.owned {
        lines.push(format!("owned {key} {:?} v{} {}", o.mark, o.version, o.spec));
        lines.push(format!("  labels {:?} annotations {:?} from {:?}", o.labels, o.annotations, o.from_text));
    }
    lines.iter().fold(String::new(), |mut out, text| {
        line(&mut out, &format!("  {text}"));
        out
    })
}

fn describe_service(namespace: &str, s: &Service) -> String {
    let port = |p: &ServicePort| {
        format!("{}:{} {:?} {:?}{}", p.name, p.number, p.target, p.app_protocol, mark(p.not_tcp, " udp"))
    };
    let ports: Vec<String> = s.ports.iter().map(port).collect();
    let marks = [mark(s.headless, " headless"), mark(s.external_name, " external"), mark(s.ignored, " ignored")];
    format!(
        "service {namespace}/{} selects {:?} ports [{}]{} created {:?}",
        s.name,
        s.selector,
        ports.join(", "),
        marks.concat(),
        s.created.map(Timestamp::as_second)
    )
}

fn describe_workload(w: &Workload) -> String {
    let marks = [mark(w.keep_case, " keep-case"), mark(w.wish.ambient, " ambient"), mark(w.wish.ignored, " ignored")];
    format!(
        "{:?} {}/{} identity {} env {} partition {:?} inject {:?}/{:?}{} inbound {:?} labels {:?} account {} created {:?}",
        w.kind,
        w.namespace,
        w.name,
        w.identity,
        w.env,
        w.partition,
        w.wish.inject_label,
        w.wish.inject_annotation,
        marks.concat(),
        w.inbound_ports,
        w.match_labels,
        w.service_account,
        w.created.map(Timestamp::as_second)
    )
}

fn meta(meta: &PolicyMeta) -> String {
    let created = meta.created.map(Timestamp::as_second);
    format!("{}/{} for {} {} created {created:?}", meta.namespace, meta.name, meta.identity, meta.env)
}

fn mark(is: bool, text: &'static str) -> &'static str {
    if is { text } else { "" }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a String never fails");
}
