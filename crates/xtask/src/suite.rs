//! `cargo xtask test`: every check, in the order in which a failure is cheapest.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::workspace::Workspace;
use crate::{deny, servers};

/// What to check.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only these steps, in their usual order.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Step>,
    /// What is passed on to `cargo test`, such as the name of a test.
    #[arg(last = true)]
    cargo_test: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Formatting.
    Format,
    /// Compiler warnings and clippy, over benches and examples too.
    Clippy,
    /// The Go programs that tests start.
    Servers,
    /// Unit, story, conformance and documentation tests.
    Tests,
    /// Documentation without broken links.
    Docs,
    /// Licences, sources and bans of dependencies.
    Deny,
}

/// Runs the steps; the first failure ends the run.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let steps: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(|step| options.only.is_empty() || options.only.contains(step))
        .collect();
    let skipped = skipped_file(workspace);
    if skipped.exists() {
        fs::remove_file(&skipped)?;
    }
    let mut took = Vec::new();
    let mut complete = true;
    for (index, step) in steps.iter().enumerate() {
        let name = step.name();
        println!("\n━━ {name} ({} of {})", index + 1, steps.len());
        let start = Instant::now();
        complete &= step.run(workspace, options).with_context(|| format!("step {name}"))?;
        let elapsed = start.elapsed();
        println!("━━ {name}: ok, {}", seconds(elapsed));
        took.push((name, elapsed));
    }
    println!();
    for (name, elapsed) in &took {
        println!("{name:<10}{:>9}", seconds(*elapsed));
    }
    let total = took.iter().map(|(_, elapsed)| *elapsed).sum();
    if !complete {
        println!("SKIPPED for want of Go: what needs target/servers (see above)");
    }
    for line in fs::read_to_string(&skipped).unwrap_or_default().lines() {
        println!("SKIPPED {line}");
    }
    println!("cargo xtask test: all {} steps passed in {}", took.len(), seconds(total));
    Ok(())
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().expect("no step is hidden").get_name().to_owned()
    }

    /// Runs it; false if something was skipped.
    fn run(self, workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
        match self {
            Self::Servers => return servers::build(workspace),
            Self::Format => workspace.cargo(["fmt", "--all", "--check"]).run(),
            Self::Clippy => workspace.cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run(),
            Self::Tests => {
                // With the tests, so that the program shares what is built for them: alone, its libraries would be built
                // once more, with fewer features.
                workspace.cargo(["build", "--workspace", "--bins", "--tests"]).run()?;
                workspace
                    .cargo(["test", "--workspace"])
                    .args(&options.cargo_test)
                    .env("MESH_SERVERS", workspace.servers())
                    .env("MESH_PROGRAM", workspace.program())
                    .env("MESH_SKIPPED", skipped_file(workspace))
                    .run()
            }
            Self::Docs => workspace.cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").run(),
            Self::Deny => deny::check(workspace),
        }?;
        Ok(true)
    }
}

/// Where tests say that they did not run, for what they print is not shown.
fn skipped_file(workspace: &Workspace) -> PathBuf {
    workspace.target.join("skipped.txt")
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
