//! A YAML text as lines, and the few edits that a member list needs.
//!
//! Nothing here understands YAML in full: whoever edits reads the result again and compares.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::policy::emit::yaml;
use crate::policy::{FleetPolicy, Member};

const BOM: &str = "\u{feff}";

/// The lines of a text, without their ends.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    bom: bool,
    crlf: bool,
    text: Vec<String>,
}

impl Lines {
    pub(super) fn read(text: &str) -> Self {
        let bom = text.starts_with(BOM);
        let lines = text.strip_prefix(BOM).unwrap_or(text).lines().map(str::to_owned).collect();
        Self { bom, crlf: text.contains("\r\n"), text: lines }
    }

    /// Puts the number into `revision`, which is added below `kind` when it is not there.
    pub(super) fn set_revision(&mut self, revision: u64) -> Option<()> {
        let everything = 0..self.text.len();
        if let Some(nth) = self.key(everything.clone(), 0, "revision") {
            let line = &mut self.text[nth];
            let start = line.find(|c: char| c.is_ascii_digit())?;
            let digits = line[start..].bytes().take_while(u8::is_ascii_digit).count();
            line.replace_range(start..start + digits, &revision.to_string());
            return Some(());
        }
        let header = ["kind", "apiVersion"].into_iter().find_map(|key| self.key(everything.clone(), 0, key));
        let below = match header {
            Some(nth) => nth + 1,
            None => {
                everything.clone().find(|nth| self.has_content(*nth) && !self.text[*nth].starts_with(['-', '%']))?
            }
        };
        self.text.insert(below, format!("revision: {revision}"));
        Some(())
    }

    /// Adds the members to the end of a list in block style, which is begun where there is none.
    pub(super) fn append_members(&mut self, members: &[Member]) -> Option<()> {
        let Some(fleet) = self.block(0..self.text.len(), 0, "fleet") else {
            let mut added = vec!["fleet:".to_owned(), "  members:".to_owned()];
            added.extend(indented(members, 2));
            self.text.extend(added);
            return Some(());
        };
        let Some((members_at, indent)) = self.members(&fleet) else {
            is_open(&self.text[fleet.start]).then_some(())?;
            let mut added = vec!["  members:".to_owned()];
            added.extend(indented(members, 2));
            let below = fleet.start + 1;
            self.text.splice(below..below, added);
            return Some(());
        };
        let (items, item_indent) = self.items(members_at, indent)?;
        let end = items.last()?.end;
        self.text.splice(end..end, indented(members, item_indent));
        Some(())
    }

    /// Retires item `nth` of a list in block style.
    pub(super) fn retire(&mut self, nth: usize, wanted: &FleetPolicy) -> Option<()> {
        let fleet = self.block(0..self.text.len(), 0, "fleet")?;
        let (members_at, indent) = self.members(&fleet)?;
        let (items, item_indent) = self.items(members_at, indent)?;
        (items.len() == wanted.members.len()).then_some(())?;
        let item = items.get(nth)?.clone();
        let first = &self.text[item.start];
        let value = first[item_indent + 1..].trim_start();
        if value.starts_with('{') {
            return self.retire_flow(item, item_indent, &wanted.members[nth]);
        }
        // Fields of the item stand where the first one does, after the dash.
        let column = first.len() - value.len();
        let state = item.clone().find(|line| {
            let line = &self.text[*line];
            line.get(column..).is_some_and(|field| field.starts_with("state:"))
                && line[..column].trim_matches([' ', '-']).is_empty()
        });
        match state {
            Some(line) => {
                let replaced = self.text[line].replacen("active", "retired", 1);
                self.text[line] = replaced;
            }
            None => self.text.insert(item.end, format!("{:column$}state: retired", "")),
        }
        Some(())
    }

    fn retire_flow(&mut self, item: Range<usize>, indent: usize, member: &Member) -> Option<()> {
        if item.len() > 1 {
            self.text.splice(item, indented(std::slice::from_ref(member), indent));
            return Some(());
        }
        let line = &mut self.text[item.start];
        if line.contains("state: active") {
            *line = line.replacen("state: active", "state: retired", 1);
        } else {
            let end = line.split(" #").next()?.rfind('}')?;
            line.insert_str(end, ", state: retired");
        }
        Some(())
    }

