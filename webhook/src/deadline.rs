//! How long a review may take: the API server says how long it waits (`?timeout=10s`).

use std::time::Duration;

/// The longest, whatever the API server says.
const MOST: Duration = Duration::from_secs(4);
/// What is left to the answer's way back.
const WAY_BACK: Duration = Duration::from_millis(200);
/// The shortest that is worth a try.
const LEAST: Duration = Duration::from_millis(50);

/// The time for a review, by the query of its request.
pub(crate) fn of_query(query: Option<&str>) -> Duration {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let given = pairs.filter(|(key, _)| *key == "timeout").find_map(|(_, value)| go_duration(value));
    given.map_or(MOST, |given| given.saturating_sub(WAY_BACK)).clamp(LEAST, MOST)
}

/// A duration as Go writes it, of one unit.
fn go_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_api_server_waits_less_the_way_back() {
        for (query, millis) in [
            (None, 4_000),
            (Some("timeout=3s"), 2_800),
            (Some("a=b&timeout=1s"), 800),
            (Some("timeout=10s"), 4_000),
            (Some("timeout=1ms"), 50),
            (Some("timeout=1m"), 4_000),
            (Some("timeout=99999999999999999999s"), 4_000),
            (Some("timeout=abc&&=&timeout"), 4_000),
            (Some("timeout="), 4_000),
        ] {
            assert_eq!(of_query(query), Duration::from_millis(millis), "{query:?}");
        }
    }
}
