//! What changes under load, and who notices.

use crate::Test;

pub(crate) const TESTS: &[Test] = &[];
