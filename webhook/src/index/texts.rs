//! Texts that many facts tell, such as owners and envs: each is held once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// So many texts are held before it is looked which of them nobody tells any more.
const SWEEP_FROM: usize = 1_024;

/// The texts.
#[derive(Default)]
pub(super) struct Texts(Mutex<Held>);

#[derive(Default)]
struct Held {
    texts: BTreeSet<Arc<str>>,
    /// How many were left when it was looked last.
    left: usize,
}

impl Texts {
    /// The text as it is held.
    pub(super) fn shared(&self, text: &str) -> Arc<str> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.texts.get(text) {
            return Arc::clone(known);
        }
        if held.texts.len() >= SWEEP_FROM.max(2 * held.left) {
            held.texts.retain(|text| Arc::strong_count(text) > 1);
            held.left = held.texts.len();
        }
        let text: Arc<str> = text.into();
        held.texts.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_held_once_and_not_for_ever() {
        let texts = Texts::default();
        let (one, other) = (texts.shared("team-shop"), texts.shared("team-shop"));
        assert!(Arc::ptr_eq(&one, &other));
        for number in 0..10 * SWEEP_FROM {
            texts.shared(&number.to_string());
        }
        let held = texts.0.lock().unwrap().texts.len();
        assert!(held <= SWEEP_FROM, "{held}");
        assert!(Arc::ptr_eq(&one, &texts.shared("team-shop")), "what is told stays");
    }
}
