//! Where a service is, as a person or a program reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use mesh_model::name::ClusterName;
use mesh_plan::desired::{Place, PolicyChoice};
use mesh_plan::whereis::{IdleWorkload, NameReport, Whereis};
use serde_json::Value;

use crate::document::headed;
use crate::escape;
use crate::reason::because;
use crate::style::{Styling, Tone};
use crate::table::{NONE, Table};

/// How the fleet was read for an answer. The answer itself only knows what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Everything was listed.
    Fully,
    /// Only what generated objects with the label of the identity lead to.
    ByLabel,
}

impl Read {
    /// As `lookup` of the document.
    fn as_str(self) -> &'static str {
        match self {
            Self::Fully => "full-listing",
            Self::ByLabel => "by-label",
        }
    }

    /// In words.
    fn in_words(self) -> &'static str {
        match self {
            Self::Fully => "full listing",
            Self::ByLabel => "by label",
        }
    }
}

/// What a person should know of an answer that is not of everything.
const SELECTIVE: &str = "Read selectively: what generated objects lead to. --full lists everything.\n";

/// `answer` as a versioned document (`docs/schemas/whereis.schema.json`).
pub fn document(answer: &Whereis, read: Read) -> Value {
    let mut document = headed("Whereis", answer);
    document["lookup"] = read.as_str().into();
    document
}

/// `answer` for a person; `wide` adds columns.
pub fn render(answer: &Whereis, read: Read, wide: bool, styling: Styling) -> String {
    let mut sections = Vec::new();
    let mut unseen = String::new();
    for (cluster, why) in &answer.unseen {
        let _ = writeln!(unseen, "Unseen: {cluster} ({}). It may run there too.", escape::line(why));
    }
    for (cluster, kinds) in &answer.unseen_kinds {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let _ = writeln!(unseen, "Unseen in {cluster}: {}.", kinds.join(", "));
    }
    sections.push(unseen);
    for name in &answer.names {
        sections.push(heading(name, read, styling));
        sections.push(places(&name.places, wide, styling));
        sections.push(clients(name, styling));
        sections.push(policies(&name.policies, styling));
    }
    sections.push(idle(&answer.idle, styling));
    if read == Read::ByLabel {
        sections.push(SELECTIVE.to_owned());
    }
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

/// The global names, one a line; identities of workloads that serve none.
pub fn names(answer: &Whereis) -> String {
    let names = answer.names.iter().map(|name| name.name.as_str());
    let idle = answer.idle.iter().map(|workload| workload.identity.as_str());
    let mut lines: Vec<&str> = names.collect();
    if lines.is_empty() {
        lines = idle.collect();
        lines.dedup();
    }
    lines.into_iter().map(|line| escape::line(line).into_owned() + "\n").collect()
}

fn heading(name: &NameReport, read: Read, styling: Styling) -> String {
    let mut text = styling.paint(Tone::Heading, &escape::line(&name.name)) + "\n";
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "  {label:<10}{}", escape::line(value));
    };
    line("identity", &format!("{} (env {})", name.identity, name.env));
    let owners: Vec<&str> = name.owners.iter().map(|owner| &**owner).collect();
    let by = match &name.claim {
        None => "by the namespaces that serve it".to_owned(),
        Some(claim) => {
            let confirmed = if claim.confirmed { "confirmed" } else { "not confirmed yet" };
            format!("by claim, in {} since {}, {confirmed}", claim.claimed_in, claim.since.strftime("%Y-%m-%d"))
        }
    };
    line("owner", &if owners.is_empty() { "unknown".to_owned() } else { format!("{} ({by})", owners.join(", ")) });
    line("port", &name.port.as_ref().map_or(NONE.to_owned(), |port| format!("{} {}", port.protocol, port.number)));
    for (n, host) in name.hosts.iter().enumerate() {
        let vip = host.vip.as_deref().unwrap_or("no address");
        line(if n == 0 { "hosts" } else { "" }, &format!("{}  {vip}  {}", host.host, split(&host.split)));
    }
    if !name.ex_sources.is_empty() {
        let clusters: Vec<&str> = name.ex_sources.iter().map(ClusterName::as_str).collect();
        line("left", &format!("{} (callers there go on)", clusters.join(", ")));
    }
    let sorts: Vec<&str> = name.found_by.iter().map(|sort| sort.as_str()).collect();
    line("found by", &format!("{}, {}", sorts.join(" and "), read.in_words()));
    text
}

/// How traffic to a host splits, in words.
fn split(weights: &BTreeMap<Arc<str>, u32>) -> String {
    if weights.is_empty() {
        return "each client's own region first".into();
    }
    weights.iter().map(|(region, weight)| format!("{region} {weight}%")).collect::<Vec<_>>().join(", ")
}

