//! A review in, a verdict out.

use mesh_model::facts::WorkloadKind;
use mesh_model::kind::Kind;
use mesh_model::name::Namespace;

use crate::index::Index;
use crate::object::Reviewed;
use crate::policy::NamePolicy;
use crate::verdict::Verdict;
use crate::wire::{Hook, Operation, Request, undecided};
use crate::{hosts, traffic, workload};

/// What a request is judged by.
pub(crate) struct Case<'c> {
    pub(crate) request: &'c Request<'c>,
    pub(crate) namespace: &'c str,
    pub(crate) index: &'c dyn Index,
    pub(crate) policy: &'c NamePolicy,
}

/// What is answered to a request. Whether it is a dry run makes no difference, and nothing is ever written: the type of the
/// index has no way to.
///
/// What is not registered for this webhook (deletions, other kinds, other subresources than `status`) goes through as it is.
/// What is registered and does not read is not allowed by that: a mutating webhook leaves it to the validating one.
pub fn decide(hook: Hook, request: &Request<'_>, index: &dyn Index, policy: &NamePolicy) -> Verdict {
    let is_write = matches!(request.operation, Operation::Create | Operation::Update);
    let kind = Kind::of(&request.kind.group, &request.kind.kind);
    let (true, Some(kind)) = (is_write, kind) else { return Verdict::ALLOWED };
    let sub_resource = request.sub_resource.as_deref().unwrap_or_default();
    let namespace = match Namespace::checked(request.namespace.as_deref().unwrap_or_default()) {
        Ok(namespace) => namespace,
        Err(error) if hook == Hook::Validate => return undecided(&error.to_string()).into(),
        Err(_) => return Verdict::ALLOWED,
    };
    let case = Case { request, namespace, index, policy };
    let verdict = match (WorkloadKind::of(kind), kind, sub_resource, hook) {
        (Some(_), _, "", Hook::Mutate) => workload::mark(&case),
        (Some(kind), _, "", Hook::Validate) => workload::judge(&case, kind),
        (Some(_), _, "status", Hook::Validate) => workload::judge_status(&case),
        (_, Kind::GlobalTrafficPolicy, "", Hook::Validate) => traffic::judge(&case),
        (_, Kind::ServiceEntry | Kind::VirtualService, "", Hook::Validate) => hosts::judge(&case, kind),
        _ => return Verdict::ALLOWED,
    };
    verdict.unwrap_or_else(|why| match hook {
        Hook::Mutate => Verdict::ALLOWED,
        Hook::Validate => undecided(&why).into(),
    })
}

impl<'c> Case<'c> {
    /// The object of the request, as `read` reads it; a write without one does not read.
    pub(crate) fn object<T>(&self, read: impl FnOnce(&'c Reviewed<'c>) -> Result<T, String>) -> Result<T, String> {
        read(self.request.object.as_ref().ok_or("it has no object")?).map_err(|why| format!("its object: {why}"))
    }

    /// The object as it was: an update without one does not read either.
    pub(crate) fn old_object<T>(
        &self,
        read: impl FnOnce(&'c Reviewed<'c>) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        match (self.request.operation, &self.request.old_object) {
            (Operation::Update, Some(old)) => read(old).map(Some).map_err(|why| format!("its old object: {why}")),
            (Operation::Update, None) => Err("an update has no old object".to_owned()),
            _ => Ok(None),
        }
    }
}
