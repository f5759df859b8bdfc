//! How much is shown of everything that may be long.

/// Characters of a value in `explain`, unless all are wanted.
pub const EXPLAINED_VALUE: usize = 160;
/// Most objects that a reason names.
pub const REASON_OBJECTS: usize = 3;
/// Most clusters that a reason begins with.
pub const REASON_CLUSTERS: usize = 3;
/// Characters of a value in a plan, unless all are wanted.
pub const SUMMARY_VALUE: usize = 120;
/// Reasons shown for one entry unless all are wanted.
pub const STEP_REASONS: usize = 3;
/// Endpoints or regions that are named; the rest is counted.
pub const NAMED_LEADS: usize = 3;
/// How many findings a summary shows at most.
pub const SUMMARY_FINDINGS: usize = 20;
/// Lines of context around each change, as `diff -u` has.
pub const DIFF_CONTEXT: usize = 3;
/// Objects of one cluster that were not written and are named, unless `wide` names all.
pub const NAMED_UNWRITTEN: usize = 5;
/// Spaces between two columns.
pub const GUTTER: usize = 2;
/// More clusters than this in one cell are counted instead of listed.
pub const CELL_CLUSTERS: usize = 3;
/// Longest text of one table cell or message, in characters; what is longer is cut and ends in `…`.
pub const MAX_TEXT: usize = 4_096;
/// Most names that a graph draws.
pub const DRAWN_NAMES: usize = 2_000;
/// Most edges that a graph draws; one name is drawn however many it has.
pub const DRAWN_EDGES: usize = 10_000;
/// Most clients of one name that a picture names; the others are counted.
pub const DRAWN_CLIENTS: usize = 12;
/// Most findings that a box of a picture names; the others are counted.
pub const DRAWN_FINDINGS: usize = 4;
/// Most further hosts of a name that its box names; the others are counted.
pub const DRAWN_HOSTS: usize = 6;
/// Most edges that Mermaid draws unless its configuration says otherwise.
pub const MERMAID_EDGES: usize = 500;
/// Longest text that Mermaid draws unless its configuration says otherwise, in characters.
pub const MERMAID_TEXT: usize = 50_000;
