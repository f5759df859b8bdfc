//! Claims: `GlobalName` and `GlobalNameSet`.

use std::sync::Arc;

use mesh_model::claim::{self, Claim, ClaimSet, OwnClaim, Stored, member_of_set, record_name};
use mesh_model::kind::Kind;
use serde::de::IgnoredAny;

use super::wire::{ClaimSetSpec, Metadata, Object};
use super::{ClusterDecoder, Item};
use crate::limits::{MAX_ENTRIES, MAX_NAME};

/// Whether a file may hold an object that a later write has to find as it was.
pub(crate) fn may_hold_claims(text: &str) -> bool {
    text.contains(Kind::GlobalName.group())
}

impl ClusterDecoder<'_> {
    pub(super) fn global_name(&mut self, item: &Item<'_>, object: Object<'_, Claim>) -> Result<(), String> {
        let claim = object.spec.ok_or("has no spec")?;
        let name = record_name(&claim.host);
        if name != item.name {
            return Err(format!("its host is {}: the name of a GlobalName is its host in lower case", claim.host));
        }
        let stored = self.stored(item, &object.metadata)?;
        self.claim(&claim)?;
        self.facts.keeps_claims = true;
        self.facts.records.own.insert(name, OwnClaim { stored, claim });
        Ok(())
    }

    pub(super) fn global_name_set(&mut self, item: &Item<'_>, object: Object<'_, ClaimSetSpec>) -> Result<(), String> {
        let entries = object.spec.unwrap_or_default().entries;
        if entries.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} entries"));
        }
        let stored = self.stored(item, &object.metadata)?;
        entries.iter().try_for_each(|entry| self.claim(entry))?;
        self.facts.keeps_claims = true;
        let sets = self.facts.records.sets.entry(member_of_set(&item.name).into()).or_default();
        sets.insert(Arc::clone(&item.name), ClaimSet { stored, entries });
        Ok(())
    }

    fn stored(&mut self, item: &Item<'_>, metadata: &Metadata<'_, IgnoredAny>) -> Result<Stored, String> {
        let uid = metadata.uid.as_deref().filter(|uid| !uid.is_empty());
        Ok(Stored {
            version: self.version(item, metadata)?,
            uid: uid.map(|uid| self.text("metadata.uid", uid)).transpose()?,
            labels: self.map(&metadata.labels)?,
            annotations: self.map(&metadata.annotations)?,
        })
    }

    /// Keeps the claim, or the one on its host that is stronger.
    fn claim(&mut self, claim: &Claim) -> Result<(), String> {
        let texts = [&claim.host, &claim.owner, &claim.identity, &claim.env, &claim.claimed_in];
        if texts.into_iter().chain(&claim.also_owners).any(|text| text.len() > MAX_NAME) {
            return Err(format!("a field of the claim is longer than {MAX_NAME} bytes"));
        }
        if claim.also_owners.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} alsoOwners"));
        }
        let name = record_name(&claim.host);
        let known = self.facts.claims.get(&name);
        let winner = known.map_or(claim, |known| claim::merge(known, claim)).clone();
        self.facts.claims.insert(name, winner);
        Ok(())
    }
}
