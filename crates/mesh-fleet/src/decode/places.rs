//! Where each object was first seen, since a second one of its name does not count.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::name::Namespace;

use super::Place;

/// What tells an object from all others of its cluster.
pub(super) type Identity = (Kind, Option<Namespace>, Arc<str>);

/// The objects that were seen.
#[derive(Default)]
pub(super) struct Places {
    /// Those that came in ascending order, which is how API servers list: each is only compared with the one before it.
    ascending: Vec<(Identity, Arc<str>)>,
    others: BTreeMap<Identity, Arc<str>>,
    /// The last document: its file, its line, and both in words.
    last: Option<(String, usize, Arc<str>)>,
}

impl Places {
    /// Notes that an object is at `place`; where it was before, if it was.
    pub(super) fn note(&mut self, identity: Identity, place: Place<'_>) -> Option<&str> {
        let is_next = self.ascending.last().is_none_or(|(last, _)| *last < identity);
        if !is_next && let Ok(at) = self.ascending.binary_search_by(|(seen, _)| seen.cmp(&identity)) {
            return Some(&self.ascending[at].1);
        }
        if self.others.contains_key(&identity) {
            return self.others.get(&identity).map(|place| &**place);
        }
        let place = self.in_words(place);
        if is_next {
            self.ascending.push((identity, place));
        } else {
            self.others.insert(identity, place);
        }
        None
    }

    /// `services.yaml:12`, once for all objects of a list.
    pub(super) fn in_words(&mut self, place: Place<'_>) -> Arc<str> {
        match &self.last {
            Some((file, line, words)) if *file == place.file && *line == place.line => words.clone(),
            _ => {
                let words: Arc<str> = format!("{}:{}", place.file, place.line).into();
                self.last = Some((place.file.to_owned(), place.line, words.clone()));
                words
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_known_again_in_whatever_order_they_come() {
        let mut places = Places::default();
        let identity = |name: &str| (Kind::Node, None, Arc::from(name));
        let place = |line| Place { file: "a.yaml", line, version: None };
        for (line, name) in ["b", "d", "c", "e", "a"].into_iter().enumerate() {
            assert_eq!(places.note(identity(name), place(line)), None, "{name}");
        }
        for (line, name) in ["b", "d", "c", "e", "a"].into_iter().enumerate() {
            assert_eq!(places.note(identity(name), place(9)), Some(&*format!("a.yaml:{line}")), "{name}");
        }
        assert_eq!(places.note(identity("f"), place(9)), None);
    }
}
