//! How much room text takes. Pictures use a monospaced font, whose widths are known without the font.

/// Width of one column of text, in pixels: fonts of 12 pixels have 7.2 to 7.3.
pub(super) const COLUMN: usize = 75;
/// What [`COLUMN`] is counted in: tenths of a pixel.
pub(super) const TENTHS: usize = 10;

/// Columns that `text` takes at most: what is not ASCII may be wide.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

/// `text` cut to so many columns, with `…` at its end where it was longer.
pub(super) fn cut(text: &str, max: usize) -> String {
    if columns(text) <= max {
        return text.to_owned();
    }
    let mut room = max.saturating_sub(column('…'));
    let fits = |c: &char| {
        let width = column(*c);
        let is_room = width <= room;
        room = room.saturating_sub(width);
        is_room
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Pixels of so many columns, rounded up.
pub(super) fn pixels(columns: usize) -> usize {
    (columns * COLUMN).div_ceil(TENTHS)
}

fn column(c: char) -> usize {
    // The marks that we write ourselves are as narrow as letters.
    if c.is_ascii() || "·→…".contains(c) { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_its_room() {
        assert_eq!(columns("ab·東京"), 7);
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("東京都庁", 6), "東京…");
        assert_eq!(pixels(3), 23);
    }
}
