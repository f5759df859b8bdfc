//! The generated objects of a key, and what else is asked of every member: little of each.

use futures::future::{join, join_all, join3};
use mesh_model::host::{identity_label, service_entry_name};
use mesh_model::kind::Kind;
use mesh_model::name::Host;
use mesh_model::owned::{IDENTITY_LABEL, ObjectKey};
use tokio::time::Instant;

use super::key::Key;
use super::{Half, Selector, Told};
use crate::decode::Part;
use crate::live::contact::Contact;
use crate::live::discovery::Served;
use crate::live::labels;
use crate::live::members::Place;
use crate::live::named;
use crate::live::observe::unserved;
use crate::live::pages::Reader;

/// A kind of one cluster: who reads it, and where it is served.
#[derive(Clone, Copy)]
struct Asked<'a> {
    reader: Reader<'a>,
    contact: &'a Contact,
    kind: Kind,
    base: Option<&'a str>,
}

impl Selector<'_> {
    /// What the cluster serves, the objects that the key itself tells, who calls whom, and whether the sync namespace is
    /// there.
    pub(super) async fn ask_first(&self, place: &Place, mut half: Half, key: &Key) -> Result<Half, String> {
        let start = Instant::now();
        let (contact, rest) = self.reach(place, &half)?;
        let reader = self.reader(place, &rest);
        let served = Served::ask(&rest).await;
        half.served = served.map_err(|error| format!("what it serves cannot be read: {error}"))?;
        let of = |kind| Asked { reader, contact, kind, base: half.served.path(kind) };
        let entries = async {
            match key {
                Key::Identity(identity) => of(Kind::ServiceEntry).of_identities([&**identity]).await,
                Key::Host(host) => of(Kind::ServiceEntry).object(&self.key_of_entry(host)).await,
            }
        };
        let namespace = of(Kind::Namespace).named(&self.fleet.policy.sync_namespace);
        let (entries, dependencies, namespace) = join3(entries, of(Kind::Dependency).all(""), namespace).await;
        half.absorb([entries, dependencies, namespace], start);
        Ok(half)
    }

    /// The rest of what is generated of the identities: by label, and by name where the label may have been taken away.
    pub(super) async fn ask_again(
        &self,
        place: &Place,
        mut half: Half,
        key: &Key,
        told: &Told,
    ) -> Result<Half, String> {
        let start = Instant::now();
        let (contact, rest) = self.reach(place, &half)?;
        let reader = self.reader(place, &rest);
        let of = |kind| Asked { reader, contact, kind, base: half.served.path(kind) };
        let identities = || told.identities.iter().map(|identity| &**identity);
        let entries = async {
            match key {
                Key::Identity(_) => Part::default(),
                Key::Host(_) => of(Kind::ServiceEntry).of_identities(identities()).await,
            }
        };
        let (entries, rules) = join(entries, of(Kind::DestinationRule).of_identities(identities())).await;
        let missing = told.bases.iter().filter(|base| {
            let key = self.key_of_entry(base);
            !half.part.facts.owned.contains_key(&key) && !entries.facts.owned.contains_key(&key)
        });
        let by_name = missing.map(|base| {
            let key = self.key_of_entry(base);
            async move { of(Kind::ServiceEntry).object(&key).await }
        });
        let claims = told.bases.iter().map(|base| of(Kind::GlobalName).named(base));
        let (by_name, claims) = join(join_all(by_name), join_all(claims)).await;
        half.absorb([entries, rules].into_iter().chain(by_name).chain(claims), start);
        Ok(half)
    }

    fn key_of_entry(&self, host: &Host) -> ObjectKey {
        let namespace = self.fleet.policy.sync_namespace.clone();
        ObjectKey { kind: Kind::ServiceEntry, namespace, name: service_entry_name(host).into() }
    }
}

impl Asked<'_> {
    /// Everything that `query` selects.
    async fn all(self, query: &str) -> Part {
        match self.base {
            Some(base) => self.reader.list(self.kind, base, query).await,
            None => self.unserved(),
        }
    }

    /// What bears the label of one of these identities.
    async fn of_identities<'i>(self, identities: impl IntoIterator<Item = &'i str>) -> Part {
        let labels: Vec<String> = identities.into_iter().map(identity_label).collect();
        self.all(&labels::among(IDENTITY_LABEL, &labels)).await
    }

    /// The object of this name, of a kind that lies in no namespace.
    async fn named(self, name: &str) -> Part {
        self.all(&format!("&{}", named::selector(name))).await
    }

    /// The object of this key.
    async fn object(self, key: &ObjectKey) -> Part {
        let Some(base) = self.base else { return self.unserved() };
        let base = format!("{base}/namespaces/{}", key.namespace);
        self.reader.list(self.kind, &base, &format!("&{}", named::selector(&key.name))).await
    }

    fn unserved(self) -> Part {
        let why = unserved(self.contact, self.kind);
        why.map_or_else(Part::default, |why| self.reader.unseen(self.kind, why))
    }
}

impl Half {
    /// Adds what was read since `start`.
    pub(super) fn absorb(&mut self, parts: impl IntoIterator<Item = Part>, start: Instant) {
        for part in parts {
            self.part.absorb(part);
        }
        self.left = self.left.saturating_sub(start.elapsed());
    }
}
