//! The resources that a fake cluster can serve: [`Kind::ALL`], and what lies around them in a real cluster.

use mesh_model::kind::Kind;

/// One resource: a kind under the name that paths use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "a row of a table")]
pub(crate) struct Resource {
    pub group: &'static str,
    /// The served versions, the preferred one first.
    pub versions: &'static [&'static str],
    pub kind: &'static str,
    pub plural: &'static str,
    pub namespaced: bool,
    /// From a CustomResourceDefinition: its items say what they are, and an update needs a version.
    pub custom: bool,
    /// Has a `status` that only the subresource of that name writes.
    pub status: bool,
    /// Counts changes of its spec in `metadata.generation`.
    pub generation: bool,
}

impl Resource {
    /// The kind, if it is one that a run reads.
    pub(crate) fn known(&self) -> Option<Kind> {
        Kind::of(self.group, self.kind)
    }

    /// `services`, `deployments.apps`: as error texts name it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Service`, `Deployment.apps`: as error texts name the kind.
    pub(crate) fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// The resource of a manifest, by its `apiVersion` and `kind`.
    pub(crate) fn of(api_version: &str, kind: &str) -> Option<&'static Self> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        ALL.iter().find(|one| one.kind == kind && one.group == group && one.versions.contains(&version))
    }

    /// The resource of a kind that a run reads.
    pub(crate) fn of_kind(kind: Kind) -> &'static Self {
        ALL.iter()
            .find(|one| one.kind == kind.as_str() && one.group == kind.group())
            .expect("the table has every kind that is read")
    }
}

const fn builtin(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
    status: bool,
) -> Resource {
    Resource { group, versions: &["v1"], kind, plural, namespaced, custom: false, status, generation: false }
}

/// A built-in kind with controllers: it has a generation and a status.
const fn workload(group: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource { generation: true, ..builtin(group, kind, plural, true, true) }
}

const fn custom(
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    plural: &'static str,
    status: bool,
) -> Resource {
    Resource { group, versions, kind, plural, namespaced: true, custom: true, status, generation: true }
}

const fn cluster_wide(resource: Resource) -> Resource {
    Resource { namespaced: false, ..resource }
}

const ISTIO: &[&str] = &["v1", "v1beta1", "v1alpha3"];
const ISTIO_SECURITY: &[&str] = &["v1", "v1beta1"];
const ALPHA: &[&str] = &["v1alpha1"];

/// Every resource. Groups lie together: discovery shows them in this order.
pub(crate) static ALL: &[Resource] = &[
    builtin("", "ConfigMap", "configmaps", true, false),
    builtin("", "Event", "events", true, false),
    builtin("", "Namespace", "namespaces", false, true),
    builtin("", "Node", "nodes", false, true),
    builtin("", "Pod", "pods", true, true),
    builtin("", "Secret", "secrets", true, false),
    builtin("", "Service", "services", true, true),
    builtin("", "ServiceAccount", "serviceaccounts", true, false),
    workload("apps", "DaemonSet", "daemonsets"),
    workload("apps", "Deployment", "deployments"),
    workload("apps", "ReplicaSet", "replicasets"),
    workload("apps", "StatefulSet", "statefulsets"),
    workload("batch", "CronJob", "cronjobs"),
    workload("batch", "Job", "jobs"),
    builtin("events.k8s.io", "Event", "events", true, false),
    builtin("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false, false),
    builtin("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false, false),
    builtin("rbac.authorization.k8s.io", "Role", "roles", true, false),
    builtin("rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true, false),
    custom("networking.istio.io", ISTIO, "DestinationRule", "destinationrules", true),
    custom("networking.istio.io", ISTIO, "Gateway", "gateways", true),
    custom("networking.istio.io", ISTIO, "ServiceEntry", "serviceentries", true),
    custom("networking.istio.io", ISTIO, "Sidecar", "sidecars", true),
    custom("networking.istio.io", ISTIO, "VirtualService", "virtualservices", true),
    custom("security.istio.io", ISTIO_SECURITY, "AuthorizationPolicy", "authorizationpolicies", true),
    custom("security.istio.io", ISTIO_SECURITY, "PeerAuthentication", "peerauthentications", true),
    custom("argoproj.io", ALPHA, "Rollout", "rollouts", false),
    custom("admiral.io", ALPHA, "ClientConnectionConfig", "clientconnectionconfigs", false),
    custom("admiral.io", ALPHA, "Dependency", "dependencies", false),
    custom("admiral.io", ALPHA, "DependencyProxy", "dependencyproxies", false),
    custom("admiral.io", ALPHA, "GlobalTrafficPolicy", "globaltrafficpolicies", false),
    custom("admiral.io", ALPHA, "OutlierDetection", "outlierdetections", false),
    custom("admiral.io", ALPHA, "RoutingPolicy", "routingpolicies", false),
    custom("admiral.io", ALPHA, "TrafficConfig", "trafficconfigs", false),
    cluster_wide(custom("kubectl-mesh.io", ALPHA, "GlobalName", "globalnames", true)),
    cluster_wide(custom("kubectl-mesh.io", ALPHA, "GlobalNameSet", "globalnamesets", false)),
    custom("multicluster.x-k8s.io", ALPHA, "ClusterProfile", "clusterprofiles", true),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_kind_that_a_run_reads() {
        for kind in Kind::ALL {
            let resource = Resource::of_kind(kind);
            assert_eq!((resource.plural, resource.known()), (kind.plural(), Some(kind)));
        }
    }
}
