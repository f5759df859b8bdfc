//! The table of docs/reliability.md.

use std::fmt::Write as _;

use super::ills::Unseen;
use super::trial::Row;

const BEGIN: &str = "<!-- what follows is made by tests/tests/faults.rs -->\n";
const END: &str = "<!-- until here -->\n";

/// The page with a fresh table.
pub(super) fn with_table(page: &str, rows: &[Row]) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("the page says where its table begins");
    let (_, after) = rest.split_once(END).expect("the page says where its table ends");
    format!("{before}{BEGIN}{}{END}{after}", table(rows))
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what happens in one cluster | unseen | plan | status | whereis --full | fleet list | sync | what the screen says |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let unseen = match row.unseen {
            Unseen::Nothing => "nothing".to_owned(),
            Unseen::Cluster => "the cluster".to_owned(),
            Unseen::Kind(kind) => format!("its {kind}s").replace("ys", "ies"),
        };
        let exits: Vec<String> = row.exits.iter().map(ToString::to_string).collect();
        let says: Vec<&str> = row.says.into_iter().filter(|words| !words.is_empty()).collect();
        let _ = writeln!(text, "| {} | {unseen} | {} | {} |", row.name, exits.join(" | "), says.join(" … "));
    }
    text
}
