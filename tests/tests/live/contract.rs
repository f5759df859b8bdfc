//! The contract that the fake API server is held to, on a real one. Where the two differ, the fake is wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mesh_testkit::rest::Rest;
use mesh_testkit::servers::{ApiServers, Crds};

use crate::contract::laws;

#[test]
fn a_real_api_server_keeps_every_law_of_the_contract() {
    let Some(servers) = ApiServers::start(&["contract"]) else { return };
    servers.install_crds(&[Crds::Istio]);
    let server = servers.cluster("contract");
    let rest = Rest::new(server.url(), server.admin_token(), server.ca_pem());
    // Each law panics for itself, so that one broken law does not hide the next.
    let broken: Vec<&str> = laws::ALL
        .iter()
        .filter(|(_, law)| catch_unwind(AssertUnwindSafe(|| law(&rest))).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(broken, Vec::<&str>::new(), "the real server does otherwise");
}
