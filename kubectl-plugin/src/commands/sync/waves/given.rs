//! What `--waves` says.

use std::str::FromStr;

/// Sizes of waves. Each is counted in all, as the weights of a canary are: with `1,10%` the second wave brings the number
/// of clusters to a tenth of all. The last is the rest, said or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::sync) struct Waves(Vec<Size>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Clusters(usize),
    Percent(usize),
    Rest,
}

impl Waves {
    /// How many of `all` clusters each wave adds; those that would add none are left out. A share is rounded up.
    pub(super) fn sizes(&self, all: usize) -> Vec<usize> {
        let mut done = 0;
        let sizes = self.0.iter().map(|size| {
            let until = match *size {
                Size::Clusters(clusters) => clusters.min(all),
                Size::Percent(percent) => all.saturating_mul(percent).div_ceil(100),
                Size::Rest => all,
            };
            let added = until.saturating_sub(done);
            done += added;
            added
        });
        sizes.filter(|added| *added > 0).collect()
    }
}

impl FromStr for Waves {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let mut sizes = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let size = parse(part)?;
            if size == Size::Rest && number + 1 < parts.len() {
                return Err("nothing comes after the rest".to_owned());
            }
            let is_more = sizes.iter().all(|before| match (*before, size) {
                (Size::Clusters(before), Size::Clusters(now)) | (Size::Percent(before), Size::Percent(now)) => {
                    before < now
                }
                _ => true,
            });
            if !is_more {
                return Err(format!("{part} is no more than a wave before it; waves are counted in all"));
            }
            sizes.push(size);
        }
        if sizes.last() != Some(&Size::Rest) {
            sizes.push(Size::Rest);
        }
        Ok(Self(sizes))
    }
}

fn parse(part: &str) -> Result<Size, String> {
    if part == "rest" {
        return Ok(Size::Rest);
    }
    let (digits, is_share) = match part.strip_suffix('%') {
        Some(digits) => (digits, true),
        None => (part, false),
    };
    let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match (number, is_share) {
        (Some(0), _) => Err("a wave has at least one cluster".to_owned()),
        (Some(percent @ 1..=100), true) => Ok(Size::Percent(percent)),
        (Some(_), true) => Err("more than 100%".to_owned()),
        (Some(clusters), false) => Ok(Size::Clusters(clusters)),
        (None, _) => Err("expected numbers of clusters, shares of them, or the rest, such as 1,10%,rest".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str, all: usize) -> Vec<usize> {
        text.parse::<Waves>().unwrap().sizes(all)
    }

    #[test]
    fn waves_are_counted_in_all_and_end_with_the_rest() {
        assert_eq!(sizes("1,10%,rest", 300), [1, 29, 270]);
        assert_eq!(sizes("1,10%", 300), [1, 29, 270]);
        assert_eq!(sizes("1,10%,50%,100%", 11), [1, 1, 4, 5]);
        assert_eq!(sizes("2,5", 4), [2, 2]);
        assert_eq!(sizes("10%,1,rest", 300), [30, 270]);
        assert_eq!(sizes("rest", 4), [4]);
        assert_eq!(sizes("1", 1), [1]);
        assert!(sizes("1,10%", 0).is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in
            ["", "0", "0%", "101%", "-1", "+1", "1.5", "x", "1,,2", "rest,1", "2,1", "20%,10%", "1,1", "%", "10 %"]
        {
            assert!(bad.parse::<Waves>().is_err(), "{bad}");
        }
    }
}
