//! Patterns of hosts, as Istio's networking objects write them.

/// Whether `host` matches `pattern`: the same text, `*`, or `*.` with what the host ends in (Istio's `host.Name.SubsetOf`). In any
/// case of letters.
pub fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(tail) => {
            host.len() >= tail.len() && host.is_char_boundary(host.len() - tail.len()) && {
                let (_, end) = host.split_at(host.len() - tail.len());
                end.eq_ignore_ascii_case(tail)
            }
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// Whether a host that ends in `.suffix` may match `pattern`.
pub fn may_match_under(pattern: &str, suffix: &str) -> bool {
    let ending = format!(".{suffix}").to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some(tail) => {
            let tail = tail.to_ascii_lowercase();
            ending.ends_with(&tail) || tail.ends_with(&ending)
        }
        None => pattern.to_ascii_lowercase().ends_with(&ending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_what_a_host_begins_with() {
        for (pattern, host, want) in [
            ("*", "a.global", true),
            ("*.global", "stage.a.global", true),
            ("*.a.global", "stage.a.global", true),
            ("*.b.global", "stage.a.global", false),
            ("stage.a.global", "Stage.A.global", true),
            ("*.global", "global", false),
            ("*.global", "x", false),
            ("*é", "aé", true),
            ("*x", "é", false),
        ] {
            assert_eq!(matches(pattern, host), want, "{pattern} {host}");
        }
    }

    #[test]
    fn what_can_be_under_a_suffix_is_told_by_the_pattern() {
        for (pattern, want) in [
            ("*", true),
            ("*.global", true),
            ("*.a.global", true),
            ("a.Global", true),
            ("*.com", false),
            ("global", false),
            ("a.svc.cluster.local", false),
            ("*.svc.cluster.local", false),
        ] {
            assert_eq!(may_match_under(pattern, "global"), want, "{pattern}");
        }
    }
}
