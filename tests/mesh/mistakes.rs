//! What others get wrong in a mesh that works: each mistake is made, what a client sees of it is measured, and it is taken
//! back.
//!
//! docs/checks.md has what was measured; `MESH_UPDATE_CHECKS=1` writes it anew.

mod address;
mod callers;
mod divert;
mod entry;
mod gateway;
mod hand;
mod hidden;
mod page;
mod roots;
mod rule;
mod scene;
mod shares;
mod step;

use crate::Test;
use step::Step;

pub(crate) const TESTS: &[Test] = &[
    ("mistakes::a_closed_gateway_shows", gateway::closed),
    ("mistakes::a_gateway_that_relays_shows", gateway::relaying),
    ("mistakes::entries_that_were_changed_show", entry::changed),
    ("mistakes::rules_that_were_changed_show", rule::changed),
    ("mistakes::shares_that_were_changed_show", shares::changed),
    ("mistakes::what_hides_a_name_shows", hidden::hidden),
    ("mistakes::who_takes_requests_away_shows", divert::diverted),
    ("mistakes::a_taken_address_shows", address::taken),
    ("mistakes::who_refuses_callers_shows", callers::refused),
    ("mistakes::two_roots_show", roots::apart),
    ("mistakes::entries_by_hand_show", hand::by_hand),
];

/// One thing that somebody does.
struct Mistake {
    /// In words.
    what: &'static str,
    /// What is done, in this order.
    steps: &'static [Step],
    /// What istiod's admission webhook says of it.
    istiod: &'static str,
    /// What a client sees.
    sees: &'static str,
    /// The finding of `kubectl mesh check` that names it; empty where nothing at all is found.
    code: &'static str,
    /// The hop that `kubectl mesh trace` calls broken; empty where it calls none so.
    hop: &'static str,
}

/// The objects that the product wrote, and what every cluster has. `HOST`, `SERVER` and `CLIENT` are those of the scene.
const ENTRY: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/serviceentries/HOST-se";
const RULE: &str = "/apis/networking.istio.io/v1/namespaces/mesh-sync/destinationrules/HOST-default-dr";
const GATEWAY: &str = "/apis/networking.istio.io/v1/namespaces/istio-system/gateways/cross-network";
const GATEWAY_DEPLOYMENT: &str = "/apis/apps/v1/namespaces/istio-system/deployments/istio-eastwestgateway";
const SERVER_DEPLOYMENT: &str = "/apis/apps/v1/namespaces/SERVER/deployments/SERVER";
const CLIENT_DEPLOYMENT: &str = "/apis/apps/v1/namespaces/CLIENT/deployments/CLIENT";

/// What istiod says of nearly everything.
const ACCEPTS: &str = "accepts";
/// Where nothing is Istio's.
const NOT_ASKED: &str = "is not asked";
