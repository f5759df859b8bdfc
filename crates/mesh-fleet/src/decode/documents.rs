//! The documents of a file. They are cut apart before they are parsed, so that a broken one leaves the others whole.

use super::source::Source;

/// One document of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileDocument<'a> {
    /// Its text.
    pub source: Source<'a>,
    /// The line of the file that it begins on, from 1.
    pub line: usize,
}

/// The documents of a YAML file: what stands between lines of `---` or `...`. Documents of nothing but blanks, comments
/// and directives are left out. A byte order mark before a document is passed over.
pub fn yaml_documents(text: &str) -> Vec<FileDocument<'_>> {
    let mut documents = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if let Some(marker) = marker_length(line) {
            push(&mut documents, &text[start..offset], start_line);
            // What follows the marker on its line belongs to the document: `--- {kind: Service}`.
            (start, start_line) = (offset + marker, index + 1);
        }
        offset += line.len();
    }
    push(&mut documents, &text[start..], start_line);
    documents
}

/// The documents of a JSON file: values one after the other. The second part is what does not parse, with its line.
pub fn json_documents(text: &str) -> (Vec<FileDocument<'_>>, Option<(usize, String)>) {
    let text = text.trim_start_matches('\u{feff}');
    let mut documents = Vec::new();
    let (mut line, mut counted) = (1, 0);
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    loop {
        let start = stream.byte_offset();
        match stream.next() {
            None => return (documents, None),
            Some(Ok(_)) => {
                let value = &text[start..stream.byte_offset()];
                let begin = start + value.len() - value.trim_start().len();
                line += text[counted..begin].matches('\n').count();
                counted = begin;
                documents.push(FileDocument { source: Source::Json(value.trim()), line });
            }
            Some(Err(error)) => return (documents, Some((error.line(), error.to_string()))),
        }
    }
}

/// How many bytes of `line` mark the border between two documents, if it does.
fn marker_length(line: &str) -> Option<usize> {
    let line_body = line.strip_prefix('\u{feff}').unwrap_or(line);
    let rest = line_body.strip_prefix("---").or_else(|| line_body.strip_prefix("..."))?;
    (rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])).then_some(line.len() - rest.len())
}

/// Adds the document of `text`, which begins on `line`, from its first line of content on.
fn push<'a>(documents: &mut Vec<FileDocument<'a>>, text: &'a str, mut line: usize) {
    let mut offset = 0;
    for each in text.split_inclusive('\n') {
        let content = each.trim_start_matches('\u{feff}');
        if !matches!(content.trim_start().bytes().next(), None | Some(b'#' | b'%')) {
            let source = Source::Yaml(&text[offset + each.len() - content.len()..]);
            return documents.push(FileDocument { source, line });
        }
        offset += each.len();
        line += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(documents: &[FileDocument<'a>]) -> Vec<(usize, &'a str)> {
        documents
            .iter()
            .map(|d| match d.source {
                Source::Yaml(text) | Source::Json(text) | Source::Answer(text) => (d.line, text),
                Source::Item(_) => unreachable!("files have texts"),
            })
            .collect()
    }

    #[test]
    fn documents_are_cut_at_their_markers_with_their_lines() {
        let text = "\u{feff}# head\n---\r\na: 1\r\n--- # two\nb: 2\n---\n# nothing\n--- {c: 3}\n...\n%YAML 1.2\n---\nd: \"\n  --- x\"\n";
        assert_eq!(
            texts(&yaml_documents(text)),
            [(3, "a: 1\r\n"), (5, "b: 2\n"), (8, " {c: 3}\n"), (12, "d: \"\n  --- x\"\n")]
        );
        assert!(yaml_documents("").is_empty());
        assert_eq!(texts(&yaml_documents("a: 1")), [(1, "a: 1")]);
    }

    #[test]
    fn json_values_follow_each_other_until_one_is_broken() {
        let (documents, broken) = json_documents("\u{feff}{\"a\":1}\n\n{\"b\":2} {");
        assert_eq!(texts(&documents), [(1, "{\"a\":1}"), (3, "{\"b\":2}")]);
        assert_eq!(broken.unwrap().0, 3);
    }
}
