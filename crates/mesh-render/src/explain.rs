//! Why a cluster holds what it holds, as a person or a program reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mesh_model::name::ClusterName;
use mesh_plan::desired::Role;
use mesh_plan::explain::{Explanation, FieldExplanation, Holder, NameExplanation, ObjectExplanation, Reason};
use serde_json::Value;

use crate::document::headed;
use crate::escape;
use crate::limits::EXPLAINED_VALUE;
use crate::reason::because;
use crate::style::{Styling, Tone};
use crate::table::{Table, clusters};
use crate::whereis::{idle, policies};

/// `answer` as a versioned document (`docs/schemas/explain.schema.json`).
pub fn document(answer: &Explanation) -> Value {
    headed("Explanation", answer)
}

/// `answer` for a person; `wide` shows every cluster, whole values and metadata.
pub fn render(answer: &Explanation, wide: bool, styling: Styling) -> String {
    let mut sections = Vec::new();
    for name in &answer.names {
        let title = format!("{} (identity {}, env {})", name.name, name.identity, name.env);
        sections.push(styling.paint(Tone::Heading, &escape::line(&title)) + "\n");
        sections.extend(name.objects.iter().map(|explained| object(explained, wide, styling)));
        sections.push(kept(name, styling));
        sections.push(left_out(name, wide, styling));
        sections.push(nothing(name, styling));
        sections.push(policies(&name.policies, styling));
    }
    sections.push(idle(&answer.idle, styling));
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

fn object(explained: &ObjectExplanation, wide: bool, styling: Styling) -> String {
    let mut text = styling.paint(Tone::Heading, &escape::line(&explained.object.to_string())) + "\n";
    for (role, why, names) in holders(&explained.clusters) {
        let _ = writeln!(text, "  in {} as {}", clusters(&names, wide), role_word(role));
        line(&mut text, 6, styling, Tone::Quiet, &format!("because {why}"));
    }
    for reason in &explained.because {
        reason_line(&mut text, 6, reason, styling);
    }
    // Metadata says nothing about traffic: it is shown when asked for.
    let only_metadata = explained.fields.iter().all(is_metadata);
    for field in explained.fields.iter().filter(|field| wide || only_metadata || !is_metadata(field)) {
        let value = field.value.as_ref().map_or("not set".to_owned(), ToString::to_string);
        let value = if wide { value } else { cut(&value) };
        let held = if field.because.iter().any(|reason| reason.held) { "? " } else { "" };
        let tone = if held.is_empty() { Tone::Add } else { Tone::Hold };
        let name = styling.paint(tone, &escape::line(&format!("{held}{}", field.field)));
        let _ = writeln!(text, "  {name}: {}", escape::line(&value));
        for reason in &field.because {
            reason_line(&mut text, 6, reason, styling);
        }
    }
    text
}

/// Holders with one role and reason together, in the order of their first cluster.
fn holders(holders: &[Holder]) -> Vec<(Role, String, Vec<&ClusterName>)> {
    let mut groups: Vec<(Role, String, Vec<&ClusterName>)> = Vec::new();
    let mut at: BTreeMap<(Role, String), usize> = BTreeMap::new();
    for holder in holders {
        let why = because(&holder.because.rule, &holder.because.sources);
        let index = *at.entry((holder.role, why.clone())).or_insert_with(|| {
            groups.push((holder.role, why, Vec::new()));
            groups.len() - 1
        });
        groups[index].2.push(&holder.cluster);
    }
    groups
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Source => "source",
        Role::Client => "client",
        Role::ExSource => "former source",
    }
}

