//! A plan as a person reads it: by host, one entry for what is the same in many clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mesh_model::name::ClusterName;
use mesh_model::owned::ObjectKey;
use mesh_plan::because::Because;
use mesh_plan::plan::{Action, Class, Counts, Coverage, Plan, Step};

use crate::escape;
use crate::findings;
use crate::reason;
use crate::style::{Styling, Tone};
use crate::table::{Table, clusters};

/// Reasons shown for one entry unless all are wanted.
const MAX_REASONS: usize = 3;
/// Characters of a value unless all are wanted.
const MAX_VALUE: usize = 120;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Long lists are cut, and notes left out of the findings.
    Summary,
    /// Everything.
    Full,
}

/// The whole plan; `notes` are lines about the run, such as a policy that is not the stored one.
pub fn render(plan: &Plan, notes: &[String], detail: Detail, styling: Styling) -> String {
    let mut text = String::new();
    for note in notes {
        let _ = writeln!(text, "{}", escape::line(note));
    }
    text += &unseen(&plan.coverage);
    if !text.is_empty() {
        text.push('\n');
    }
    if !plan.steps.is_empty() {
        text += &steps(&plan.steps, detail, styling);
        text.push('\n');
    }
    let findings = match detail {
        Detail::Summary => findings::summary(&plan.findings, styling),
        Detail::Full if plan.findings.is_empty() => String::new(),
        Detail::Full => {
            let heading = format!("Findings: {}", findings::counts(&plan.findings));
            styling.paint(Tone::Heading, &heading) + "\n" + &findings::table(&plan.findings, styling)
        }
    };
    if !findings.is_empty() {
        text += &findings;
        text.push('\n');
    }
    text + &last_line(plan) + "\n"
}

/// The steps: a row for each object that is treated alike in some clusters, under its host.
pub fn steps(steps: &[Step], detail: Detail, styling: Styling) -> String {
    let entries = group(steps);
    let mut table = Table::new(&["  OBJECT", "CLUSTER", "CLASS"]);
    // What stands below each row of the table, and for which host and clusters it is.
    let mut below: Vec<(String, Option<(&str, String)>)> = Vec::new();
    let mut host = None;
    for (key, members) in &entries {
        if host != Some(key.host) {
            host = Some(key.host);
            table.row(Some(Tone::Heading), [if key.host.is_empty() { "(no host)" } else { key.host }]);
            below.push((String::new(), None));
        }
        let names: Vec<&ClusterName> =
            members.iter().map(|step| &step.cluster).collect::<BTreeSet<_>>().into_iter().collect();
        let object = format!("  {} {}", symbol(key.kind), object(key.object, detail));
        let class = if key.kind == StepKind::Hold { "held" } else { class(key.class) };
        let names = clusters(&names, detail == Detail::Full);
        table.row(Some(tone(key.kind)), [&*object, &*names, class]);
        below.push((details(key, members, detail, styling), Some((key.host, names))));
    }
    // A ServiceEntry and its DestinationRule mostly have the same reasons: they stand once, below the second.
    for row in 1..below.len() {
        if below[row - 1] == below[row] {
            below[row - 1].0.clear();
        }
    }
    let mut lines = table.lines(styling).into_iter();
    let mut text = lines.next().unwrap_or_default() + "\n";
    for (line, (below, _)) in lines.zip(below) {
        text += &line;
        text.push('\n');
        text += &below;
    }
    text
}

/// `Plan: 12 to add, 3 to change, 1 to delete, 2 held in 41 clusters (2 unseen, kept).`
pub fn last_line(plan: &Plan) -> String {
    let Counts { add, change, delete, hold, clusters } = plan.counts();
    let unseen = match plan.coverage.unseen.len() {
        0 => String::new(),
        unseen => format!(" ({unseen} unseen, kept)"),
    };
    if plan.steps.is_empty() {
        let seen = plan.coverage.seen;
        let verb = if seen == 1 { "holds what it should" } else { "hold what they should" };
        return format!("No changes. {} {verb}{unseen}.", count(seen, "cluster"));
    }
    format!(
        "Plan: {add} to add, {change} to change, {delete} to delete, {hold} held in {}{unseen}.",
        count(clusters, "cluster")
    )
}

/// `1 cluster`, `2 clusters`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Lines about what could not be read.
fn unseen(coverage: &Coverage) -> String {
    let mut text = String::new();
    for (cluster, why) in &coverage.unseen {
        let _ = writeln!(text, "Unseen: {cluster} ({}). What came from it is kept.", escape::line(why));
    }
    for (cluster, kinds) in &coverage.unseen_kinds {
        let _ = writeln!(text, "Unseen in {cluster}: {}. What came from them is kept.", kinds.join(", "));
    }
    text
}