fn places(places: &[Place], wide: bool, styling: Styling) -> String {
    let mut headings = vec!["CLUSTER", "NAMESPACE", "WORKLOAD", "SERVICE", "READY", "REGION", "GATEWAY", "STATE"];
    if wide {
        headings.push("OWNER");
    }
    let mut table = Table::new(&headings);
    for place in places {
        let text = |value: &Option<Arc<str>>| value.as_deref().unwrap_or(NONE).to_owned();
        let workload = match (&place.kind, &place.workload) {
            (Some(kind), Some(workload)) => format!("{kind}/{workload}"),
            _ => text(&place.workload),
        };
        let service = match (&place.service, place.port) {
            (Some(service), Some(port)) => format!("{service}:{port}"),
            _ => text(&place.service),
        };
        let mut cells = vec![
            place.cluster.to_string(),
            place.namespace.as_deref().unwrap_or(NONE).to_owned(),
            workload,
            service,
            ready(place.ready, place.replicas),
            text(&place.region),
            text(&place.gateway),
            if place.held { "held (unseen now)" } else { "serves" }.to_owned(),
        ];
        if wide {
            cells.push(text(&place.owner));
        }
        table.row(place.held.then_some(Tone::Hold), cells);
    }
    section(table, styling)
}

fn ready(ready: Option<u32>, replicas: Option<u32>) -> String {
    let number = |value: Option<u32>| value.map_or("?".to_owned(), |value| value.to_string());
    if ready.is_none() && replicas.is_none() {
        return NONE.into();
    }
    format!("{}/{}", number(ready), number(replicas))
}

fn clients(name: &NameReport, styling: Styling) -> String {
    let mut table = Table::new(&["CLUSTER", "CALLS IT BECAUSE"]);
    for client in &name.clients {
        table.row(None, [client.cluster.to_string(), because(&client.because.rule, &client.because.sources)]);
    }
    section(table, styling)
}

/// The policies that were considered, the reason of each beside it.
pub(crate) fn policies(policies: &[PolicyChoice], styling: Styling) -> String {
    let mut table = Table::new(&["CLUSTER", "POLICY", "STATE", "WHY"]);
    for policy in policies {
        let state = if policy.active { "active" } else { "lost" };
        let name = format!("{} {}", policy.kind, policy.name);
        table.row(None, [policy.cluster.as_str(), &name, state, &policy.why]);
    }
    section(table, styling)
}

/// Workloads that serve nothing, the reason of each beside it.
pub(crate) fn idle(workloads: &[IdleWorkload], styling: Styling) -> String {
    let mut table = Table::new(&["CLUSTER", "NAMESPACE", "WORKLOAD", "IDENTITY", "ENV", "SERVES NOTHING BECAUSE"]);
    for workload in workloads {
        let name = format!("{}/{}", workload.kind, workload.workload);
        table.row(
            None,
            [
                workload.cluster.as_str(),
                &workload.namespace,
                &name,
                &workload.identity,
                &workload.env,
                workload.why.as_str(),
            ],
        );
    }
    section(table, styling)
}

