//! What the policy suppresses of the findings of a check: known, accepted for a reason and until a date.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mesh_model::finding::{Code, Finding};
use mesh_model::policy::Suppression;

use crate::scope::matches_glob;

/// The findings of a check, once the policy's suppressions are applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sifted {
    /// Those that count, sorted; with what is wrong with the suppressions themselves.
    pub left: Vec<Finding>,
    /// Those that are suppressed, sorted.
    pub suppressed: Vec<Suppressed>,
}

/// A finding that is suppressed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is suppressed, in UTC.
    pub until: Date,
}

/// Sifts `findings` by what the policy suppresses at the time `now` of the run.
///
/// One that has expired suppresses nothing and is a finding. So is one that matches nothing where the run `sees_all_of` its
/// code: it read the whole fleet, and whatever such findings are about, and asked about all of it.
pub fn suppress(
    findings: &[Finding],
    suppressions: &[Suppression],
    now: Timestamp,
    sees_all_of: impl Fn(Code) -> bool,
) -> Sifted {
    let today = now.to_zoned(TimeZone::UTC).date();
    let (valid, expired): (Vec<_>, Vec<_>) =
        suppressions.iter().enumerate().partition(|(_, suppression)| today <= suppression.until);
    let mut sieve = Sieve { valid: &valid, used: BTreeSet::new(), sifted: Sifted::default() };
    sieve.sift(findings.iter().cloned());
    sieve.sift(expired.into_iter().map(expiry));
    // Whether those of unused suppressions are of any use themselves shows last.
    let (last, first): (Vec<Numbered>, Vec<Numbered>) = valid
        .iter()
        .copied()
        .filter(|(_, suppression)| sees_all_of(suppression.code))
        .partition(|(_, suppression)| suppression.code == Code::SuppressionUnused);
    let unused = sieve.unused(&first);
    sieve.sift(unused);
    let unused = sieve.unused(&last);
    sieve.sifted.left.extend(unused);
    let mut sifted = sieve.sifted;
    sifted.left.sort();
    sifted.suppressed.sort();
    sifted
}

/// A suppression and its place in the policy's list.
type Numbered<'a> = (usize, &'a Suppression);

struct Sieve<'a> {
    valid: &'a [Numbered<'a>],
    /// Which of them matched a finding.
    used: BTreeSet<usize>,
    sifted: Sifted,
}

impl Sieve<'_> {
    fn sift(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            let matching = self.valid.iter().filter(|(_, suppression)| matches(suppression, &finding));
            let matching: Vec<&Numbered> = matching.collect();
            self.used.extend(matching.iter().map(|(nth, _)| *nth));
            // Of several, the one that lasts longest: until then the finding does not come back.
            let longest = matching.into_iter().min_by_key(|(nth, suppression)| (Reverse(suppression.until), *nth));
            match longest {
                Some((_, suppression)) => self.sifted.suppressed.push(Suppressed {
                    finding,
                    reason: suppression.reason.trim().to_owned(),
                    until: suppression.until,
                }),
                None => self.sifted.left.push(finding),
            }
        }
    }

    fn unused(&self, of: &[Numbered]) -> Vec<Finding> {
        of.iter().filter(|(nth, _)| !self.used.contains(nth)).map(|numbered| disuse(*numbered)).collect()
    }
}

fn matches(suppression: &Suppression, finding: &Finding) -> bool {
    let Suppression { code, cluster, place, reason: _, until: _ } = suppression;
    let is_there = |glob: &String| finding.cluster.as_ref().is_some_and(|cluster| matches_glob(glob, cluster));
    *code == finding.code
        && cluster.as_ref().is_none_or(is_there)
        && place.as_ref().is_none_or(|glob| matches_glob(glob, &finding.place))
}

fn expiry((nth, suppression): Numbered) -> Finding {
    let Suppression { code, reason, until, .. } = suppression;
    let what = format!("suppressed {code} ({}) until {until}: {}", code.name(), reason.trim());
    Finding::new(Code::SuppressionExpired, None, place(nth), what)
}

fn disuse((nth, suppression): Numbered) -> Finding {
    let Suppression { code, cluster, place: at, .. } = suppression;
    let mut what = format!("matches no finding: {code} ({})", code.name());
    for (word, glob) in [("cluster", cluster), ("place", at)] {
        if let Some(glob) = glob {
            let _ = write!(what, ", {word} {glob:?}");
        }
    }
    Finding::new(Code::SuppressionUnused, None, place(nth), what)
}

fn place(nth: usize) -> String {
    format!("policy check.suppress[{nth}]")
}

#[cfg(test)]
mod tests;
