//! Every bound of what is planned at once, suggested and named.

use jiff::SignedDuration;

/// Most clusters or identities that a sentence names.
pub const NAMED_ABSENCES: usize = 5;
/// Most suggestions that are given.
pub const MAX_SUGGESTIONS: usize = 5;
/// Most names in a question.
pub const MAX_MEANT: usize = 3;
/// Longest text that is compared, in characters: no legal name is longer.
pub const MAX_COMPARED: usize = 253;
/// Most removals of a run, unless it is told otherwise, however large the fleet.
pub const MAX_REMOVALS: usize = 50;
/// Removals that every run may do, however small the fleet.
pub const MIN_REMOVALS: usize = 3;
/// The share of the served endpoints that a run may remove: one in this many.
pub const REMOVABLE_SHARE: usize = 10;
/// Dead Dependencies that are compared with every identity, to ask what was meant.
pub const MAX_QUESTIONS: usize = 20;
/// A root that ends within this time is worth a warning.
pub const ROOT_ENDS_SOON: SignedDuration = SignedDuration::from_hours(60 * 24);
/// And within this, an error.
pub const ROOT_ENDS_VERY_SOON: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Istiods of one fleet may be this many minor versions apart.
pub const MAX_VERSION_SKEW: u32 = 2;
/// A certificate of a webhook that ends within this time is not being renewed.
pub const CERTIFICATE_ENDS_SOON: SignedDuration = SignedDuration::from_hours(24);
/// What a replica of a webhook said longer ago than this says nothing of now: it says it every minute.
pub const REPORT_AGE: SignedDuration = SignedDuration::from_mins(3);
/// The view of a webhook may be this old, as its `--max-view-age` is by default.
pub const VIEW_AGE: SignedDuration = SignedDuration::from_mins(5);