/// What an action is, without its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StepKind {
    Create,
    Update,
    Delete,
    Hold,
}

/// Steps with equal keys are one entry.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct EntryKey<'a> {
    host: &'a str,
    object: &'a ObjectKey,
    kind: StepKind,
    class: Class,
    instead_of: &'a str,
    changes: Vec<(&'a str, Option<&'a str>, Option<&'a str>)>,
}

fn group(steps: &[Step]) -> BTreeMap<EntryKey<'_>, Vec<&Step>> {
    let mut entries: BTreeMap<EntryKey<'_>, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        let (kind, instead_of) = match &step.action {
            Action::Create { .. } => (StepKind::Create, ""),
            Action::Update { .. } => (StepKind::Update, ""),
            Action::Delete { .. } => (StepKind::Delete, ""),
            Action::Hold { instead_of } => (StepKind::Hold, instead_of.as_str()),
        };
        let key = EntryKey {
            host: step.host.as_deref().unwrap_or_default(),
            object: &step.key,
            kind,
            class: step.class,
            instead_of,
            changes: step
                .changes
                .iter()
                .map(|change| (&*change.field, change.before.as_deref(), change.after.as_deref()))
                .collect(),
        };
        entries.entry(key).or_default().push(step);
    }
    entries
}

fn details(key: &EntryKey<'_>, members: &[&Step], detail: Detail, styling: Styling) -> String {
    let mut text = String::new();
    if !key.instead_of.is_empty() {
        let _ = writeln!(text, "      instead of: {}", escape::line(key.instead_of));
    }
    // What a new object holds is its whole content: `diff` and `-o wide` show it.
    if key.kind == StepKind::Update || detail == Detail::Full {
        for (field, before, after) in &key.changes {
            let _ = writeln!(text, "      {}", change(field, *before, *after, detail, styling));
        }
    }
    let reasons: BTreeSet<&Because> = members.iter().flat_map(|step| &step.because).collect();
    let shown = if detail == Detail::Full { reasons.len() } else { MAX_REASONS };
    for because in reasons.iter().take(shown) {
        let _ = writeln!(text, "      {}", styling.paint(Tone::Quiet, &because_line(because, detail)));
    }
    if let Some(more @ 1..) = reasons.len().checked_sub(shown) {
        let more = format!("and {} (-o wide shows all)", count(more, "more reason"));
        let _ = writeln!(text, "      {}", styling.paint(Tone::Quiet, &more));
    }
    text
}

fn change(field: &str, before: Option<&str>, after: Option<&str>, detail: Detail, styling: Styling) -> String {
    let value = |text: &str| match detail {
        Detail::Full => escape::line(text).into_owned(),
        Detail::Summary => cut(&escape::line(text)),
    };
    let field = escape::line(field);
    match (before, after) {
        (Some(before), Some(after)) => {
            format!("{} {field}: {} → {}", styling.paint(Tone::Change, "~"), value(before), value(after))
        }
        (Some(before), None) => format!("{} {field}: {}", styling.paint(Tone::Remove, "-"), value(before)),
        (None, Some(after)) => format!("{} {field}: {}", styling.paint(Tone::Add, "+"), value(after)),
        (None, None) => format!("~ {field}"),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `because RULE (SOURCES)`, after the field if it is for one.
fn because_line(because: &Because, detail: Detail) -> String {
    let field = if because.field.is_empty() { String::new() } else { format!("{}: ", because.field) };
    let text = match detail {
        Detail::Summary => reason::because(&because.rule, &because.sources),
        Detail::Full => reason::because_in_full(&because.rule, &because.sources),
    };
    escape::line(&format!("because {field}{text}")).into_owned()
}

fn object(key: &ObjectKey, detail: Detail) -> String {
    match detail {
        Detail::Summary => format!("{} {}", key.kind, key.name),
        Detail::Full => key.to_string(),
    }
}

fn symbol(kind: StepKind) -> char {
    match kind {
        StepKind::Create => '+',
        StepKind::Update => '~',
        StepKind::Delete => '-',
        StepKind::Hold => '?',
    }
}

fn tone(kind: StepKind) -> Tone {
    match kind {
        StepKind::Create => Tone::Add,
        StepKind::Update => Tone::Change,
        StepKind::Delete => Tone::Remove,
        StepKind::Hold => Tone::Hold,
    }
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Additive => "additive",
        Class::Neutral => "neutral",
        Class::RemovesTraffic => "removes traffic",
    }
}

#[cfg(test)]
mod tests;
