//! Claims: `GlobalName` and `GlobalNameSet`.

use mesh_model::claim::{self, Claim};

use super::wire::{ClaimSetSpec, Object};
use super::{ClusterDecoder, Item};
use crate::limits::{MAX_ENTRIES, MAX_NAME};

impl ClusterDecoder<'_> {
    pub(super) fn global_name(&mut self, _: &Item<'_>, object: Object<'_, Claim>) -> Result<(), String> {
        self.claim(object.spec.ok_or("has no spec")?)
    }

    pub(super) fn global_name_set(&mut self, _: &Item<'_>, object: Object<'_, ClaimSetSpec>) -> Result<(), String> {
        let entries = object.spec.unwrap_or_default().entries;
        if entries.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} entries"));
        }
        entries.into_iter().try_for_each(|entry| self.claim(entry))
    }

    /// Keeps the claim, or the one on its host that is stronger.
    fn claim(&mut self, claim: Claim) -> Result<(), String> {
        let texts = [&claim.host, &claim.owner, &claim.identity, &claim.env, &claim.claimed_in];
        if texts.into_iter().chain(&claim.also_owners).any(|text| text.len() > MAX_NAME) {
            return Err(format!("a field of the claim is longer than {MAX_NAME} bytes"));
        }
        if claim.also_owners.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} alsoOwners"));
        }
        let known = self.facts.claims.get(&claim.host);
        let winner = known.map_or(&claim, |known| claim::merge(known, &claim)).clone();
        self.facts.claims.insert(claim.host, winner);
        Ok(())
    }
}
