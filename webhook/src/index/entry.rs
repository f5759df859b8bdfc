//! An entry of the map of hosts: key and value hold what most of them have in place, so that a look-up waits for one place of
//! memory rather than for one after the other.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use smallvec::SmallVec;

use super::contribution::Fact;
use super::packed::Packed;
use super::source::Source;

/// Hosts of so many bytes are kept in place: `stage.payments-service.global` has 29.
const IN_PLACE: usize = 48;

/// A host in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostKey(SmallVec<[u8; IN_PLACE]>);

impl From<&str> for HostKey {
    fn from(host: &str) -> Self {
        Self(SmallVec::from_slice(host.as_bytes()))
    }
}

impl Deref for HostKey {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).expect("it was made of a text")
    }
}

impl Borrow<[u8]> for HostKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Hash for HostKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// A fact, and the object that tells it.
pub(super) type Told = (Source, Fact<Packed>);

/// What is known of a host: mostly by one object.
pub(super) enum Kept {
    One(Told),
    Many(Arc<[Told]>),
}

impl Deref for Kept {
    type Target = [Told];

    fn deref(&self) -> &[Told] {
        match self {
            Self::One(fact) => slice::from_ref(fact),
            Self::Many(facts) => facts,
        }
    }
}

impl Kept {
    /// None of no facts.
    pub(super) fn of(mut facts: Vec<Told>) -> Option<Self> {
        match facts.len() {
            0 => None,
            1 => facts.pop().map(Self::One),
            _ => Some(Self::Many(facts.into())),
        }
    }
}
