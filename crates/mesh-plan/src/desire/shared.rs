//! One copy of what most clusters hold alike, made once: the bodies of a host's objects, and their reasons.

use std::rc::Rc;
use std::sync::Arc;

use mesh_model::origin::Origins;

use crate::because::Because;
use crate::desired::Body;

/// How many of the last distinct values are compared with: clients come in one or two forms, or in one for each region
/// that a policy distributes from; sources differ anyway.
const REMEMBERED: usize = 8;

/// The last distinct bodies and reasons of one host's objects of one kind.
pub(super) struct Shared<S> {
    forms: Vec<Rc<Form<S>>>,
    because: Vec<Arc<Vec<Because>>>,
}

/// An object's content before and after it was written down.
pub(super) struct Form<S> {
    pub(super) spec: S,
    /// The time since when the clusters that hold it are ex-sources.
    pub(super) ex_since: Option<Arc<str>>,
    pub(super) body: Arc<Body>,
}

impl<S> Default for Shared<S> {
    fn default() -> Self {
        Self { forms: Vec::new(), because: Vec::new() }
    }
}

impl<S: PartialEq> Shared<S> {
    /// The body that follows from these three, written by `write` unless it was before.
    pub(super) fn form(
        &mut self,
        spec: S,
        origins: Origins,
        ex_since: Option<&Arc<str>>,
        write: impl FnOnce(&S, Origins) -> Body,
    ) -> Rc<Form<S>> {
        let is_same = |form: &&Rc<Form<S>>| {
            form.spec == spec && *form.body.origins == origins && form.ex_since.as_ref() == ex_since
        };
        if let Some(known) = self.forms.iter().find(is_same) {
            return Rc::clone(known);
        }
        let body = Arc::new(write(&spec, origins));
        Rc::clone(remember(&mut self.forms, Rc::new(Form { spec, ex_since: ex_since.cloned(), body })))
    }

    pub(super) fn because(&mut self, because: Vec<Because>) -> Arc<Vec<Because>> {
        match self.because.iter().find(|known| ***known == because) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(remember(&mut self.because, Arc::new(because))),
        }
    }
}

/// Adds `value`, in place of the oldest where too many are known.
fn remember<T>(known: &mut Vec<T>, value: T) -> &T {
    if known.len() == REMEMBERED {
        known.remove(0);
    }
    known.push(value);
    known.last().expect("one was just added")
}
