//! A plan as a person reads it: by host, one entry for what is the same in many clusters.

use std::fmt::Write as _;

use mesh_plan::plan::{Counts, Coverage, Plan};

use crate::escape;
use crate::findings;
use crate::style::{Styling, Tone};

mod leads;
mod steps;
mod values;

use steps::steps;

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

#[cfg(test)]
mod tests;
