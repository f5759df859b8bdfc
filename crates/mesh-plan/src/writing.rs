//! The order in which steps are written, per name (product contract §4, `sync`).

use crate::desired::Role;
use crate::plan::{Action, Class, Plan, Step};

/// When a step is written, among those of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Source clusters: a client can only use what its server routes.
    Sources,
    /// What clients gain.
    ClientAdditions,
    /// What clients lose.
    ClientRemovals,
    /// Everything else that goes.
    Rest,
}

/// The phase of a step.
pub fn phase(step: &Step) -> Phase {
    let deletes = matches!(step.action, Action::Delete { .. });
    match step.role {
        Some(Role::Source) if !deletes => Phase::Sources,
        Some(Role::Client | Role::ExSource) if !deletes && step.class != Class::RemovesTraffic => {
            Phase::ClientAdditions
        }
        Some(Role::Client | Role::ExSource) => Phase::ClientRemovals,
        Some(Role::Source) | None => Phase::Rest,
    }
}

/// What a step is about: the base host of its name, else the object.
pub fn name_of(step: &Step) -> &str {
    step.base.as_deref().or(step.host.as_deref()).unwrap_or(&step.key.name)
}

/// The steps that write, name by name, and for each name in the order of [`Phase`]. A run that is cut short leaves whole
/// names done, and never a client ahead of its source.
pub fn in_order(plan: &Plan) -> Vec<&Step> {
    let mut steps: Vec<&Step> = plan.steps.iter().filter(|step| step.is_write()).collect();
    steps.sort_by(|a, b| (name_of(a), phase(a), &a.cluster, &a.key).cmp(&(name_of(b), phase(b), &b.cluster, &b.key)));
    steps
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mesh_model::kind::Kind;
    use mesh_model::name::{ClusterName, Host, Namespace};
    use mesh_model::owned::{Mark, ObjectKey, OwnedObject};

    use super::*;

    fn step(base: &str, cluster: &str, role: Option<Role>, delete: bool, class: Class) -> Step {
        let key = ObjectKey {
            kind: Kind::ServiceEntry,
            namespace: Namespace::parse("mesh-sync").unwrap(),
            name: format!("{base}-se").into(),
        };
        let object = Arc::new(OwnedObject {
            created: None,
            uid: None,
            version: "1".into(),
            mark: Mark::Ours,
            spec: "{}".into(),
            labels: Arc::default(),
            annotations: Arc::default(),
            origins: Arc::default(),
            from_text: None,
            changed_by: None,
        });
        let body = Arc::new(crate::desired::Body {
            key: key.clone(),
            labels: Arc::default(),
            annotations: Arc::default(),
            spec: "{}".into(),
            origins: Arc::default(),
            from_text: None,
        });
        Step {
            cluster: ClusterName::parse(cluster).unwrap(),
            key,
            host: None,
            base: Some(Host::parse(base).unwrap()),
            identity: None,
            role,
            is_called: true,
            action: if delete { Action::Delete { base: object } } else { Action::Update { base: object, body } },
            class,
            because: Vec::new(),
        }
    }

    #[test]
    fn each_name_is_written_sources_first_and_removals_last() {
        let plan = Plan {
            steps: vec![
                step("b.x.global", "c0", Some(Role::Source), false, Class::Additive),
                step("a.x.global", "c1", Some(Role::Source), true, Class::RemovesTraffic),
                step("a.x.global", "c2", Some(Role::Client), true, Class::RemovesTraffic),
                step("a.x.global", "c3", Some(Role::ExSource), false, Class::RemovesTraffic),
                step("a.x.global", "c4", Some(Role::Client), false, Class::Additive),
                step("a.x.global", "c5", Some(Role::Client), false, Class::Neutral),
                step("a.x.global", "c6", None, true, Class::RemovesTraffic),
                step("a.x.global", "c9", Some(Role::Source), false, Class::RemovesTraffic),
            ],
            ..Plan::default()
        };
        let order: Vec<_> = in_order(&plan).iter().map(|step| (&*step.cluster, phase(step))).collect();
        assert_eq!(
            order,
            [
                ("c9", Phase::Sources),
                ("c4", Phase::ClientAdditions),
                ("c5", Phase::ClientAdditions),
                ("c2", Phase::ClientRemovals),
                ("c3", Phase::ClientRemovals),
                ("c1", Phase::Rest),
                ("c6", Phase::Rest),
                ("c0", Phase::Sources),
            ]
        );
    }
}
