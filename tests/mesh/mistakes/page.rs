//! The tables of docs/checks.md, one for each group of mistakes.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use similar::TextDiff;

use super::Mistake;

const END: &str = "<!-- until here -->\n";

/// What was measured of a mistake.
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) istiod: String,
    pub(super) sees: String,
    /// The finding that names it.
    pub(super) code: &'static str,
    /// All that was found.
    pub(super) found: BTreeSet<String>,
    pub(super) hop: String,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:?}, {:?}, {:?}, {:?})", self.istiod, self.sees, self.found, self.hop)
    }
}

impl Row {
    pub(super) fn is_as(&self, mistake: &Mistake) -> bool {
        let is_found = if mistake.code.is_empty() { self.found.is_empty() } else { self.found.contains(mistake.code) };
        self.istiod == mistake.istiod && self.sees == mistake.sees && is_found && self.hop == mistake.hop
    }
}

/// Asserts that the page says this under the title, or writes it there; whether it was written.
pub(super) fn is_written(title: &str, rows: &[Row]) -> bool {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/checks.md");
    let committed = fs::read_to_string(&file).expect("docs/checks.md is there");
    let fresh = with_table(&committed, title, rows);
    let is_written = env::var_os("MESH_UPDATE_CHECKS").is_some();
    if is_written {
        fs::write(&file, &fresh).expect("docs/checks.md is ours");
    } else if fresh != committed {
        let diff = TextDiff::from_lines(&committed, &fresh);
        let diff = diff.unified_diff().header("docs/checks.md", "as it is measured").to_string();
        panic!("MESH_UPDATE_CHECKS=1 accepts what is right\n\n{diff}");
    }
    is_written
}

/// The page with a fresh table.
fn with_table(page: &str, title: &str, rows: &[Row]) -> String {
    let begin = format!("<!-- what follows is made by tests/mesh/mistakes.rs: {title} -->\n");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("docs/checks.md has no table {title:?}"));
    let (_, after) = rest.split_once(END).expect("the page says where its tables end");
    format!("{before}{begin}{}{END}{after}", table(rows))
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what is wrong | istiod | what a client gets | finding | trace breaks at |\n| --- | --- | --- | --- | --- |\n",
    );
    for Row { what, istiod, sees, code, hop, found: _ } in rows {
        let finding = if code.is_empty() { String::new() } else { format!("`{code}`") };
        let cells = [what, istiod.as_str(), sees.as_str(), &finding, hop].map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}
