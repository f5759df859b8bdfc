//! The README is true: what it shows of a plan is what the plan prints, and its tour can be typed along.

use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

use mesh_tests::{copy_folder, example, program};
use tempfile::TempDir;

#[test]
fn the_plan_on_the_first_screen_is_the_plan_that_the_first_command_prints() {
    let readme = readme();
    let excerpt = blocks(&readme, "text").into_iter().next().expect("the README shows a plan");
    let output = Command::new(program())
        .args(["plan", "--fleet"])
        .arg(example("bookstore"))
        .env("COLUMNS", "120")
        .output()
        .unwrap();
    let plan = String::from_utf8(output.stdout).unwrap();
    let mut rest = plan.lines();
    for line in excerpt.lines().filter(|line| !matches!(line.trim(), "" | "…")) {
        assert!(rest.any(|printed| printed == line), "not in the plan, or not in this order: {line:?}\n\n{plan}");
    }
}

#[test]
fn the_two_commands_stand_at_the_top() {
    let readme = readme();
    let top: Vec<&str> = readme.lines().take(40).collect();
    for command in ["cargo run --release -p kubectl-mesh -- plan --fleet examples/bookstore", "cargo xtask test"] {
        assert!(top.iter().any(|line| line.starts_with(command)), "{command}");
    }
}

/// Runs every line of the tour's `sh` blocks in one shell; a comment `exit status N` at its end says what is expected.
#[test]
fn the_tour_can_be_typed_along() {
    let readme = readme();
    let tour = readme.split("\n## A tour").nth(1).expect("a tour").split("\n## ").next().unwrap();
    let lines: Vec<String> = blocks(tour, "sh").iter().flat_map(|block| block.lines()).map(str::to_owned).collect();
    assert!(lines.iter().filter(|line| line.starts_with("kubectl-mesh")).count() >= 10, "{lines:#?}");

    let dir = TempDir::new().unwrap();
    copy_folder(&example(""), &dir.path().join("examples"));
    fs::create_dir(dir.path().join("target")).unwrap();
    let script: String = lines.iter().map(|line| step(line)).collect();
    let output = shell(dir.path(), &script);
    let seen = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{seen}");
    for verb in ["plan", "sync", "whereis", "explain", "check", "diff", "fleet retire"] {
        assert!(lines.iter().any(|line| line.starts_with(&format!("kubectl-mesh {verb}"))), "the tour shows {verb}");
    }
}

/// A line, and what stops the shell if its exit status is another.
fn step(line: &str) -> String {
    if line.trim().is_empty() || line.starts_with("cargo ") || line.starts_with("export PATH") {
        return String::new();
    }
    let expected = line
        .split("# exit status ")
        .nth(1)
        .map_or("0", |text| text.split(|c: char| !c.is_ascii_digit()).next().unwrap());
    let quoted = line.replace('\'', "'\\''");
    format!(
        "echo '$ {quoted}'\n{line}\nstatus=$?\n[ $status -eq {expected} ] || {{ echo \"ended with $status\"; exit 99; }}\n"
    )
}

fn shell(dir: &Path, script: &str) -> Output {
    let folder = program().parent().unwrap().to_owned();
    let path = env::join_paths([folder].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap()))).unwrap();
    Command::new("sh")
        .arg("-c")
        .arg(script)
        .current_dir(dir)
        .env("PATH", path)
        .env_remove("MESH_FLEET")
        .output()
        .unwrap()
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

/// The fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}
