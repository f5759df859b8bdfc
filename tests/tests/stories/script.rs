//! The text of a story.
//!
//! Prose stands at the left margin. What is indented by four is typed (`$ …`, followed by input lines `> …`) or is the
//! output of what was typed. One line `fleet: NAME` says which example the story starts from; `fleet: NAME, synced` starts
//! after the first `kubectl mesh sync --yes`.

/// A story, without its outputs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// The folder in `examples`.
    pub(super) fleet: String,
    /// Whether everything was written before the story begins.
    pub(super) synced: bool,
    /// In order.
    pub(super) items: Vec<Item>,
}

/// A piece of a story.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A line that is kept.
    Prose(String),
    /// A line that is run.
    Command {
        /// What follows `$ `.
        line: String,
        /// What follows `> `.
        input: Vec<String>,
    },
}

/// What sets typed lines and outputs off from prose.
pub(super) const INDENT: &str = "    ";

impl Script {
    /// Reads a story and forgets its outputs.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut fleet = None;
        let mut items: Vec<Item> = Vec::new();
        // Blank lines count once it is known that prose follows: otherwise they belong to an output.
        let mut blank = 0;
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() {
                blank += 1;
                continue;
            }
            let typed = line.strip_prefix(INDENT);
            let after_prose = matches!(items.last(), Some(Item::Prose(_)) | None);
            if typed.is_none() || (after_prose && typed.is_some_and(|typed| typed.starts_with("$ "))) {
                items.extend(std::iter::repeat_with(|| Item::Prose(String::new())).take(blank));
            }
            blank = 0;
            match typed {
                None => {
                    if let Some(name) = line.strip_prefix("fleet: ") {
                        fleet = Some(name.to_owned());
                    }
                    items.push(Item::Prose(line.to_owned()));
                }
                Some(typed) => match (typed.strip_prefix("$ "), input_line(typed), items.last_mut()) {
                    (Some(line), _, _) => items.push(Item::Command { line: line.to_owned(), input: Vec::new() }),
                    (None, Some(line), Some(Item::Command { input, .. })) => input.push(line.to_owned()),
                    (None, _, Some(Item::Command { .. })) => {}
                    (None, _, _) => return Err(format!("line {}: output without a command", index + 1)),
                },
            }
        }
        let fleet = fleet.ok_or("no line `fleet: NAME`")?;
        let (fleet, synced) = fleet.strip_suffix(", synced").map_or((&*fleet, false), |fleet| (fleet, true));
        Ok(Self { fleet: fleet.to_owned(), synced, items })
    }
}

/// What follows `> `; a lone `>` is an empty line.
fn input_line(typed: &str) -> Option<&str> {
    if typed == ">" { Some("") } else { typed.strip_prefix("> ") }
}

#[test]
fn outputs_are_forgotten_and_prose_is_kept() {
    let text = "fleet: bank\n\nFirst.\n\n    $ a\n    out\n\n    more\n\n    $ b\n    > in\n    >\n    $ c\n\nLast.\n";
    let script = Script::parse(text).unwrap();
    let prose = |line: &str| Item::Prose(line.to_owned());
    let command = |line: &str, input: &[&str]| Item::Command {
        line: line.to_owned(),
        input: input.iter().map(|line| (*line).to_owned()).collect(),
    };
    let want = [
        prose("fleet: bank"),
        prose(""),
        prose("First."),
        prose(""),
        command("a", &[]),
        command("b", &["in", ""]),
        command("c", &[]),
        prose(""),
        prose("Last."),
    ];
    assert_eq!(script.items, want);
    assert!(Script::parse("fleet: bank\n\n    output\n").is_err());
    assert!(Script::parse("    $ a\n").is_err());
}
