//! Tables as kubectl prints them: headings in capitals, no borders, two spaces between columns.

use mesh_model::name::ClusterName;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

use crate::escape;
use crate::limits::{CELL_CLUSTERS, GUTTER};
use crate::style::{Styling, Tone};

/// A table in the making. Cells are escaped here.
#[derive(Debug)]
pub struct Table {
    columns: usize,
    rows: Vec<Vec<String>>,
    tones: Vec<Option<Tone>>,
}

impl Table {
    /// A table with these headings, which are in capitals already.
    pub fn new(headings: &[&str]) -> Self {
        let mut table = Self { columns: headings.len(), rows: Vec::new(), tones: Vec::new() };
        table.push(headings.iter().map(|heading| (*heading).to_owned()).collect(), Some(Tone::Heading));
        table
    }

    /// Adds a row; `tone` colours its first cell. Missing cells are empty.
    pub fn row<C: AsRef<str>>(&mut self, tone: Option<Tone>, cells: impl IntoIterator<Item = C>) {
        self.push(cells.into_iter().map(|cell| escape::line(cell.as_ref()).into_owned()).collect(), tone);
    }

    /// Whether it has no row but the headings.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// One text a row, the headings first, without trailing spaces.
    pub fn lines(self, styling: Styling) -> Vec<String> {
        let firsts: Vec<String> = self.rows.iter().map(|row| row[0].clone()).collect();
        let mut builder = Builder::with_capacity(self.rows.len(), self.columns);
        for row in self.rows {
            builder.push_record(row);
        }
        let mut table = builder.build();
        table.with(Style::empty()).with(Padding::new(0, GUTTER, 0, 0));
        table
            .to_string()
            .lines()
            .zip(firsts.iter().zip(self.tones))
            .map(|(line, (first, tone))| paint_start(line.trim_end(), first, tone, styling))
            .collect()
    }

    /// The whole table, a line feed after each row.
    pub fn render(self, styling: Styling) -> String {
        self.lines(styling).into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
    }

    fn push(&mut self, mut cells: Vec<String>, tone: Option<Tone>) {
        cells.resize(self.columns, String::new());
        self.rows.push(cells);
        self.tones.push(tone);
    }
}

/// Clusters in one cell: `c1, c2`, or `41 clusters: c01…c41`, or all of them when `all` is wanted. Sorted already.
pub fn clusters(clusters: &[&ClusterName], all: bool) -> String {
    match clusters {
        [first, .., last] if clusters.len() > CELL_CLUSTERS && !all => {
            format!("{} clusters: {first}…{last}", clusters.len())
        }
        _ => clusters.iter().map(|cluster| cluster.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// The text of a cell for something that is not there.
pub const NONE: &str = "-";

fn paint_start(line: &str, first: &str, tone: Option<Tone>, styling: Styling) -> String {
    let cell = first.trim_end();
    match (tone, line.strip_prefix(cell)) {
        // A heading is bold from end to end.
        (Some(Tone::Heading), _) => styling.paint(Tone::Heading, line),
        (Some(tone), Some(rest)) => {
            let indent = cell.len() - cell.trim_start().len();
            format!("{}{}{rest}", &cell[..indent], styling.paint(tone, &cell[indent..]))
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cells_escaped() {
        let mut table = Table::new(&["CLUSTER", "NAME"]);
        table.row(None, ["c1", "a\nb"]);
        table.row(None, ["größe-1", "x\u{1b}"]);
        table.row(None, ["c3"]);
        assert_eq!(
            table.render(Styling::PLAIN),
            "CLUSTER  NAME\n\
             c1       a\\u{a}b\n\
             größe-1  x\\u{1b}\n\
             c3\n"
        );
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let make = || {
            let mut table = Table::new(&["  OBJECT", "CLUSTER"]);
            table.row(Some(Tone::Add), ["  + ServiceEntry a", "c1"]);
            table
        };
        let coloured = make().render(Styling::COLOURED);
        assert!(coloured.contains("\u{1b}[32m+ ServiceEntry a\u{1b}[0m  c1"), "{coloured:?}");
        let stripped = anstyle_stripped(&coloured);
        assert_eq!(stripped, make().render(Styling::PLAIN));
    }

    #[test]
    fn many_clusters_are_counted() {
        let names: Vec<ClusterName> = (1..=41).map(|n| ClusterName::parse(&format!("c{n:02}")).unwrap()).collect();
        let names: Vec<&ClusterName> = names.iter().collect();
        assert_eq!(clusters(&names[..3], false), "c01, c02, c03");
        assert_eq!(clusters(&names, false), "41 clusters: c01…c41");
        assert_eq!(clusters(&names[..4], true), "c01, c02, c03, c04");
    }

    fn anstyle_stripped(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('\u{1b}') {
            plain.push_str(&rest[..start]);
            rest = &rest[start..];
            rest = &rest[rest.find('m').unwrap() + 1..];
        }
        plain + rest
    }
}
