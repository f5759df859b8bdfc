//! Instruction counts: unlike times they hardly depend on the machine, so that a committed count shows a regression.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::programs::built;
use crate::process::Command;
use crate::workspace::Workspace;

/// The committed counts, from the root of the workspace.
const COMMITTED: &str = "docs/performance/instructions.txt";
/// The fixed inputs that the bench `instructions` of mesh-tests knows.
const INPUTS: [&str; 3] = ["decode", "desire", "plan"];
/// The function of that bench inside which instructions are counted.
const MEASURED: &str = "instructions::measured*";
/// How far a count may be from the committed one, in percent: compilers and C libraries differ by less.
const TOLERANCE: f64 = 5.0;

/// Counts, and compares with the committed counts or replaces them.
pub(crate) fn run(workspace: &Workspace, update: bool) -> anyhow::Result<()> {
    if Command::new("valgrind").args(["--version"]).read().is_err() {
        bail!("valgrind was not found: install it (Debian: `apt-get install valgrind`) and run this again");
    }
    let build = ["bench", "--package", "mesh-tests", "--bench", "instructions", "--no-run"];
    let program = built(workspace, &build, "instructions")?;
    let out = workspace.target.join("callgrind.out");
    let mut counts = BTreeMap::new();
    for input in INPUTS {
        counts.insert(input.to_owned(), count(&program, input, &out)?);
    }
    let committed = workspace.root.join(COMMITTED);
    if update {
        let folder = committed.parent().context("the committed counts lie in a folder")?;
        return fs::create_dir_all(folder)
            .and_then(|()| fs::write(&committed, print(&counts)))
            .with_context(|| format!("{} cannot be written", committed.display()));
    }
    let text = fs::read_to_string(&committed)
        .with_context(|| format!("{} cannot be read; `--update` writes it", committed.display()))?;
    compare(&counts, &parse(&text)?)
}

fn count(program: &Path, input: &str, out: &Path) -> anyhow::Result<u64> {
    Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no"])
        .args([format!("--toggle-collect={MEASURED}")])
        .args([format!("--callgrind-out-file={}", out.display())])
        .args([program.as_os_str()])
        .args([input])
        .run()?;
    let report = fs::read_to_string(out).with_context(|| format!("{} cannot be read", out.display()))?;
    let total = report.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    match total {
        Some(count) if count > 0 => Ok(count),
        _ => bail!("callgrind counted nothing for {input}: is {MEASURED} still a function of its own?"),
    }
}

fn print(counts: &BTreeMap<String, u64>) -> String {
    let mut text =
        String::from("# Written by `cargo xtask bench instructions --update`: instructions by fixed input.\n");
    for (input, count) in counts {
        let _ = writeln!(text, "{input} {count}");
    }
    text
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (input, count) = line.split_once(' ').with_context(|| format!("{COMMITTED}: {line:?}"))?;
            Ok((input.to_owned(), count.parse().with_context(|| format!("{COMMITTED}: {line:?}"))?))
        })
        .collect()
}

fn compare(counts: &BTreeMap<String, u64>, committed: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    println!("{:<10}{:>16}{:>16}{:>10}", "INPUT", "COMMITTED", "NOW", "CHANGE");
    let mut far = Vec::new();
    for (input, now) in counts {
        let before = *committed.get(input).with_context(|| format!("{COMMITTED} has no count for {input}"))?;
        let change = percent(before, *now);
        println!("{input:<10}{before:>16}{now:>16}{change:>+9.2}%");
        if change.abs() > TOLERANCE {
            far.push(input.as_str());
        }
    }
    if !far.is_empty() {
        bail!("more than {TOLERANCE} % away: {}; if that is meant, commit the counts of --update", far.join(", "));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52, and a percentage is for reading")]
fn percent(before: u64, now: u64) -> f64 {
    (now as f64 - before as f64) / before as f64 * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_survive_the_file_and_only_a_far_one_is_an_error() {
        let committed = BTreeMap::from([("desire".to_owned(), 1_000_000)]);
        assert_eq!(parse(&print(&committed)).unwrap(), committed);
        let now = |count| BTreeMap::from([("desire".to_owned(), count)]);
        assert!(compare(&now(1_049_000), &committed).is_ok());
        assert!(compare(&now(1_051_000), &committed).is_err());
        assert!(compare(&now(949_000), &committed).is_err());
        assert!(compare(&now(1), &BTreeMap::new()).is_err());
    }
}
