//! Durations: Go's as people write them, seconds as Istio objects carry them.

/// Parses a Go duration (`1h2m3.5s`, `300ms`, `0`), in nanoseconds. `None` when it is none or too long to count.
pub fn parse_go(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let mut value = whole.checked_mul(scale)?;
        let mut part = scale;
        for digit in fraction.bytes() {
            part /= 10;
            value = value.checked_add(part * i128::from(digit - b'0'))?;
        }
        total = total.checked_add(value)?;
        rest = tail;
    }
    // Go's own bound: 2^63 nanoseconds.
    (total <= i128::from(i64::MAX)).then_some(if negative { -total } else { total })
}

/// Writes nanoseconds as protobuf JSON does: seconds with at most nine decimals (`300s`, `0.5s`).
pub fn to_seconds(nanoseconds: i128) -> String {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    if rest == 0 {
        return format!("{seconds}s");
    }
    let decimals = format!("{rest:09}");
    format!("{seconds}.{}s", decimals.trim_end_matches('0'))
}

/// Parses whole seconds as Istio objects carry them (`300s`), other Go durations rounded down to seconds.
pub fn parse_seconds(text: &str) -> Option<i64> {
    i64::try_from(parse_go(text)? / 1_000_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_become_seconds() {
        for (text, want) in
            [("5m", "300s"), ("1s", "1s"), ("1h2m3s", "3723s"), ("1.5s", "1.5s"), ("300ms", "0.3s"), ("0", "0s")]
        {
            assert_eq!(to_seconds(parse_go(text).unwrap()), want, "{text}");
        }
        for bad in ["", "5", "s", "1x", "1.2.3s", "99999999999h", "-", "."] {
            assert_eq!(parse_go(bad), None, "{bad}");
        }
        assert_eq!(parse_go("-1s"), Some(-1_000_000_000));
        assert_eq!(parse_seconds("300s"), Some(300));
    }
}
