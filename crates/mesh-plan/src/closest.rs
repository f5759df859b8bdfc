//! The closest names to one that nobody has: what a person may have meant.

use std::collections::BTreeSet;

use crate::limits::{MAX_COMPARED, MAX_MEANT, MAX_SUGGESTIONS};

/// The candidates that `text` may have meant, closest first, at most [`MAX_SUGGESTIONS`]. A candidate is close when few
/// edits lead to it (a third of its length, at least two), or when it contains `text`.
pub fn closest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted: String = text.chars().take(MAX_COMPARED).flat_map(char::to_lowercase).collect();
    let length = wanted.chars().count();
    if length == 0 {
        return Vec::new();
    }
    let bound = (length / 3).max(2);
    let ranked: BTreeSet<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            // The difference of lengths is the least distance: most candidates need no table.
            let near = lower.chars().count().abs_diff(length) <= bound;
            let distance = near.then(|| strsim::osa_distance(&wanted, &lower)).filter(|distance| *distance <= bound);
            let part = (length >= 3 && lower.contains(&wanted)).then_some(bound);
            distance.or(part).map(|distance| (distance, candidate))
        })
        .collect();
    let mut suggestions: Vec<String> = Vec::new();
    for (_, candidate) in ranked {
        if suggestions.len() < MAX_SUGGESTIONS && suggestions.iter().all(|other| other != candidate) {
            suggestions.push(candidate.to_owned());
        }
    }
    suggestions
}

/// `did you mean orders or order-log?`; none where no candidate is close.
pub fn did_you_mean<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut meant = closest(text, candidates);
    meant.truncate(MAX_MEANT);
    let last = meant.pop()?;
    let before = if meant.is_empty() { String::new() } else { format!("{} or ", meant.join(", ")) };
    Some(format!("did you mean {before}{last}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_the_names_a_typing_error_away() {
        let names = ["checkout", "catalogue", "orders", "stage.checkout.global", "payments"];
        for (text, want) in [
            ("chekcout", vec!["checkout"]),
            ("Checkout", vec!["checkout", "stage.checkout.global"]),
            ("stage.chekout.global", vec!["stage.checkout.global"]),
            ("order", vec!["orders"]),
            ("zzzzzz", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(closest(text, names), want, "{text}");
        }
    }

    #[test]
    fn a_question_names_a_few_and_is_not_asked_for_nothing() {
        let names = ["order-a", "order-b", "order-c", "order-d", "payments"];
        for (text, want) in [
            ("paymnets", Some("did you mean payments?")),
            ("order-", Some("did you mean order-a, order-b or order-c?")),
            ("zzzzzz", None),
        ] {
            assert_eq!(did_you_mean(text, names).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn hostile_keys_are_bounded() {
        let names: Vec<String> = (0..1000).map(|n| format!("stage.service-{n}.global")).collect();
        assert!(closest(&"x".repeat(1_000_000), names.iter().map(String::as_str)).is_empty());
        assert_eq!(closest("service-", names.iter().map(String::as_str)).len(), MAX_SUGGESTIONS);
    }
}
