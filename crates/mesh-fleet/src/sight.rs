//! What came of reading a member, whichever way it was read: seen, unseen, or retired.

use std::sync::Arc;

use mesh_model::facts::ClusterFacts;
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::{ClusterView, Unseen};
use mesh_model::name::ClusterName;

/// The view of a member of which `read` came, or why nothing did; that is a finding, too.
pub(crate) fn view(
    name: &ClusterName,
    retired: bool,
    read: Result<Arc<ClusterFacts>, String>,
    findings: &mut Vec<Finding>,
) -> ClusterView {
    match read {
        Ok(facts) if retired => ClusterView::Retired(Some(facts)),
        Ok(facts) => ClusterView::Seen(facts),
        Err(why) if retired => {
            findings.push(Finding::new(Code::RetiredNotReached, Some(name), &**name, why));
            ClusterView::Retired(None)
        }
        Err(why) => {
            findings.push(Finding::new(Code::ClusterUnseen, Some(name), &**name, why.clone()));
            ClusterView::Unseen(Unseen { why })
        }
    }
}
