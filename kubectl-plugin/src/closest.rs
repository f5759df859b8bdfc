//! What a person may have meant.

use std::collections::BTreeSet;

/// How many suggestions are made at most.
const MAX_SUGGESTIONS: usize = 3;
/// How alike two texts must be, 1 being equal.
const LEAST_SIMILARITY: f64 = 0.7;

/// The known names that are most like `text`, best first.
pub(crate) fn closest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let known: BTreeSet<&str> = known.into_iter().collect();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (similarity(text, name), name))
        .filter(|(score, _)| *score >= LEAST_SIMILARITY)
        .collect();
    // Stable: equally similar names stay in order.
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| name).collect()
}

/// A part that is written out counts as very alike: people leave off env and suffix.
fn similarity(text: &str, name: &str) -> f64 {
    if name.contains(text) { 0.95 } else { strsim::jaro_winkler(text, name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_names_come_first_and_strangers_not_at_all() {
        let known = ["stage.checkout.global", "checkout", "payments"];
        assert_eq!(closest("chekout", known), ["checkout"]);
        assert_eq!(closest("checkout.gl", known)[0], "stage.checkout.global");
        assert!(closest("zzz", known).is_empty());
    }
}
