//! Stories: golden transcripts of sessions with the built program, in `tests/stories`, that a person can read.
//!
//! `MESH_UPDATE_STORIES=1` writes them anew.

use std::path::{Path, PathBuf};
use std::{env, fs};

use similar::TextDiff;

mod script;
mod session;

use script::{INDENT, Item, Script};
use session::Session;

#[test]
fn every_story_is_told_as_it_happens() {
    let update = env::var_os("MESH_UPDATE_STORIES").is_some();
    let mut wrong = Vec::new();
    for file in stories() {
        let text = fs::read_to_string(&file).unwrap();
        let told = tell(&Script::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
        if update {
            fs::write(&file, &told).unwrap();
        } else if told != text {
            let name = file.display().to_string();
            wrong.push(TextDiff::from_lines(&text, &told).unified_diff().header(&name, "as it happens").to_string());
        }
    }
    assert!(wrong.is_empty(), "MESH_UPDATE_STORIES=1 accepts what is right\n\n{}", wrong.join("\n"));
}

#[test]
fn a_story_that_is_not_true_is_noticed() {
    let text = "A wrong answer.\n\nfleet: bookstore\n\n    $ kubectl mesh version\n    kubectl-mesh 0.0.0-wrong\n";
    let told = tell(&Script::parse(text).unwrap());
    assert!(told.starts_with("A wrong answer.\n\nfleet: bookstore\n\n    $ kubectl mesh version\n    "), "{told}");
    assert_ne!(told, text);
}

#[test]
fn telling_a_story_again_changes_nothing() {
    let text = "fleet: bookstore\n\n    $ rm retail-us-west\n    $ kubectl mesh plan\n\nThe end.\n";
    let told = tell(&Script::parse(text).unwrap());
    assert_eq!(tell(&Script::parse(&told).unwrap()), told);
    assert!(told.contains("[exit 3]"), "a missing folder is an unseen cluster: {told}");
}

fn stories() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(!files.is_empty(), "there are stories");
    files
}

/// Runs the commands of a script and gives the whole transcript.
fn tell(script: &Script) -> String {
    let session = Session::start(&script.fleet);
    if script.synced {
        session.run("kubectl mesh sync --yes", &[]);
    }
    let mut told = String::new();
    let mut after_output = false;
    for item in &script.items {
        match item {
            Item::Prose(line) => {
                after_output = false;
                told.push_str(line);
                told.push('\n');
            }
            Item::Command { line, input } => {
                if after_output {
                    told.push('\n');
                }
                let output = session.run(line, input);
                let typed = [format!("$ {line}")].into_iter().chain(input.iter().map(|line| format!("> {line}")));
                for line in typed.chain(output.lines().map(str::to_owned)) {
                    let indent = if line.is_empty() { "" } else { INDENT };
                    told.extend([indent, line.trim_end(), "\n"]);
                }
                after_output = !output.is_empty();
            }
        }
    }
    told
}
