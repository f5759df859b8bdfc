//! What a connection to a gateway told, as a hop.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mesh_model::finding::Code;
use mesh_model::mesh::Certificate;

use super::{Hop, State, Step, Trace, judge};
use crate::check::Problem;

/// What a connection to the gateway of a way told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// A certificate was shown.
    Shown {
        /// It.
        leaf: Box<Certificate>,
        /// Why the client's roots do not vouch for it, if they do not.
        distrust: Option<String>,
    },
    /// There was no connection from here.
    Unreached(String),
    /// The connection ended without a certificate.
    Reset(String),
}

impl Trace {
    /// Adds what a connection to the gateway of the way at `index` told, at the time `now`, and judges anew.
    pub fn add_handshake(&mut self, index: usize, handshake: Handshake, now: Timestamp) {
        let (cluster, host) = (self.client.cluster.clone(), self.host.clone());
        let Some(way) = self.ways.get_mut(index) else { return };
        let place = way.address.clone();
        let broken = |code, what: String| {
            let problem = Problem::new(code, Some(&cluster), place.clone(), what.clone());
            Hop::broken(Step::Handshake, what, vec![problem.finding(&BTreeSet::from([&host]))])
        };
        let hop = match handshake {
            Handshake::Unreached(why) => {
                Hop::unknown(Step::Handshake, format!("it cannot be reached from here: {why}"))
            }
            Handshake::Reset(why) => {
                broken(Code::GatewayClosed, format!("the connection ended before any certificate was shown: {why}"))
            }
            Handshake::Shown { leaf, distrust } => {
                let who = names(&leaf.uris);
                let is_accepted = way.accepts.is_empty() || leaf.uris.iter().any(|uri| way.accepts.contains(uri));
                if let Some(why) = distrust {
                    broken(Code::DifferentRoots, format!("the client's roots do not vouch for {who}: {why}"))
                } else if is_accepted {
                    let left = leaf.not_after.duration_since(now);
                    let says = format!("{who}, signed under the client's roots, {} left", time(left));
                    Hop { state: State::Ok, ..Hop::ok(Step::Handshake, None, says) }
                } else {
                    broken(Code::WrongSans, format!("{who} answers, whom the client does not accept"))
                }
            }
        };
        way.hops.push(hop);
        (self.verdict, self.says) = judge(&self.hops, &self.ways);
    }
}

fn names(uris: &[Arc<str>]) -> String {
    if uris.is_empty() { "a server without a SPIFFE id".to_owned() } else { uris.join(", ") }
}

fn time(left: SignedDuration) -> String {
    if left >= SignedDuration::from_hours(48) {
        format!("{} days", left.as_hours() / 24)
    } else {
        format!("{} hours", left.as_hours())
    }
}
