//! One copy of what most clusters hold alike: the bodies of a host's objects, and their reasons.

use std::sync::Arc;

use crate::because::Because;
use crate::desired::Body;

/// How many of the last distinct values are compared with: clients come in one or two forms, sources differ anyway.
const REMEMBERED: usize = 4;

/// The last distinct bodies and reasons of one host.
#[derive(Default)]
pub(super) struct Shared {
    bodies: Vec<Arc<Body>>,
    because: Vec<Arc<Vec<Because>>>,
}

impl Shared {
    pub(super) fn body(&mut self, body: Body) -> Arc<Body> {
        one_copy(&mut self.bodies, body)
    }

    pub(super) fn because(&mut self, because: Vec<Because>) -> Arc<Vec<Because>> {
        one_copy(&mut self.because, because)
    }
}

fn one_copy<T: PartialEq>(known: &mut Vec<Arc<T>>, value: T) -> Arc<T> {
    if let Some(same) = known.iter().find(|known| ***known == value) {
        return Arc::clone(same);
    }
    let value = Arc::new(value);
    if known.len() == REMEMBERED {
        known.remove(0);
    }
    known.push(Arc::clone(&value));
    value
}
