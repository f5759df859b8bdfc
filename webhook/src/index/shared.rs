//! What many facts tell, such as owners and envs: each is held once.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// So many are held before it is looked which of them nobody tells any more.
const SWEEP_FROM: usize = 1_024;

/// Values that are held.
pub(super) struct Shared<T: ?Sized>(Mutex<Held<T>>);

struct Held<T: ?Sized> {
    values: BTreeSet<Arc<T>>,
    /// How many were left when it was looked last.
    left: usize,
}

impl<T: ?Sized + Ord> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(Held { values: BTreeSet::new(), left: 0 }))
    }
}

impl<T: ?Sized + Ord> Shared<T> {
    /// The value as it is held.
    pub(super) fn held<V: Borrow<T> + Into<Arc<T>>>(&self, value: V) -> Arc<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.values.get(value.borrow()) {
            return Arc::clone(known);
        }
        if held.values.len() >= SWEEP_FROM.max(2 * held.left) {
            held.values.retain(|value| Arc::strong_count(value) > 1);
            held.left = held.values.len();
        }
        let value: Arc<T> = value.into();
        held.values.insert(Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_held_once_and_not_for_ever() {
        let texts = Shared::<str>::default();
        let (one, other) = (texts.held("team-shop"), texts.held("team-shop"));
        assert!(Arc::ptr_eq(&one, &other));
        for number in 0..10 * SWEEP_FROM {
            texts.held(number.to_string());
        }
        let held = texts.0.lock().unwrap().values.len();
        assert!(held <= SWEEP_FROM, "{held}");
        assert!(Arc::ptr_eq(&one, &texts.held("team-shop")), "what is told stays");
    }
}
