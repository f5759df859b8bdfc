//! Who gets how much: regions, weights, failover, and gateways that keep traffic.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