fn is_metadata(field: &FieldExplanation) -> bool {
    field.field.starts_with("metadata/")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(EXPLAINED_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn reason_line(text: &mut String, indent: usize, reason: &Reason, styling: Styling) {
    let (word, tone) = if reason.held { ("held because", Tone::Hold) } else { ("because", Tone::Quiet) };
    line(text, indent, styling, tone, &format!("{word} {}", because(&reason.rule, &reason.sources)));
}

fn line(text: &mut String, indent: usize, styling: Styling, tone: Tone, content: &str) {
    let _ = writeln!(text, "{:indent$}{}", "", styling.paint(tone, &escape::line(content)));
}

fn kept(name: &NameExplanation, styling: Styling) -> String {
    let mut table = Table::new(&["CLUSTER", "OBJECT", "KEPT BECAUSE"]);
    for object in &name.kept {
        let why = because(&object.because.rule, &object.because.sources);
        table.row(Some(Tone::Hold), [object.cluster.to_string(), object.object.to_string(), why]);
    }
    section(table, styling)
}

fn left_out(name: &NameExplanation, wide: bool, styling: Styling) -> String {
    let mut table = Table::new(&["CLUSTER", "NO ENDPOINT IN", "BECAUSE"]);
    for source in &name.left_out {
        let missing: Vec<&ClusterName> = source.missing_in.iter().collect();
        table.row(Some(Tone::Hold), [source.cluster.as_str(), &clusters(&missing, wide), &source.why]);
    }
    section(table, styling)
}

fn nothing(name: &NameExplanation, styling: Styling) -> String {
    let mut table = Table::new(&["CLUSTER", "HOLDS NOTHING BECAUSE"]);
    for nothing in &name.nothing {
        table.row(None, [nothing.cluster.clone(), because(&nothing.why, &nothing.sources)]);
    }
    section(table, styling)
}

/// Nothing where a table has no rows.
fn section(table: Table, styling: Styling) -> String {
    if table.is_empty() { String::new() } else { table.render(styling) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mesh_model::kind::Kind;
    use mesh_model::name::{Host, Identity, Namespace};
    use mesh_model::origin::Origin;
    use mesh_model::owned::ObjectKey;
    use mesh_plan::because::Because;
    use mesh_plan::desired::PolicyChoice;
    use mesh_plan::explain::{LeftOut, Nothing};
    use serde_json::json;

    use super::*;

    fn cluster(name: &str) -> ClusterName {
        ClusterName::parse(name).unwrap()
    }

    fn answer(evil: &str) -> Explanation {
        let origin =
            Origin { cluster: cluster("c2"), kind: Kind::Service, name: format!("shop/checkout{evil}").into() };
        let reason = |rule: &str, held| Reason { rule: rule.into(), sources: vec![origin.clone()], held };
        let holder = |name: &str| Holder {
            cluster: cluster(name),
            role: Role::Client,
            because: Arc::new(Because::whole(format!("Dependency names it{evil}"), vec![])),
        };
        let field = |field: &str, value, because| FieldExplanation { field: field.into(), value, because };
        let object = ObjectExplanation {
            object: ObjectKey {
                kind: Kind::ServiceEntry,
                namespace: Namespace::parse("mesh-sync").unwrap(),
                name: format!("stage.checkout.global-se{evil}").into(),
            },
            host: Host::parse("stage.checkout.global").unwrap(),
            clusters: vec![holder("c3"), holder("c4")],
            because: vec![],
            fields: vec![
                field(
                    &format!("endpoints/c2-gw.example.{evil}"),
                    Some(json!({"address": "c2-gw.example."})),
                    vec![reason("c2 is unseen: its endpoint is held", true), reason("one endpoint a source", false)],
                ),
                field("exportTo", None, vec![reason("policy.exportTo is off", false)]),
                field("metadata/labels/x", Some(json!("y")), vec![reason("a label", false)]),
            ],
        };
        let name = NameExplanation {
            name: Host::parse("stage.checkout.global").unwrap(),
            identity: Identity::parse("checkout").unwrap(),
            env: "stage".into(),
            objects: vec![object],
            kept: vec![],
            left_out: vec![LeftOut {
                cluster: cluster("c8"),
                missing_in: vec![cluster("c3"), cluster("c4")],
                why: format!("no gateway{evil}"),
            }],
            nothing: vec![Nothing { cluster: "c5".into(), why: format!("no client{evil}"), sources: vec![] }],
            policies: vec![PolicyChoice {
                kind: Kind::GlobalTrafficPolicy,
                cluster: cluster("c1"),
                name: "shop/a".into(),
                active: false,
                why: format!("lost{evil}"),
            }],
        };
        Explanation { key: "checkout".into(), names: vec![name], idle: vec![] }
    }

    #[test]
    fn a_person_reads_each_field_with_its_reason_and_each_cluster_without() {
        assert_eq!(
            render(&answer(""), false, Styling::PLAIN),
            "\
stage.checkout.global (identity checkout, env stage)

ServiceEntry mesh-sync/stage.checkout.global-se
  in c3, c4 as client
      because Dependency names it
  ? endpoints/c2-gw.example.: {\"address\":\"c2-gw.example.\"}
      held because c2 is unseen: its endpoint is held (c2: Service shop/checkout)
      because one endpoint a source (c2: Service shop/checkout)
  exportTo: not set
      because policy.exportTo is off (c2: Service shop/checkout)

CLUSTER  NO ENDPOINT IN  BECAUSE
c8       c3, c4          no gateway

CLUSTER  HOLDS NOTHING BECAUSE
c5       no client

CLUSTER  POLICY                      STATE  WHY
c1       GlobalTrafficPolicy shop/a  lost   lost
"
        );
        assert!(render(&answer(""), true, Styling::PLAIN).contains("metadata/labels/x"));
    }

    #[test]
    fn nothing_from_a_cluster_is_printed_unescaped() {
        let text = render(&answer("\u{1b}[31m\u{202e}\n"), true, Styling::PLAIN);
        assert!(!text.contains(|c: char| c != '\n' && escape::is_unsafe(c)), "{text:?}");
        assert!(text.matches("\\u{1b}").count() >= 7, "{text}");
    }

    #[test]
    fn the_document_is_versioned() {
        let document = document(&answer(""));
        assert_eq!(document["apiVersion"], "kubectl-mesh.io/v1alpha1");
        assert_eq!(document["kind"], "Explanation");
        let field = &document["names"][0]["objects"][0]["fields"][0];
        assert_eq!(field["because"][0]["held"], true);
        assert_eq!(field["value"]["address"], "c2-gw.example.");
    }
}
