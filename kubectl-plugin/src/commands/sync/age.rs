//! Ages as people write them: `30d`, `12h`, `0s`.

use jiff::SignedDuration;
use mesh_istio::duration::parse_seconds;

/// Parses a Go duration, or a number of days.
pub(crate) fn parse(text: &str) -> Result<SignedDuration, String> {
    let seconds = match text.strip_suffix('d') {
        Some(days) => days.parse::<u32>().ok().map(|days| i64::from(days) * 86_400),
        None => parse_seconds(text).filter(|seconds| *seconds >= 0),
    };
    seconds.map(SignedDuration::from_secs).ok_or_else(|| "expected an age such as 30d or 12h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_days_or_go_durations() {
        for (text, seconds) in [("30d", 2_592_000), ("12h", 43_200), ("1h30m", 5_400), ("0s", 0), ("0", 0)] {
            assert_eq!(parse(text).unwrap().as_secs(), seconds, "{text}");
        }
        for bad in ["", "d", "-1h", "-1d", "soon", "5", "99999999999d"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
