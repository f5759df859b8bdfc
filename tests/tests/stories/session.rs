//! A session in a copy of an example: the program and a few verbs on files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mesh_tests::{copy_folder, example, program};
use tempfile::TempDir;

/// The time in every story.
const NOW: &str = "2026-01-15T12:00:00Z";

/// A folder to work in.
pub(super) struct Session {
    dir: TempDir,
}

impl Session {
    /// Copies an example.
    pub(super) fn start(fleet: &str) -> Self {
        let dir = TempDir::new().unwrap();
        copy_folder(&example(fleet), dir.path());
        Self { dir }
    }

    /// Runs one line: `kubectl mesh …`, or a verb on files. Gives what is seen: standard output (`| tail -N` shows its
    /// last lines only), then standard error with `2> ` before each line, then the exit status if it is not 0.
    pub(super) fn run(&self, line: &str, input: &[String]) -> String {
        let (line, tail) = match line.split_once(" | tail -") {
            Some((line, number)) => (line, number.parse().expect("a number of lines")),
            None => (line, usize::MAX),
        };
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["kubectl", "mesh", args @ ..] => self.program(args, tail),
            ["rm", paths @ ..] => {
                for path in paths {
                    remove(&self.path(path));
                }
                String::new()
            }
            ["mkdir", path] => {
                fs::create_dir_all(self.path(path)).unwrap();
                String::new()
            }
            ["write", path] => {
                let path = self.path(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, lines(input)).unwrap();
                String::new()
            }
            ["edit", path, substitution] => {
                edit(&self.path(path), substitution);
                String::new()
            }
            ["cat", path] => {
                fs::read_to_string(self.path(path)).unwrap_or_else(|error| format!("cat: {path}: {error}\n"))
            }
            ["ls", path] => {
                let mut names: Vec<String> = fs::read_dir(self.path(path))
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                names.sort();
                lines(&names)
            }
            _ => panic!("no verb of stories: {line}"),
        }
    }

    fn program(&self, args: &[&str], tail: usize) -> String {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("MESH_FLEET", ".").env("MESH_NOW", NOW).env("COLUMNS", "120");
        shown(&command.output().unwrap(), tail)
    }

    fn path(&self, path: &str) -> PathBuf {
        assert!(!Path::new(path).is_absolute() && !path.contains(".."), "{path} leaves the story");
        self.dir.path().join(path)
    }
}

fn shown(output: &Output, tail: usize) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut seen: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    seen.drain(..seen.len().saturating_sub(tail));
    seen.extend(text(&output.stderr).lines().map(|line| format!("2> {line}")));
    match output.status.code() {
        Some(0) => {}
        Some(code) => seen.push(format!("[exit {code}]")),
        None => seen.push("[killed]".to_owned()),
    }
    lines(&seen)
}

fn lines(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.unwrap_or_else(|error| panic!("rm {}: {error}", path.display()));
}

/// `s/old/new/`, where `\n` is a line's end and any character may stand for `/`. What is replaced is there exactly once.
fn edit(path: &Path, substitution: &str) {
    let mut chars = substitution.chars();
    let (Some('s'), Some(delimiter)) = (chars.next(), chars.next()) else { panic!("{substitution}: not s/old/new/") };
    let parts: Vec<String> = chars.as_str().split(delimiter).map(|part| part.replace("\\n", "\n")).collect();
    let [old, new, end] = parts.as_slice() else { panic!("{substitution}: not s/old/new/") };
    assert!(end.is_empty(), "{substitution}: not s/old/new/");
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text.matches(old.as_str()).count(), 1, "{old:?} in {}", path.display());
    fs::write(path, text.replace(old.as_str(), new)).unwrap();
}

/// Words as a shell splits them; single quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            c => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    assert!(!quoted, "{line}: a quote is not closed");
    words
}
