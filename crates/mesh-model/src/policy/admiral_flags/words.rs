//! Splitting a list of flags into flags.

use super::FlagsError;

/// One flag as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flag {
    /// Its name, without dashes.
    pub(super) name: String,
    /// Its value; none for a bare flag.
    pub(super) value: Option<String>,
    /// The line that it is on, from 1.
    pub(super) line: usize,
}

/// The flags of `text`, in order. Understood beside plain lists: a shell's quotes, comments and continued lines, and
/// the `- ` of a container's `args`.
pub(super) fn flags(text: &str) -> Result<Vec<Flag>, FlagsError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut flags: Vec<Flag> = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        for word in words(content).ok_or_else(|| FlagsError::new(line, "a quote is not closed"))? {
            if word == "\\" || word == "-" {
                continue;
            }
            // The word itself may be a secret, so it is not shown.
            let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty() && !flag.starts_with('=')) else {
                let problem = match flags.last().filter(|flag| flag.line == line) {
                    Some(Flag { name, .. }) => {
                        format!("what follows --{name} is no flag; a value is written --{name}=VALUE")
                    }
                    None => "a flag begins with two dashes: --name=VALUE".into(),
                };
                return Err(FlagsError::new(line, problem));
            };
            flags.push(match flag.split_once('=') {
                Some((name, value)) => Flag { name: name.into(), value: Some(value.into()), line },
                None => Flag { name: flag.into(), value: None, line },
            });
        }
    }
    Ok(flags)
}

/// The words of one line, quotes removed; none when a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == '#' && word.is_none() => break,
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>, usize)> {
        flags(text).unwrap().into_iter().map(|flag| (flag.name, flag.value, flag.line)).collect()
    }

    #[test]
    fn flags_stand_one_or_many_a_line() {
        let expected = vec![
            ("a".to_owned(), Some("1".to_owned()), 2),
            ("b".to_owned(), None, 2),
            ("c".to_owned(), Some("x y=z".to_owned()), 4),
            ("d".to_owned(), Some(String::new()), 5),
        ];
        assert_eq!(read("\u{feff}# --no=1\r\n--a=1 --b  # --no\r\n\r\n  --c=\"x y=z\" \\\r\n- '--d='"), expected);
    }

    #[test]
    fn what_is_no_flag_is_refused_with_its_line_but_without_its_text() {
        for (text, line, word) in [
            ("--a=1\n--b hunter2", 2, "--b=VALUE"),
            ("hunter2", 1, "two dashes"),
            ("-a=hunter2", 1, "two dashes"),
            ("--", 1, "two dashes"),
            ("--=hunter2", 1, "two dashes"),
            ("\n--a=\"hunter2", 2, "not closed"),
        ] {
            let error = flags(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.problem.contains(word) && !error.problem.contains("hunter2"), "{text}: {error}");
        }
    }
}
