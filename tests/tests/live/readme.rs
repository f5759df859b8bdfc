//! The README's section on live clusters, typed line by line on real ones, output included.

use std::process::Command;

use mesh_tests::{program, skipped_without};

use super::on_clusters::OnClusters;

#[test]
fn the_section_on_live_clusters_can_be_typed_and_shows_what_it_prints() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        return skipped_without("kubectl");
    }
    let Some(live) = OnClusters::example("bookstore") else { return };
    let readme = std::fs::read_to_string(mesh_tests::example("../README.md")).unwrap();
    let section = readme.split("\n## On live clusters\n").nth(1).expect("the section").split("\n## ").next().unwrap();
    let path = format!("{}:{}", program().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut typed = 0;
    let mut printed = String::new();
    for (language, text) in blocks(section) {
        match language {
            "sh" => {
                printed.clear();
                for line in text.lines() {
                    let wanted = line.split_once("# exit status ").map_or(0, |(_, rest)| rest[..1].parse().unwrap());
                    let output = Command::new("bash")
                        .args(["-c", &format!("export MESH_FLEET='contexts:*'; {line}")])
                        .current_dir(mesh_tests::example(".."))
                        .env("PATH", &path)
                        .env("HOME", live.env.root())
                        .env_remove("XDG_CACHE_HOME")
                        .env("KUBECONFIG", live.servers.kubeconfig())
                        .env("COLUMNS", "120")
                        .output()
                        .unwrap();
                    let said = super::on_clusters::Said::of(&output).exits(wanted);
                    printed += &said.stdout;
                    printed += &said.stderr;
                    typed += 1;
                }
            }
            _ => shows(&printed, text),
        }
    }
    assert!(typed >= 8, "only {typed} lines were typed");
}

/// Asserts that what was printed has these lines in this order; `…` stands for any others.
#[track_caller]
fn shows(printed: &str, wanted: &str) {
    let mut rest = printed.lines();
    for line in wanted.lines().filter(|line| !matches!(line.trim(), "" | "…")) {
        assert!(
            rest.any(|each| timeless(each) == timeless(line)),
            "not printed, or not in this order: {line:?}\n\n{printed}"
        );
    }
}

/// A line with its times made equal.
fn timeless(line: &str) -> String {
    let is_time =
        |word: &str| word.starts_with("20") && word.contains('T') && word.trim_end_matches(',').ends_with('Z');
    line.split(' ').map(|word| if is_time(word) { "TIME" } else { word }).collect::<Vec<_>>().join(" ")
}

/// The fenced blocks of a text, with their languages.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let fenced = text.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n')).collect()
}
