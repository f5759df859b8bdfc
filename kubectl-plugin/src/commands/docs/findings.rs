//! `docs/findings.md`: every code of a finding.

use std::fmt::Write as _;

use mesh_model::finding::Code;

const INTRODUCTION: &str = "# Findings

<!-- Made by `cargo xtask docs`; edit `crates/mesh-model/src/finding.rs` instead. -->

A finding is a problem in a fleet: a code and a name that stay the same from the first release, a severity, a place and a
next step. `kubectl mesh check` lists them; `plan` shows those of its scope. `--fail-on warning|error` makes `check` end
with exit status 1.

An *error* is something that is not served, or not as it was asked for. A *warning* is something that is not as its owner
probably thinks. An *info* is worth knowing.

One that is known and accepted can be [suppressed in the policy](policy.md#suppressions), with a reason and until a date; any
code may be. `check --short` shows one line a code instead of one a place.
";

/// The whole page.
pub(super) fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    text += "\n| code | name | severity | meaning | next step |\n| --- | --- | --- | --- | --- |\n";
    for code in Code::ALL {
        let _ = writeln!(
            text,
            "| <a id=\"{name}\"></a>{code} | `{name}` | {} | {} | {} |",
            code.severity(),
            cell(code.meaning()),
            cell(code.next_step()),
            name = code.name(),
        );
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
