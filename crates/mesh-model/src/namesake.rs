//! Who asks for a host, and who cannot share it: the one rule by which plans and reviews tell two identities apart.
//!
//! A host is made from an env and an identity. It drops what else tells identities apart, as Admiral's does
//! (`reference/admiral.md` §3.1): the identity's case, where its dots are, and its partition.

use std::borrow::Cow;
use std::fmt;

/// What is known of an identity's partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partition<'a> {
    /// Nothing: claims and generated objects do not tell it.
    Untold,
    /// What a workload says: most have none.
    Told(Option<&'a str>),
}

/// An identity in an env, as somebody asks for its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Namesake<'a> {
    /// The identity, as written.
    pub identity: &'a str,
    /// Its env.
    pub env: &'a str,
    /// Its partition.
    pub partition: Partition<'a>,
}

impl<'a> Namesake<'a> {
    /// What is asked for by a claim or a generated object.
    pub fn untold(identity: &'a str, env: &'a str) -> Self {
        Self { identity, env, partition: Partition::Untold }
    }

    /// What is asked for by a workload.
    pub fn told(identity: &'a str, env: &'a str, partition: Option<&'a str>) -> Self {
        Self { identity, env, partition: Partition::Told(partition) }
    }

    /// The identity with its partition, as Admiral's Dependencies name it: `retail.payments`.
    pub fn full_identity(&self) -> Cow<'a, str> {
        match self.partition {
            Partition::Told(Some(partition)) => format!("{partition}.{}", self.identity).into(),
            Partition::Told(None) | Partition::Untold => self.identity.into(),
        }
    }

    fn is_same(&self, other: &Namesake<'_>) -> bool {
        let is_same_partition = match (self.partition, other.partition) {
            (Partition::Told(own), Partition::Told(theirs)) => own == theirs,
            _ => true,
        };
        (self.identity, self.env) == (other.identity, other.env) && is_same_partition
    }
}

/// `payments in env stage`.
impl fmt::Display for Namesake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in env {}", self.full_identity(), self.env)
    }
}

/// The first of those who ask for the host of `own` that is another identity: one of the two has to be renamed.
pub fn rival<'n>(own: &Namesake<'_>, others: impl IntoIterator<Item = Namesake<'n>>) -> Option<Namesake<'n>> {
    others.into_iter().find(|other| !own.is_same(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_another_by_its_spelling_its_env_or_its_partition() {
        let own = Namesake::told("payments", "stage", Some("retail"));
        let others = [
            (Namesake::told("payments", "stage", Some("retail")), false),
            (Namesake::told("payments", "stage", Some("business")), true),
            (Namesake::told("payments", "stage", Some("Retail")), true),
            (Namesake::told("payments", "stage", None), true),
            (Namesake::untold("payments", "stage"), false),
            (Namesake::told("Payments", "stage", Some("retail")), true),
            (Namesake::untold("Payments", "stage"), true),
            (Namesake::told("payments", "Stage", Some("retail")), true),
        ];
        for (other, is_rival) in others {
            assert_eq!(rival(&own, [other]).is_some(), is_rival, "{other}");
            assert_eq!(rival(&other, [own]).is_some(), is_rival, "the other way round: {other}");
        }
        assert!(rival(&own, []).is_none());
    }

    #[test]
    fn an_identity_is_shown_with_its_partition() {
        assert_eq!(Namesake::told("payments", "stage", Some("retail")).to_string(), "retail.payments in env stage");
        assert_eq!(Namesake::told("payments", "stage", None).to_string(), "payments in env stage");
        assert_eq!(Namesake::untold("payments", "stage").to_string(), "payments in env stage");
    }
}
