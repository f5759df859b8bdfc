//! One copy of what most clusters hold alike, made once: the bodies of a host's objects, and their reasons.

use std::rc::Rc;
use std::sync::Arc;

use mesh_model::origin::Origins;
use mesh_model::owned::OwnedObject;

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
    /// The body that follows from these three, written by `write` unless it was before. Where it is what `live` says
    /// already, it shares its texts.
    pub(super) fn form(
        &mut self,
        spec: S,
        origins: Origins,
        ex_since: Option<&Arc<str>>,
        live: Option<&OwnedObject>,
        write: impl FnOnce(&S, Origins) -> Body,
    ) -> Rc<Form<S>> {
        let is_same = |form: &&Rc<Form<S>>| {
            form.spec == spec && *form.body.origins == origins && form.ex_since.as_ref() == ex_since
        };
        if let Some(known) = self.forms.iter().find(is_same) {
            return Rc::clone(known);
        }
        let mut body = write(&spec, origins);
        if let Some(live) = live {
            share(&mut body, live);
        }
        let body = Arc::new(body);
        Rc::clone(remember(&mut self.forms, Rc::new(Form { spec, ex_since: ex_since.cloned(), body })))
    }

    pub(super) fn because(&mut self, because: Vec<Because>) -> Arc<Vec<Because>> {
        match self.because.iter().find(|known| ***known == because) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(remember(&mut self.because, Arc::new(because))),
        }
    }
}

/// Lets `body` and `live` share what is equal: when nothing changes, a fleet is not held twice.
fn share(body: &mut Body, live: &OwnedObject) {
    let share_text = |own: &mut Arc<str>, live: &Arc<str>| {
        if *own == *live {
            *own = Arc::clone(live);
        }
    };
    share_text(&mut body.spec, &live.spec);
    if let (Some(own), Some(live)) = (&mut body.from_text, &live.from_text) {
        share_text(own, live);
    }
    for (own, live) in [(&mut body.labels, &live.labels), (&mut body.annotations, &live.annotations)] {
        if *own == *live {
            *own = Arc::clone(live);
        }
    }
    if body.origins == live.origins {
        body.origins = Arc::clone(&live.origins);
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
