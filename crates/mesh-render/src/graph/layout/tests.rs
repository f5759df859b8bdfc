use mesh_plan::graph::Graph;

use super::super::fixture::{graph, hostile};
use super::*;

/// Every box of a picture.
fn spots(picture: &Picture) -> Vec<&Spot> {
    let rows = picture.sections.iter().flat_map(|section| &section.rows);
    let mut spots: Vec<&Spot> = rows.flat_map(|row| row.clients.iter().chain([&row.name])).collect();
    spots.extend(picture.sections.iter().flat_map(|section| &section.sources));
    spots.extend(picture.apart.iter().flat_map(|(_, spots)| spots));
    spots.extend(&picture.fleet);
    spots
}

fn meet(a: &Spot, b: &Spot) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.bottom() && b.y < a.bottom()
}

fn holds(graph: &Graph) {
    let picture = Picture::of(&Drawing::of(graph));
    let spots = spots(&picture);
    for (at, spot) in spots.iter().enumerate() {
        assert!(spot.card.width() <= spot.width && spot.card.height() <= spot.height, "text fits into its box");
        assert!(spot.x + spot.width <= picture.width && spot.bottom() <= picture.height, "boxes are in the picture");
        for other in &spots[at + 1..] {
            let (a, b) = (&spot.card.lines[0].text, &other.card.lines[0].text);
            assert!(!meet(spot, other), "{a} and {b} overlap");
        }
    }
    for section in &picture.sections {
        for row in &section.rows {
            for (edge, port) in &row.outgoing {
                let room = edge.bend - edge.from.0;
                assert!(pixels(columns(&port.label)) + PADDING <= room, "the text of an edge ends before it bends");
            }
            for ports in row.outgoing.windows(2) {
                assert!(ports[1].0.from.1 - ports[0].0.from.1 >= LINE, "texts of edges do not overlap");
            }
            assert_eq!(row.incoming.len(), row.clients.len());
        }
    }
}

#[test]
fn nothing_overlaps_and_text_fits_into_its_box() {
    for (names, clusters) in [(0, 0), (0, 7), (1, 1), (9, 2), (40, 14), (300, 12)] {
        holds(&graph(names, clusters));
    }
    holds(&hostile());
}

#[test]
fn edges_are_short_however_many_names_there_are() {
    let graph = graph(300, 2);
    let picture = Picture::of(&Drawing::of(&graph));
    let edges = picture.sections.iter().flat_map(|section| &section.rows).flat_map(|row| &row.outgoing);
    let longest = edges.map(|(edge, _)| edge.from.1.abs_diff(edge.to.1)).max().unwrap();
    assert!(longest < 1_000, "{longest}");
}
