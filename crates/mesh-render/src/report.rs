//! What came of writing, a row for each cluster.

use std::fmt::Write as _;

use mesh_model::name::ClusterName;
use serde::Serialize;

use crate::escape;
use crate::limits::NAMED_UNWRITTEN;
use crate::style::{Styling, Tone};
use crate::table::Table;

/// What came of writing to one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterResult {
    /// The cluster.
    pub cluster: ClusterName,
    /// Objects that were created.
    pub created: usize,
    /// Objects that were changed.
    pub updated: usize,
    /// Objects that were deleted.
    pub deleted: usize,
    /// Objects that were not written, with the reason.
    pub not_written: Vec<NotWritten>,
}

/// An object that was not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotWritten {
    /// The object.
    pub object: String,
    /// Why: lower case, no final period.
    pub why: String,
}

impl ClusterResult {
    /// A cluster to which nothing was written yet.
    pub fn new(cluster: &ClusterName) -> Self {
        Self { cluster: cluster.clone(), created: 0, updated: 0, deleted: 0, not_written: Vec::new() }
    }
}

/// The rows, each with what was not written below it: all of it if `wide`.
pub fn render(results: &[ClusterResult], wide: bool, styling: Styling) -> String {
    let mut table = Table::new(&["CLUSTER", "CREATED", "UPDATED", "DELETED", "NOT WRITTEN"]);
    for result in results {
        let tone = if result.not_written.is_empty() { Tone::Add } else { Tone::Remove };
        let counts = [result.created, result.updated, result.deleted, result.not_written.len()];
        let cells = std::iter::once(result.cluster.to_string()).chain(counts.map(|count| count.to_string()));
        table.row(Some(tone), cells);
    }
    let mut lines = table.lines(styling).into_iter();
    let mut text = lines.next().unwrap_or_default() + "\n";
    for (line, result) in lines.zip(results) {
        text += &line;
        text.push('\n');
        let named = if wide { result.not_written.len() } else { NAMED_UNWRITTEN };
        for not_written in result.not_written.iter().take(named) {
            text += "  ";
            text += &escape::line(&format!("{}: {}", not_written.object, not_written.why));
            text.push('\n');
        }
        if let Some(more @ 1..) = result.not_written.len().checked_sub(named) {
            let _ = writeln!(text, "  and {more} more; -o wide names all");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cluster_is_a_row_and_what_failed_is_named() {
        let mut one = ClusterResult::new(&ClusterName::parse("c1").unwrap());
        one.created = 2;
        let mut two = ClusterResult::new(&ClusterName::parse("c2").unwrap());
        two.not_written = vec![NotWritten { object: "ServiceEntry a/b\u{1b}".into(), why: "disk full".into() }];
        assert_eq!(
            render(&[one, two], false, Styling::PLAIN),
            "CLUSTER  CREATED  UPDATED  DELETED  NOT WRITTEN\n\
             c1       2        0        0        0\n\
             c2       0        0        0        1\n  \
               ServiceEntry a/b\\u{1b}: disk full\n"
        );
    }

    #[test]
    fn of_many_that_failed_a_few_are_named_and_the_others_counted() {
        let mut result = ClusterResult::new(&ClusterName::parse("c1").unwrap());
        let object = |n: usize| NotWritten { object: format!("ServiceEntry a/{n}"), why: "interrupted".into() };
        result.not_written = (0..NAMED_UNWRITTEN + 2).map(object).collect();
        let text = render(std::slice::from_ref(&result), false, Styling::PLAIN);
        assert!(text.ends_with("  ServiceEntry a/4: interrupted\n  and 2 more; -o wide names all\n"), "{text}");
        let wide = render(&[result], true, Styling::PLAIN);
        assert!(wide.ends_with("  ServiceEntry a/6: interrupted\n"), "{wide}");
    }
}
