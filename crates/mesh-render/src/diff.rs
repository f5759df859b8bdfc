//! A plan as unified diffs of manifests; a hunk that is the same in many clusters is shown once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;
use mesh_plan::manifest;
use mesh_plan::plan::Plan;
use serde_json::Value;
use similar::TextDiff;

use crate::document::to_yaml;
use crate::escape;
use crate::limits::DIFF_CONTEXT;
use crate::style::{Styling, Tone};
use crate::table::clusters;

/// The differences between what the clusters hold and what they should hold. Empty when there are none.
pub fn render(plan: &Plan, styling: Styling) -> String {
    let mut objects: BTreeMap<&ObjectKey, Vec<(&ClusterName, String, String)>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.is_write()) {
        let (before, after) = manifest::around(step);
        objects.entry(&step.key).or_default().push((&step.cluster, text(before.as_ref()), text(after.as_ref())));
    }
    objects.iter().map(|(key, members)| object(key, members, styling)).collect()
}

fn text(manifest: Option<&Value>) -> String {
    manifest.map(to_yaml).unwrap_or_default()
}

/// All hunks of one object, each with the clusters that it is for where `diff -p` prints the function.
fn object(key: &ObjectKey, members: &[(&ClusterName, String, String)], styling: Styling) -> String {
    // One comparison for each distinct pair of texts: most client clusters have the same.
    let mut pairs: BTreeMap<(&str, &str), Vec<&ClusterName>> = BTreeMap::new();
    for (cluster, before, after) in members {
        pairs.entry((before, after)).or_default().push(cluster);
    }
    let mut hunks: BTreeMap<(usize, String, String), Vec<&ClusterName>> = BTreeMap::new();
    for ((before, after), names) in pairs {
        for hunk in hunks_of(before, after, styling) {
            hunks.entry(hunk).or_default().extend(&names);
        }
    }
    let namespace = if key.namespace.is_none() { String::new() } else { format!("{}/", key.namespace) };
    let path = escape::line(&format!("{namespace}{}/{}", key.kind, key.name)).into_owned();
    let mut text = styling.paint(Tone::Heading, &format!("--- live/{path}")) + "\n";
    text += &(styling.paint(Tone::Heading, &format!("+++ planned/{path}")) + "\n");
    for ((_, header, body), mut names) in hunks {
        names.sort();
        let _ = writeln!(text, "{} {}", styling.paint(Tone::Hold, &header), clusters(&names, false));
        text += &body;
    }
    text
}

/// Position, header (`@@ … @@`) and lines of each hunk.
fn hunks_of(before: &str, after: &str, styling: Styling) -> Vec<(usize, String, String)> {
    let diff = TextDiff::from_lines(before, after);
    let mut unified = diff.unified_diff();
    unified.context_radius(DIFF_CONTEXT);
    let hunk = |hunk: similar::udiff::UnifiedDiffHunk<'_, '_, '_, str>| {
        let start = hunk.ops().first().map_or(0, |op| op.old_range().start);
        let mut body = String::new();
        for change in hunk.iter_changes() {
            let (sign, tone) = match change.tag() {
                similar::ChangeTag::Delete => ('-', Some(Tone::Remove)),
                similar::ChangeTag::Insert => ('+', Some(Tone::Add)),
                similar::ChangeTag::Equal => (' ', None),
            };
            let line = format!("{sign}{}", escape::lines(change.value().trim_end_matches('\n')));
            let _ = writeln!(body, "{}", tone.map_or(line.clone(), |tone| styling.paint(tone, &line)));
        }
        (start, hunk.header().to_string(), body)
    };
    unified.iter_hunks().map(hunk).collect()
}

#[cfg(test)]
mod tests {
    use mesh_model::kind::Kind;
    use mesh_model::name::Namespace;

    use super::*;

    fn key() -> ObjectKey {
        ObjectKey { kind: Kind::ServiceEntry, namespace: Namespace::parse("mesh-sync").unwrap(), name: "a-se".into() }
    }

    fn names(count: usize) -> Vec<ClusterName> {
        (1..=count).map(|n| ClusterName::parse(&format!("c{n}")).unwrap()).collect()
    }

    #[test]
    fn a_hunk_of_many_clusters_is_shown_once_and_one_of_a_single_cluster_for_itself() {
        let long = |first: &str, last: &str| format!("{first}\n{}{last}\n", "same\n".repeat(10));
        let names = names(5);
        let members: Vec<(&ClusterName, String, String)> = names
            .iter()
            .map(|name| (name, long("a", "x"), if &**name == "c3" { long("b", "y") } else { long("b", "x") }))
            .collect();
        assert_eq!(
            object(&key(), &members, Styling::PLAIN),
            "--- live/mesh-sync/ServiceEntry/a-se\n\
             +++ planned/mesh-sync/ServiceEntry/a-se\n\
             @@ -1,4 +1,4 @@ 5 clusters: c1…c5\n-a\n+b\n same\n same\n same\n\
             @@ -9,4 +9,4 @@ c3\n same\n same\n same\n-x\n+y\n"
        );
    }

    #[test]
    fn a_new_object_is_all_additions() {
        let names = names(1);
        let text = object(&key(), &[(&names[0], String::new(), "a: 1\n".into())], Styling::PLAIN);
        assert!(text.ends_with("@@ -0,0 +1 @@ c1\n+a: 1\n"), "{text}");
    }

    #[test]
    fn no_steps_no_text() {
        assert_eq!(render(&Plan::default(), Styling::PLAIN), "");
    }
}
