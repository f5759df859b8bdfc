//! Colour, which is never the only carrier of meaning: every coloured text also says or marks what its colour does.

use anstyle::{AnsiColor, Style};

/// What may be coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something that is added.
    Add,
    /// Something that changes.
    Change,
    /// Something that goes, an error.
    Remove,
    /// Something that is held, a warning.
    Hold,
    /// A heading.
    Heading,
    /// Something of less interest.
    Quiet,
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Styling {
    /// Coloured with ANSI sequences.
    pub coloured: bool,
}

impl Styling {
    /// Text without any colour.
    pub const PLAIN: Self = Self { coloured: false };
    /// Coloured text; who prints it strips the colour where it is not wanted.
    pub const COLOURED: Self = Self { coloured: true };

    /// `text` in the style of `tone`.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.coloured || text.is_empty() {
            return text.to_owned();
        }
        let style = style(tone);
        format!("{style}{text}{style:#}")
    }
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Add => AnsiColor::Green.on_default(),
        Tone::Change => AnsiColor::Yellow.on_default(),
        Tone::Remove => AnsiColor::Red.on_default(),
        Tone::Hold => AnsiColor::Cyan.on_default(),
        Tone::Heading => Style::new().bold(),
        Tone::Quiet => Style::new().dimmed(),
    }
}
