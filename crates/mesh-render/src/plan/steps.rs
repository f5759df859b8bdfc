//! The steps of a plan: a row for each object that is treated alike in some clusters, under its host.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mesh_model::host::{destination_rule_name, service_entry_name};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::owned::{ObjectKey, Pairs};
use mesh_plan::plan::{Action, Change, Class, Step};

use super::{Detail, count, leads, values};
use crate::escape;
use crate::limits::STEP_REASONS;
use crate::reason::led;
use crate::style::{Styling, Tone};
use crate::table::{Table, clusters};

/// The rows, by name: its base host first, then its further hosts; within a host by cluster.
pub(super) fn steps(steps: &[Step], detail: Detail, styling: Styling) -> String {
    let entries = group(steps);
    let mut table = Table::new(&["  OBJECT", "CLUSTER", "CLASS"]);
    for entry in &entries {
        let object = format!("  {} {}", symbol(entry.kind), object(entry, detail));
        let class = if entry.kind == StepKind::Hold { "held" } else { class(entry.class) };
        let names = clusters(&entry.clusters(), detail == Detail::Full);
        table.row(Some(tone(entry.kind)), [&*object, &*names, class]);
    }
    let mut notes: Vec<Notes<'_>> = entries.iter().map(|entry| Notes::of(entry, detail, styling)).collect();
    // A ServiceEntry and its DestinationRule mostly are there for the same reasons: those stand once, below the second.
    for row in 1..notes.len() {
        let [first, second] = &mut notes[row - 1..=row] else { continue };
        if first.about == second.about && first.reasons == second.reasons {
            first.reasons.clear();
            second.leads = first.leads.drain(..).chain(second.leads.drain(..)).collect();
        }
    }
    let mut lines = table.lines(styling).into_iter();
    let mut text = lines.next().unwrap_or_default() + "\n";
    let mut about = None;
    for (line, (entry, notes)) in lines.zip(entries.iter().zip(&notes)) {
        if about != Some((entry.host, entry.object.kind.is_of_claims())) {
            about = Some((entry.host, entry.object.kind.is_of_claims()));
            let _ = writeln!(text, "{}", styling.paint(Tone::Heading, &escape::line(&heading(entry))));
        }
        let _ = writeln!(text, "{line}");
        text += &notes.own;
        for lead in &notes.leads {
            let _ = writeln!(text, "      {}", escape::line(lead));
        }
        for reason in &notes.reasons {
            let _ = writeln!(text, "      {}", styling.paint(Tone::Quiet, &escape::line(reason)));
        }
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

/// Steps that are alike but for their cluster.
#[derive(Debug)]
struct Entry<'a> {
    base: &'a str,
    host: &'a str,
    object: &'a ObjectKey,
    kind: StepKind,
    class: Class,
    instead_of: &'a str,
    /// At least one, by cluster.
    steps: Vec<&'a Step>,
}

/// What becomes of an object, as far as it tells rows apart: of a new one `spec`, labels and annotations, which are
/// compared as they are because a first plan is full of them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Content<'a> {
    New(&'a str, &'a Pairs, &'a Pairs),
    Changed(Vec<Change>),
}

impl<'a> Content<'a> {
    fn of(step: &'a Step) -> Self {
        match &step.action {
            Action::Create { body } => Self::New(&body.spec, &body.labels, &body.annotations),
            _ => Self::Changed(step.changes()),
        }
    }
}

impl<'a> Entry<'a> {
    fn clusters(&self) -> Vec<&'a ClusterName> {
        self.steps.iter().map(|step| &step.cluster).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

fn group(steps: &[Step]) -> Vec<Entry<'_>> {
    let mut entries: BTreeMap<_, Entry<'_>> = BTreeMap::new();
    for step in steps {
        let (kind, instead_of) = match &step.action {
            Action::Create { .. } => (StepKind::Create, ""),
            Action::Update { .. } => (StepKind::Update, ""),
            Action::Delete { .. } => (StepKind::Delete, ""),
            Action::Hold { instead_of } => (StepKind::Hold, instead_of.as_str()),
        };
        let host = step.host.as_deref().unwrap_or_default();
        let base = step.base.as_deref().unwrap_or(host);
        let key = (host, base, &step.key, kind, step.class, instead_of, Content::of(step));
        let entry = entries.entry(key).or_insert_with(|| Entry {
            base,
            host,
            object: &step.key,
            kind,
            class: step.class,
            instead_of,
            steps: Vec::new(),
        });
        entry.steps.push(step);
    }
    let mut entries: Vec<Entry<'_>> = entries.into_values().collect();
    for entry in &mut entries {
        entry.steps.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    }
    // The sort is stable: what is equal so far stays as it is.
    entries.sort_by_key(|entry| {
        (
            entry.object.kind.is_of_claims(),
            entry.base,
            entry.host != entry.base,
            entry.host,
            &entry.steps[0].cluster,
            entry.object,
            entry.kind,
        )
    });
    entries
}

/// What stands below a row.
struct Notes<'a> {
    /// The host and clusters that it is for.
    about: (&'a str, Vec<&'a ClusterName>),
    /// What only this object has: lines, each with its end.
    own: String,
    leads: Vec<String>,
    reasons: Vec<String>,
}

impl<'a> Notes<'a> {
    fn of(entry: &Entry<'a>, detail: Detail, styling: Styling) -> Self {
        let whole = detail == Detail::Full;
        let mut own = String::new();
        if !entry.instead_of.is_empty() {
            let _ = writeln!(own, "      instead of: {}", escape::line(entry.instead_of));
        }
        // What a new object holds is its whole content: `diff` and `-o wide` show it.
        if entry.kind == StepKind::Update || whole {
            for change in entry.steps[0].changes() {
                let _ = writeln!(own, "      {}", values::line(&change, detail, styling));
            }
        }
        let all = entry.steps.iter().flat_map(|step| {
            let role = step.role;
            step.because.iter().map(move |because| (&step.cluster, role, because))
        });
        let all = led(all);
        let shown = if whole { all.len() } else { STEP_REASONS };
        let mut reasons: Vec<String> =
            all.iter().take(shown).map(|reason| format!("because {}", reason.line(whole))).collect();
        if let Some(more @ 1..) = all.len().checked_sub(shown) {
            reasons.push(format!("and {} (-o wide shows all)", count(more, "more reason")));
        }
        let leads = leads::of(entry.steps[0], whole).into_iter().collect();
        Self { about: (entry.host, entry.clusters()), own, leads, reasons }
    }
}

/// The host; a further one says whose.
fn heading(entry: &Entry<'_>) -> String {
    match (entry.host, entry.base) {
        ("", _) if entry.object.kind.is_of_claims() => "claims".to_owned(),
        ("", _) => "(no host)".to_owned(),
        (host, base) if host == base => host.to_owned(),
        (host, base) => format!("{host} (a further host of {base})"),
    }
}

/// The kind, and the name where it does not follow from the host above it.
fn object(entry: &Entry<'_>, detail: Detail) -> String {
    let key = entry.object;
    let follows = || {
        let host = Host::parse(entry.host).ok()?;
        Some(match key.kind {
            Kind::ServiceEntry => *key.name == *service_entry_name(&host),
            _ => [true, false].into_iter().any(|prefixed| *key.name == *destination_rule_name(&host, prefixed)),
        })
    };
    match detail {
        Detail::Full => key.to_string(),
        Detail::Summary if follows() == Some(true) => key.kind.to_string(),
        Detail::Summary => format!("{} {}", key.kind, key.name),
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
