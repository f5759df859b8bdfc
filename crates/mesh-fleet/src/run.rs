//! What a long run and the person before it say to each other.

/// Hears of a run, and may end it early. Both are asked a few times a second.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Whether somebody asked to stop: what was done until then is reported.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
    /// How far it is.
    pub progress: &'a (dyn Fn(&Progress) + Sync),
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is going on: `reading`, `writing`.
    pub doing: &'static str,
    /// How many clusters, or steps, are done.
    pub done: usize,
    /// Of how many.
    pub total: usize,
    /// Who is being waited for: the one that takes longest.
    pub slowest: Option<String>,
}

impl Run<'_> {
    /// Nobody listens, nobody stops it.
    pub const QUIET: Run<'static> = Run { interrupted: &|| false, progress: &|_| {} };
}
