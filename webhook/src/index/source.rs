//! Which object a fact is from.

use std::sync::Arc;

use mesh_model::kind::Kind;

/// An object that adds facts: its kind, and its uid.
pub(crate) type Source = (Kind, Uid);

/// The uid of an object. Real ones are UUIDs, which take less room as numbers; but they may be any text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Uid {
    /// As every API server makes them.
    Uuid([u8; 16]),
    /// Any other.
    Text(Arc<str>),
}

impl Uid {
    pub(crate) fn of(text: &str) -> Self {
        uuid(text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }
}

/// The number of a UUID in its usual form, and in no other, so that two texts are never one uid.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    if bytes.len() != 36 || !(0..36).all(|at| (bytes[at] == b'-') == is_dash(at)) {
        return None;
    }
    let mut digits = bytes.iter().filter(|byte| **byte != b'-').map(|byte| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    });
    let mut number = [0; 16];
    for byte in &mut number {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_are_never_one_uid() {
        let texts = [
            "0c6a7b1e-8f2d-4c7e-9d0a-2f1b3c4d5e6f",
            "0c6a7b1e-8f2d-4c7e-9d0a-2f1b3c4d5e60",
            "0C6A7B1E-8F2D-4C7E-9D0A-2F1B3C4D5E6F",
            "0c6a7b1e8f2d-4c7e-9d0a-2f1b3c4d5e6f-",
            "0c6a7b1e-8f2d-4c7e-9d0a-2f1b3c4d5e6é",
            "",
            "any",
        ];
        let uids: std::collections::BTreeSet<Uid> = texts.into_iter().map(Uid::of).collect();
        assert_eq!(uids.len(), texts.len());
        assert_eq!(uids.iter().filter(|uid| matches!(uid, Uid::Uuid(_))).count(), 2);
    }
}
