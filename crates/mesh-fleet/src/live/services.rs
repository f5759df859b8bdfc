//! Services of some namespaces, and of the gateway: what tells how a cluster serves.

use std::collections::BTreeSet;

use futures::future::{join, join_all};
use mesh_model::kind::Kind;
use mesh_model::name::Namespace;

use super::discovery::Served;
use super::labels;
use super::members::Place;
use super::pages::Reader;
use crate::decode::Part;
use crate::limits::MAX_NAMESPACES_ASKED;

/// Label by which a gateway Service is found.
const APP: &str = "app";

/// The Services of `namespaces`, or all where these are many; and the gateway, where the policy does not give it.
pub(super) async fn list(reader: Reader<'_>, served: &Served, place: &Place, namespaces: &BTreeSet<Namespace>) -> Part {
    let (gateway, core) = (&reader.policy.gateway, served.path(Kind::Service).unwrap_or("/api/v1"));
    if namespaces.len() > MAX_NAMESPACES_ASKED {
        return reader.list(Kind::Service, core, "").await;
    }
    let of = |namespace: &Namespace| format!("{core}/namespaces/{namespace}");
    let lists = namespaces.iter().map(|namespace| async move { reader.list(Kind::Service, &of(namespace), "").await });
    let is_told = place.member.as_ref().is_some_and(|member| member.gateway.is_some());
    let gateways = async {
        if is_told || namespaces.contains(&gateway.namespace) {
            return Part::default();
        }
        let query = labels::among(APP, &gateway.apps);
        reader.list(Kind::Service, &of(&gateway.namespace), &query).await
    };
    let (lists, mut whole) = join(join_all(lists), gateways).await;
    for list in lists {
        whole.absorb(list);
    }
    whole
}
