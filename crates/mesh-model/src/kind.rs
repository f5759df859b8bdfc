//! The kinds of object that a run reads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of object that is read; also what can be *unseen* in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are Kubernetes', Istio's and Admiral's own")]
pub enum Kind {
    Namespace,
    Deployment,
    StatefulSet,
    DaemonSet,
    Rollout,
    Job,
    CronJob,
    Service,
    Node,
    ConfigMap,
    ServiceEntry,
    DestinationRule,
    VirtualService,
    Gateway,
    Sidecar,
    PeerAuthentication,
    AuthorizationPolicy,
    Dependency,
    GlobalTrafficPolicy,
    OutlierDetection,
    ClientConnectionConfig,
    RoutingPolicy,
    TrafficConfig,
    DependencyProxy,
    GlobalName,
    GlobalNameSet,
}

impl Kind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 26] = [
        Self::Namespace,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Rollout,
        Self::Job,
        Self::CronJob,
        Self::Service,
        Self::Node,
        Self::ConfigMap,
        Self::ServiceEntry,
        Self::DestinationRule,
        Self::VirtualService,
        Self::Gateway,
        Self::Sidecar,
        Self::PeerAuthentication,
        Self::AuthorizationPolicy,
        Self::Dependency,
        Self::GlobalTrafficPolicy,
        Self::OutlierDetection,
        Self::ClientConnectionConfig,
        Self::RoutingPolicy,
        Self::TrafficConfig,
        Self::DependencyProxy,
        Self::GlobalName,
        Self::GlobalNameSet,
    ];

    /// The kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Rollout => "Rollout",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Service => "Service",
            Self::Node => "Node",
            Self::ConfigMap => "ConfigMap",
            Self::ServiceEntry => "ServiceEntry",
            Self::DestinationRule => "DestinationRule",
            Self::VirtualService => "VirtualService",
            Self::Gateway => "Gateway",
            Self::Sidecar => "Sidecar",
            Self::PeerAuthentication => "PeerAuthentication",
            Self::AuthorizationPolicy => "AuthorizationPolicy",
            Self::Dependency => "Dependency",
            Self::GlobalTrafficPolicy => "GlobalTrafficPolicy",
            Self::OutlierDetection => "OutlierDetection",
            Self::ClientConnectionConfig => "ClientConnectionConfig",
            Self::RoutingPolicy => "RoutingPolicy",
            Self::TrafficConfig => "TrafficConfig",
            Self::DependencyProxy => "DependencyProxy",
            Self::GlobalName => "GlobalName",
            Self::GlobalNameSet => "GlobalNameSet",
        }
    }

    /// Whether objects of the kind are claims.
    pub fn is_of_claims(self) -> bool {
        matches!(self, Self::GlobalName | Self::GlobalNameSet)
    }

    /// The API group, empty for the core group.
    pub fn group(self) -> &'static str {
        match self {
            Self::Namespace | Self::Service | Self::Node | Self::ConfigMap => "",
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps",
            Self::Rollout => "argoproj.io",
            Self::Job | Self::CronJob => "batch",
            Self::ServiceEntry | Self::DestinationRule | Self::VirtualService | Self::Gateway | Self::Sidecar => {
                "networking.istio.io"
            }
            Self::PeerAuthentication | Self::AuthorizationPolicy => "security.istio.io",
            Self::Dependency
            | Self::GlobalTrafficPolicy
            | Self::OutlierDetection
            | Self::ClientConnectionConfig
            | Self::RoutingPolicy
            | Self::TrafficConfig
            | Self::DependencyProxy => "admiral.io",
            Self::GlobalName | Self::GlobalNameSet => "kubectl-mesh.io",
        }
    }

    /// The resource name in the API, lower case and plural.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::Rollout => "rollouts",
            Self::Job => "jobs",
            Self::CronJob => "cronjobs",
            Self::Service => "services",
            Self::Node => "nodes",
            Self::ConfigMap => "configmaps",
            Self::ServiceEntry => "serviceentries",
            Self::DestinationRule => "destinationrules",
            Self::VirtualService => "virtualservices",
            Self::Gateway => "gateways",
            Self::Sidecar => "sidecars",
            Self::PeerAuthentication => "peerauthentications",
            Self::AuthorizationPolicy => "authorizationpolicies",
            Self::Dependency => "dependencies",
            Self::GlobalTrafficPolicy => "globaltrafficpolicies",
            Self::OutlierDetection => "outlierdetections",
            Self::ClientConnectionConfig => "clientconnectionconfigs",
            Self::RoutingPolicy => "routingpolicies",
            Self::TrafficConfig => "trafficconfigs",
            Self::DependencyProxy => "dependencyproxies",
            Self::GlobalName => "globalnames",
            Self::GlobalNameSet => "globalnamesets",
        }
    }

    /// Whether nothing that is generated depends on it: it decides what becomes of traffic, and is read for that only.
    pub fn is_for_traffic_only(self) -> bool {
        matches!(self, Self::Gateway | Self::Sidecar | Self::PeerAuthentication | Self::AuthorizationPolicy)
    }

    /// The kind that a manifest of `api_group` and `kind` is, if it is one that is read.
    pub fn of(api_group: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == kind && known.group() == api_group)
    }

    /// The kind that a person means: its name or its plural, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str().eq_ignore_ascii_case(text) || k.plural().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
