//! Sets: the records of one member as another one has them (`GlobalNameSet`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::Stored;
use crate::claim::{Claim, record_name};
use crate::limits::MAX_SET_ENTRIES;

/// A set as it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimSet {
    /// The object that has them.
    pub stored: Stored,
    /// Its records.
    pub entries: Vec<Claim>,
}

/// A set that is to be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetWrite {
    /// Its name: the UID of the member whose records it has, a dash and a number.
    pub name: Arc<str>,
    /// UID of that member.
    pub of: Arc<str>,
    /// What must still be there, so that a run which read earlier cannot undo a later one; none where there was no set of
    /// that name, and none must be there.
    pub replaces: Option<ClaimSet>,
    /// At most [`MAX_SET_ENTRIES`] records, sorted by host.
    pub entries: Vec<Claim>,
    /// SHA-256 over the canonical JSON of `entries`, in hex: what the annotation says.
    pub digest: String,
}

/// The sets of the records of `of` that differ from what `known` says should be in them.
///
/// A host stays in the set that has it: were it moved and one of the two writes lost, it would be gone. New hosts fill the
/// sets there are, then further ones.
pub(super) fn writes(
    of: &Arc<str>,
    there: Option<&BTreeMap<Arc<str>, ClaimSet>>,
    known: &BTreeMap<Arc<str>, Claim>,
) -> Vec<SetWrite> {
    let mut placed = BTreeSet::new();
    let mut sets: BTreeMap<Arc<str>, Vec<Claim>> = BTreeMap::new();
    for (name, set) in there.into_iter().flatten() {
        let names = set.entries.iter().map(|entry| record_name(&entry.host));
        // Everything that was read is known, so that no entry is left out.
        let entries = names.filter_map(|name| Some((known.get(&name)?.clone(), placed.insert(name))));
        sets.insert(name.clone(), entries.map(|(claim, _)| claim).collect());
    }
    let mut new = known.iter().filter(|(name, _)| !placed.contains(*name)).map(|(_, claim)| claim.clone());
    for set in sets.values_mut() {
        let room = MAX_SET_ENTRIES.saturating_sub(set.len());
        set.extend(new.by_ref().take(room));
    }
    let mut number = 0;
    loop {
        let further: Vec<Claim> = new.by_ref().take(MAX_SET_ENTRIES).collect();
        if further.is_empty() {
            break;
        }
        while sets.contains_key(&*set_name(of, number)) {
            number += 1;
        }
        sets.insert(set_name(of, number).into(), further);
    }
    let writes = sets.into_iter().filter_map(|(name, mut entries)| {
        entries.sort_by(|a, b| a.host.cmp(&b.host));
        let there = there.and_then(|there| there.get(&name));
        let moved = there.is_none_or(|there| there.entries != entries);
        moved.then(|| SetWrite { digest: digest(&entries), of: of.clone(), replaces: there.cloned(), name, entries })
    });
    writes.collect()
}

fn set_name(of: &str, number: usize) -> String {
    format!("{of}-{number}")
}

/// The UID of the member whose records the set of this name has.
pub fn member_of_set(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((of, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => of,
        _ => name,
    }
}

fn digest(entries: &[Claim]) -> String {
    // Maps of a JSON value are sorted, and its text has no white space: it is canonical.
    let value = serde_json::to_value(entries).expect("texts, numbers and times always serialize");
    HEXLOWER.encode(&Sha256::digest(value.to_string().as_bytes()))
}
