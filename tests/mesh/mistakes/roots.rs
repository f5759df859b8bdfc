//! Clusters that do not trust each other.

use super::scene::Scene;
use super::step::Step::LeaveRoot;
use super::{Mistake, NOT_ASKED};
use crate::fleet::Fleet;

/// The serving cluster, or that of the client, has a root of its own.
pub(super) fn apart(fleet: &Fleet) {
    Scene::set(fleet, "passport", &["c1"]).tries("the roots of two clusters", "200 by c1", APART);
}

const APART: &[Mistake] = &[
    Mistake {
        what: "the serving cluster has another root",
        steps: &[LeaveRoot("c1")],
        istiod: NOT_ASKED,
        sees: "503 URX,UF CERTIFICATE_VERIFY_FAILED",
        code: "different-roots",
        hop: "trust",
    },
    Mistake {
        what: "the cluster of the client has another root",
        steps: &[LeaveRoot("c2")],
        istiod: NOT_ASKED,
        sees: "503 URX,UF CERTIFICATE_VERIFY_FAILED",
        code: "different-roots",
        hop: "trust",
    },
];