/// Nothing where a table has no rows.
fn section(table: Table, styling: Styling) -> String {
    if table.is_empty() { String::new() } else { table.render(styling) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mesh_model::kind::Kind;
    use mesh_model::name::{Env, Host, Identity, Namespace};
    use mesh_plan::because::Because;
    use mesh_plan::lookup::KeySort;
    use mesh_plan::whereis::{ClientReport, HostReport, Lookup, PublishedPort};

    use super::*;

    fn cluster(name: &str) -> ClusterName {
        ClusterName::parse(name).unwrap()
    }

    fn answer(evil: &str) -> Whereis {
        let host = |name: &str| Host::parse(name).unwrap();
        let place = Place {
            cluster: cluster("c1"),
            namespace: Some(Namespace::parse("shop").unwrap()),
            kind: Some(Kind::Deployment),
            workload: Some(format!("checkout{evil}").into()),
            service: Some("checkout".into()),
            port: Some(8080),
            ready: Some(2),
            replicas: Some(3),
            region: Some("us-west-2".into()),
            gateway: Some("gw.example.:15443".into()),
            owner: Some("team-shop".into()),
            held: false,
        };
        let held = Place { cluster: cluster("c2"), held: true, ready: None, replicas: None, ..place.clone() };
        let rule = format!("runs a workload whose Dependency names checkout{evil}");
        let name = NameReport {
            name: host("stage.checkout.global"),
            found_by: BTreeSet::from([KeySort::Identity]),
            identity: Identity::parse("checkout").unwrap(),
            env: "stage".into(),
            owners: BTreeSet::from(["team-shop".into()]),
            claimed: false,
            claim: None,
            port: Some(PublishedPort { protocol: "http".into(), number: 80 }),
            hosts: vec![
                HostReport {
                    host: host("stage.checkout.global"),
                    vip: Some("240.64.0.9".into()),
                    split: BTreeMap::from([("us-east-2".into(), 30), ("us-west-2".into(), 70)]),
                },
                HostReport { host: host("west.stage.checkout.global"), vip: None, split: BTreeMap::new() },
            ],
            places: vec![place, held],
            clients: vec![ClientReport { cluster: cluster("c3"), because: Arc::new(Because::whole(rule, vec![])) }],
            ex_sources: BTreeSet::new(),
            policies: vec![PolicyChoice {
                kind: Kind::GlobalTrafficPolicy,
                cluster: cluster("c1"),
                name: "shop/a".into(),
                active: false,
                why: format!("lost to c1: shop/b: newer{evil}"),
            }],
        };
        Whereis {
            key: "checkout".into(),
            lookup: Lookup::FullListing,
            names: vec![name],
            idle: vec![IdleWorkload {
                cluster: cluster("c4"),
                namespace: Namespace::parse("shop").unwrap(),
                kind: Kind::Deployment,
                workload: "checkout".into(),
                identity: Identity::parse("checkout").unwrap(),
                env: Env::parse("stage").unwrap(),
                why: format!("no Service selects it{evil}"),
            }],
            unseen: BTreeMap::from([(cluster("c2"), format!("no folder{evil}"))]),
            unseen_kinds: BTreeMap::new(),
        }
    }

    #[test]
    fn a_person_reads_where_it_runs_and_who_calls_it() {
        assert_eq!(
            render(&answer(""), Read::Fully, false, Styling::PLAIN),
            "\
Unseen: c2 (no folder). It may run there too.

stage.checkout.global
  identity  checkout (env stage)
  owner     team-shop (by the namespaces that serve it)
  port      http 80
  hosts     stage.checkout.global  240.64.0.9  us-east-2 30%, us-west-2 70%
            west.stage.checkout.global  no address  each client's own region first
  found by  identity, full listing

CLUSTER  NAMESPACE  WORKLOAD             SERVICE        READY  REGION     GATEWAY            STATE
c1       shop       Deployment/checkout  checkout:8080  2/3    us-west-2  gw.example.:15443  serves
c2       shop       Deployment/checkout  checkout:8080  -      us-west-2  gw.example.:15443  held (unseen now)

CLUSTER  CALLS IT BECAUSE
c3       runs a workload whose Dependency names checkout

CLUSTER  POLICY                      STATE  WHY
c1       GlobalTrafficPolicy shop/a  lost   lost to c1: shop/b: newer

CLUSTER  NAMESPACE  WORKLOAD             IDENTITY  ENV    SERVES NOTHING BECAUSE
c4       shop       Deployment/checkout  checkout  stage  no Service selects it
"
        );
        assert!(render(&answer(""), Read::Fully, true, Styling::PLAIN).contains("STATE              OWNER\n"));
        assert_eq!(names(&answer("")), "stage.checkout.global\n");
    }

    #[test]
    fn nothing_from_a_cluster_is_printed_unescaped() {
        let answer = answer("\u{1b}[31m\u{202e}\n");
        let text = render(&answer, Read::ByLabel, true, Styling::PLAIN) + &names(&answer);
        assert!(!text.contains(|c: char| c != '\n' && escape::is_unsafe(c)), "{text:?}");
        assert_eq!(text.matches("\\u{1b}[31m\\u{202e}\\u{a}").count(), 6, "{text}");
    }

    #[test]
    fn the_document_is_versioned() {
        let document = document(&answer(""), Read::Fully);
        assert_eq!(document["apiVersion"], "kubectl-mesh.io/v1alpha1");
        assert_eq!(document["kind"], "Whereis");
        assert_eq!(document["names"][0]["places"][1]["held"], true);
        assert_eq!(document["names"][0]["foundBy"][0], "identity");
        assert_eq!(document["lookup"], "full-listing");
    }

    #[test]
    fn an_answer_that_is_not_of_everything_says_so() {
        let text = render(&answer(""), Read::ByLabel, false, Styling::PLAIN);
        assert!(text.contains("found by  identity, by label\n"), "{text}");
        assert!(
            text.ends_with("\n\nRead selectively: what generated objects lead to. --full lists everything.\n"),
            "{text}"
        );
        assert_eq!(document(&answer(""), Read::ByLabel)["lookup"], "by-label");
    }
}