    /// Writes `members` anew, whatever its layout was.
    pub(super) fn rewrite_members(&mut self, wanted: &FleetPolicy) -> Option<()> {
        let fleet = self.block(0..self.text.len(), 0, "fleet")?;
        let (members, indent) = self.members(&fleet)?;
        let anew = indented(wanted, indent);
        self.text.splice(members, anew);
        Some(())
    }

    /// Writes `fleet` anew, whatever its layout was.
    pub(super) fn rewrite_fleet(&mut self, wanted: &FleetPolicy) -> Option<()> {
        let fleet = self.block(0..self.text.len(), 0, "fleet")?;
        let mut anew = vec!["fleet:".to_owned()];
        anew.extend(indented(wanted, 2));
        self.text.splice(fleet, anew);
        Some(())
    }

    /// The lines of `fleet.members`, and how far they are indented.
    fn members(&self, fleet: &Range<usize>) -> Option<(Range<usize>, usize)> {
        let inside = fleet.start + 1..fleet.end;
        let indent = inside.clone().find(|nth| self.has_content(*nth)).map(|nth| indent(&self.text[nth]))?;
        (indent > 0).then_some(())?;
        Some((self.block(inside, indent, "members")?, indent))
    }

    /// The lines of each item of the list that the block in `at` holds, and how far the dashes are indented.
    fn items(&self, at: Range<usize>, block_indent: usize) -> Option<(Vec<Range<usize>>, usize)> {
        is_open(&self.text[at.start]).then_some(())?;
        let mut inside = at.start + 1..at.end;
        let item_indent = indent(&self.text[inside.find(|nth| self.has_content(*nth))?]);
        (item_indent >= block_indent).then_some(())?;
        let starts: Vec<_> = (at.start + 1..at.end)
            .filter(|nth| indent(&self.text[*nth]) == item_indent && is_item(&self.text[*nth]))
            .collect();
        let ends = starts.iter().skip(1).copied().chain([at.end]);
        let items = starts.iter().zip(ends).map(|(start, end)| *start..self.trimmed(*start, end, item_indent));
        Some((items.collect(), item_indent))
    }

    /// The line in `range` on which `key:` stands, indented so far.
    fn key(&self, mut range: Range<usize>, indented: usize, key: &str) -> Option<usize> {
        range.find(|nth| {
            let line = &self.text[*nth];
            let value = line.trim_start().strip_prefix(key).and_then(|rest| rest.strip_prefix(':'));
            indent(line) == indented && value.is_some_and(|value| value.is_empty() || value.starts_with([' ', '\t']))
        })
    }

    /// The lines in `range` of `key:` and its value. Comments and blank lines before what follows belong to that.
    fn block(&self, range: Range<usize>, indented: usize, key: &str) -> Option<Range<usize>> {
        let start = self.key(range.clone(), indented, key)?;
        let ends = |nth: &usize| {
            let line = self.text[*nth].trim_start();
            // Items may stand as far left as their key, closing brackets even at the margin.
            let goes_on = is_item(line) || line.starts_with([']', '}']);
            let mark = indented == 0 && (line.starts_with("---") || line.starts_with("..."));
            self.has_content(*nth) && indent(&self.text[*nth]) <= indented && (!goes_on || mark)
        };
        let end = (start + 1..range.end).find(ends).unwrap_or(range.end);
        Some(start..self.trimmed(start, end, indented))
    }

    /// `end`, moved up over blank lines, and comments that are not indented further.
    fn trimmed(&self, start: usize, mut end: usize, indented: usize) -> usize {
        while end > start + 1 && !self.has_content(end - 1) {
            let line = &self.text[end - 1];
            if !line.trim().is_empty() && indent(line) > indented {
                break;
            }
            end -= 1;
        }
        end
    }

    fn has_content(&self, nth: usize) -> bool {
        let line = self.text[nth].trim_start();
        !line.is_empty() && !line.starts_with('#')
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.bom { BOM } else { "" })?;
        let end = if self.crlf { "\r\n" } else { "\n" };
        self.text.iter().try_for_each(|line| write!(f, "{line}{end}"))
    }
}

fn indented(value: &(impl Serialize + ?Sized), indent: usize) -> Vec<String> {
    yaml(value).lines().map(|line| format!("{:indent$}{line}", "")).collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a key's value stands on the lines below it.
fn is_open(line: &str) -> bool {
    let value = line.split_once(':').map_or("", |(_, value)| value.trim_start());
    value.is_empty() || value.starts_with('#')
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    line == "-" || line.starts_with("- ")
}
