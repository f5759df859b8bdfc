//! One kind of one cluster, page by page. A page is decoded and dropped before the next one is asked for.

use std::sync::Mutex;

use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::rest::{Rest, RestError, text};
use super::rule::missing_rule_for;
use super::unpack::recycle;
use crate::decode::{Interner, Part};
use crate::fleet::Depth;
use crate::limits::PAGE;

/// Interners to borrow: each decodes for one thread at a time, and shares texts among all clusters that it met.
#[derive(Default)]
pub(crate) struct Interners(Mutex<Vec<Interner>>);

impl Interners {
    /// Keeps nothing that was said so far.
    pub(crate) fn forget(&self) {
        self.0.lock().expect("no holder panics").clear();
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Interner) -> R) -> R {
        let mut interner = self.0.lock().expect("no holder panics").pop().unwrap_or_default();
        let result = work(&mut interner);
        self.0.lock().expect("no holder panics").push(interner);
        result
    }
}

/// A cluster that is being read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) cluster: &'a ClusterName,
    pub(crate) policy: &'a MeshPolicy,
    pub(crate) depth: Depth,
    pub(crate) interners: &'a Interners,
    pub(crate) rest: &'a Rest,
}

impl Reader<'_> {
    /// Everything of `kind`, served below `base`, that `query` asks for. What cannot be read completely is unseen.
    pub(crate) async fn list(self, kind: Kind, base: &str, query: &str) -> Part {
        let mut tries = 0;
        loop {
            match self.list_once(kind, base, query).await {
                // The list took longer than the server keeps its state: once more from the start.
                Err(ListError::Rest(error)) if error.is_gone() && tries == 0 => tries += 1,
                Ok(part) => return part,
                Err(error) => return self.unseen(kind, &error.in_words(kind)),
            }
        }
    }

    /// A part that says that the kind was not seen, and why.
    pub(crate) fn unseen(self, kind: Kind, why: &str) -> Part {
        Part::unseen(self.cluster, kind, why)
    }

    async fn list_once(self, kind: Kind, base: &str, query: &str) -> Result<Part, ListError> {
        let list = format!("{base}/{}?limit={PAGE}{query}", kind.plural());
        let mut whole = Part::default();
        let mut path = list.clone();
        loop {
            let answer = self.rest.read_page(&path).await.map_err(ListError::Rest)?;
            let page = text(&answer).map_err(ListError::Rest)?;
            let wanted = (self.policy, self.depth);
            let of_page = |interner: &mut _| Part::of_page(kind, page, &list, self.cluster, wanted, interner);
            let (part, end) = self.interners.with(of_page).map_err(ListError::Page)?;
            recycle(answer);
            whole.absorb(part);
            match end.next {
                Some(next) if whole.unreadable.is_none() => {
                    path = format!("{list}&continue={}", utf8_percent_encode(&next, NON_ALPHANUMERIC));
                }
                _ => return Ok(whole),
            }
        }
    }
}

/// Why a list is not complete.
pub(crate) enum ListError {
    /// The server did not answer, or refused.
    Rest(RestError),
    /// What it answered is no such list.
    Page(String),
}

impl ListError {
    /// In words that name the missing rule where there is one.
    pub(crate) fn in_words(&self, kind: Kind) -> String {
        match self {
            Self::Rest(error) if error.is_forbidden() => {
                format!("may not be read; {} ({error})", missing_rule_for(kind, &["list"]))
            }
            Self::Rest(error) if error.is_gone() => {
                format!("changed for longer than its API server remembers: {error}; run again")
            }
            Self::Rest(error) => format!("cannot be read: {error}"),
            Self::Page(problem) => format!("{problem}; is a proxy in the way?"),
        }
    }
}
