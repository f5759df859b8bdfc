//! Whether a cluster's gateway routes a host (law L10).

use super::Context;
use super::live::LiveHost;
use super::site::Site;

/// Why the gateway of `site` at `address` does not route `host` (in lower case) under `port`, and will not once a plan is
/// written. Where a live object of the host leads there already, that it does is not our news.
pub(super) fn why_unrouted<'a>(
    site: &Site<'a>,
    address: &str,
    host: &str,
    port: u16,
    live: Option<&LiveHost<'a>>,
    context: &Context<'a>,
) -> Option<String> {
    let source = site.name;
    let mut entries = live.into_iter().flat_map(|live| &live.entries);
    let is_used = entries.any(|(holder, entry)| {
        let mut endpoints = context.owners.endpoints(holder, entry).into_iter();
        endpoints.any(|one| one.owner == Some(source) && one.address == address)
    });
    if is_used {
        return None;
    }
    if !site.is_writable() {
        return Some(format!("{source} cannot be written, so that its gateway would not route it yet"));
    }
    if context.excluded.contains(&(host.into(), source)) {
        return Some(format!("{host} is an excluded identity's in {source}, whose gateway would not route it"));
    }
    context.foreign.taken(source, host, &format!("{host}-se"))?;
    let leads_home = context.foreign.leads_home(source, host, port);
    (!leads_home).then(|| format!("{host} is somebody else's in {source}, whose gateway would not route it"))
}
