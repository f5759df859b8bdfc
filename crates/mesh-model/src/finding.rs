//! Findings: problems in a fleet, as data.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::ClusterName;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something is not as its owner probably thinks.
    Warning,
    /// Something is not served, or not as it was asked for.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A problem found in a fleet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// What sort of problem.
    pub code: Code,
    /// The cluster it is in; none when it is the fleet's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterName>,
    /// The object (`Service shop/checkout`), file (`c1/10.yaml:12`) or host it is about.
    pub place: Arc<str>,
    /// What is wrong: lower case, no final period.
    pub message: String,
    /// What to do about it.
    pub next: String,
}

impl Finding {
    /// A finding with the usual severity and next step of its code.
    pub fn new(code: Code, cluster: Option<&ClusterName>, place: impl Into<Arc<str>>, message: String) -> Self {
        Self {
            severity: code.severity(),
            code,
            cluster: cluster.cloned(),
            place: place.into(),
            message,
            next: code.next_step().to_owned(),
        }
    }
}

/// Defines the codes: what is wrong, number, kebab-case name, usual severity, next step.
macro_rules! codes {
    ($(#[doc = $meaning:literal] $variant:ident = $number:literal, $name:literal, $severity:ident, $next:literal;)*) => {
        /// What sort of problem a finding is. Number and name are stable from the first release; the list is
        /// `docs/findings.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $meaning] $variant,)* }

        impl Code {
            /// Every code, by number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The number in `MESH-C<nnn>`.
            pub fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The kebab-case name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What is wrong, in general: a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning.trim_ascii(),)* }
            }

            /// The severity that it usually has.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What to do about it, in general.
            pub fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next,)* }
            }
        }
    };
}

codes! {
    /// A cluster could not be read.
    ClusterUnseen = 1, "cluster-unseen", Warning, "make the cluster readable, or let it go with `kubectl mesh fleet retire`";
    /// A kind of a cluster could not be read completely.
    KindUnseen = 2, "kind-unseen", Warning, "make the kind readable; until then what came from it is held";
    /// A document of no known kind, or one that does not parse.
    UnreadableDocument = 3, "unreadable-document", Error, "mend the document; until then its cluster counts as unseen";
    /// An object of a known kind that does not parse.
    UnreadableObject = 4, "unreadable-object", Error, "mend the object; until then its kind counts as unseen in the cluster";
    /// A reached cluster that is not a member.
    Stranger = 5, "stranger", Info, "add it with `kubectl mesh fleet add`";
    /// An origin names a cluster that is no member.
    NotAMember = 6, "not-a-member", Warning, "add the cluster to the members, or list it there as retired";
    /// A retired member that could not be reached to be cleaned up.
    RetiredNotReached = 7, "retired-not-reached", Warning, "its own objects stay; reach it once more, or delete them by hand";
    /// A link that leaves the fleet's directory was not followed.
    LinkLeavesFleet = 8, "link-leaves-fleet", Error, "replace the link by the file itself";
    /// Two documents define one object.
    DuplicateObject = 9, "duplicate-object", Warning, "keep one of the two documents; the first one counts";

    /// A Service matches, but none of its ports can be a mesh port.
    NoUsablePort = 20, "no-usable-port", Error, "name a TCP port of the Service, or correct includeInboundPorts";
    /// A workload with an identity has no matching Service.
    NoService = 21, "no-service", Info, "create a Service whose selector is part of the workload's matchLabels, if it is to be called";
    /// A workload with an identity is not injected.
    NotInjected = 22, "not-injected", Warning, "enable sidecar injection on the template or the namespace";
    /// A workload with an identity is in ambient mode.
    Ambient = 23, "ambient", Warning, "cross-cluster hosts need sidecars; enable injection or remove the identity";
    /// A cluster has no region.
    NoRegion = 24, "no-region", Warning, "label the nodes with topology.kubernetes.io/region, or set the member's region in the policy";
    /// A source cluster has no usable east-west gateway.
    NoGateway = 25, "no-gateway", Error, "give the gateway Service an address, or set the member's gateway in the policy";
    /// Two clusters have one gateway address.
    SharedGatewayAddress = 26, "shared-gateway-address", Warning, "give each cluster a gateway address of its own";
    /// Sources disagree about the protocol or the published port.
    ProtocolClash = 27, "protocol-clash", Warning, "give the Service ports one name prefix (http, http2, grpc, …) and number in every cluster";
    /// Another traffic policy, outlier detection or connection config won.
    PolicyLost = 28, "policy-lost", Warning, "delete the loser, or raise its priority";
    /// A traffic policy names a region where nobody serves.
    RegionWithoutSource = 29, "region-without-source", Warning, "correct the region, or deploy there";
    /// A FAILOVER item cannot be emitted.
    BadWeights = 30, "bad-weights", Error, "let the weights of the item add to 100 over regions that serve";
    /// Two identities give one host.
    OneHostTwoIdentities = 31, "one-host-two-identities", Error, "rename one of the two identities";
    /// Workloads of several namespaces serve one host in one cluster.
    SeveralNamespaces = 32, "several-namespaces", Warning, "serve a name from one namespace of a cluster";
    /// Somebody else's ServiceEntry is on our host, or an object of theirs has our name.
    HostTaken = 33, "host-taken", Error, "remove or rename the object; until then the host is held in this cluster";
    /// Somebody else's VirtualService sends requests for our host elsewhere.
    HostDiverted = 34, "host-diverted", Error, "delete the VirtualService, narrow its hosts or exportTo, or send the requests to the host itself";
    /// A Dependency names an identity that nobody serves.
    DeadDependency = 35, "dead-dependency", Warning, "correct the destination, or deploy it";
    /// The VIP range is full.
    VipRange = 36, "vip-range", Error, "widen policy.vip.range";
    /// An identity or env gives no legal host.
    IllegalHost = 37, "illegal-host", Error, "rename: labels of at most 63 letters, digits and dashes, 242 bytes in all";
    /// A host has upper-case letters.
    UpperCaseHost = 38, "upper-case-host", Warning, "remove admiral.io/cname-case-sensitive: proxies compare hosts in lower case";
    /// Rollouts are not supported yet.
    RolloutNotSupported = 39, "rollout-not-supported", Warning, "its name is held in this cluster until Rollouts are supported";
    /// Further ports of a Service are not published.
    FurtherPorts = 40, "further-ports", Info, "one port a name is published; choose it with includeInboundPorts";
    /// A TCP port that cannot be published.
    PortNotPublished = 41, "port-not-published", Error, "a TCP port needs a virtual address and a number other than 80";
    /// A duration that Istio would reject.
    BadDuration = 42, "bad-duration", Warning, "write a positive duration";
    /// No server identity is checked.
    NoServerIdentity = 43, "no-server-identity", Info, "set policy.sans so that clients check whom they reach";
    /// An identity begins with a reserved prefix, or a prefix host is another name's base host.
    PrefixCollision = 44, "prefix-collision", Error, "rename the identity or the prefix";
    /// Several Services of one workload or several workloads of a pair are local endpoints.
    SeveralServices = 45, "several-services", Info, "all of them are local endpoints";
    /// A cluster with a source was left for a reason of its own: it keeps the host in client form.
    ExSource = 46, "ex-source", Info, "callers there go on; remove it with `kubectl mesh sync --prune-ex-sources`";
    /// A cluster runs Admiral.
    BesideAdmiral = 47, "beside-admiral", Error, "stop Admiral, or sync with --beside-admiral";
    /// An origins annotation cannot be read.
    BadOrigins = 48, "bad-origins", Warning, "delete the annotation kubectl-mesh.io/from; the next sync writes it anew";
    /// A live endpoint has no gateway any more but is kept.
    GatewayGone = 49, "gateway-gone", Warning, "give the gateway its address back, or set the member's gateway to none in the policy";
    /// A value outside the bounds of Istio or Kubernetes.
    OutOfBounds = 50, "out-of-bounds", Warning, "correct the value";
    /// The name is claimed by another owner: new endpoints are withheld.
    ClaimedByAnother = 51, "claimed-by-another", Error, "rename the identity, or ask the owner to admit the namespace";
    /// Two objects that are kept have one virtual address.
    VipCollision = 52, "vip-collision", Warning, "the host that lost it gets another address";
    /// A traffic policy for an identity that no workload of its namespace carries.
    PolicyWithoutWorkload = 53, "policy-without-workload", Info, "move it to the namespace of the workload that it is for";
    /// A suppression of the policy whose last day is over: it suppresses nothing.
    SuppressionExpired = 54, "suppression-expired", Warning, "renew it with a new date, or delete it";
    /// A suppression of the policy that matches no finding.
    SuppressionUnused = 55, "suppression-unused", Info, "delete it";
    /// Two owners have claimed one name before they knew of each other: one of them keeps it, and what the other runs stays.
    RivalClaims = 56, "rival-claims", Error, "let the owners agree, then `kubectl mesh names transfer NAME --to OWNER`, or rename one";

    /// A cluster's mesh has other roots than the others': its certificates are refused, 503 UF CERTIFICATE_VERIFY_FAILED.
    DifferentRoots = 60, "different-roots", Error, "sign the istiods of all clusters by one root; plug in intermediates of it";
    /// Bundles of roots differ but have roots in common: a rotation, or a part of one.
    RootsDiffer = 61, "roots-differ", Warning, "finish the rotation: give every cluster and namespace the same bundle";
    /// A root ends soon, or has ended.
    RootExpires = 62, "root-expires", Warning, "bring in a new root beside it, then let it go";
    /// A bundle of roots cannot be read.
    BadRoots = 63, "bad-roots", Error, "mend ConfigMap istio-ca-root-cert, or what istiod makes it from";
    /// A cluster's trust domain is not the one that the policy says, or one that others do not accept.
    TrustDomain = 64, "trust-domain", Error, "set the member's trustDomain in the policy, or trustDomainAliases in the mesh's settings";
    /// Clients expect an identity that the servers do not have: 503 UF CERTIFICATE_VERIFY_FAILED.
    WrongSans = 65, "wrong-sans", Error, "set policy.sans to serviceAccounts, or correct the template or the list";
    /// The east-west gateway does not pass on a host: connections are reset, 503 UF.
    GatewayClosed = 66, "gateway-closed", Error, "give the gateway a server of port 15443, protocol TLS, mode AUTO_PASSTHROUGH, with hosts that cover the suffix";
    /// The gateway passes on every host, those of the cluster itself included.
    GatewayOpen = 67, "gateway-open", Warning, "let in only what ends in the suffix";
    /// The gateway asks for endpoints of all networks, and hands traffic on to other clusters.
    NetworkView = 68, "network-view", Warning, "set ISTIO_META_REQUESTED_NETWORK_VIEW of the gateway to the cluster's network";
    /// No pod of the gateway is ready: 503 UF.
    GatewayNotReady = 69, "gateway-not-ready", Error, "look at the pods of the gateway";
    /// The gateway has several addresses, of which one is used.
    SeveralAddresses = 70, "several-addresses", Info, "name one address for all of them, or set the member's gateway in the policy";
    /// Two clusters have one network: their gateways hand traffic on to each other.
    OneNetwork = 71, "one-network", Warning, "give each cluster a network of its own: label the gateway's namespace topology.istio.io/network";
    /// A namespace that needs an entry may not see it.
    NotExported = 72, "not-exported", Error, "add the namespace to exportTo";
    /// A Sidecar hides a host from its clients: the name does not resolve.
    SidecarHides = 73, "sidecar-hides", Error, "add the sync namespace to the egress hosts of the Sidecar";
    /// Somebody else's VirtualService is on our host and leads to it.
    HostRouted = 74, "host-routed", Info, "nothing, if its owner wants that";
    /// Clients follow somebody else's DestinationRule in place of ours.
    RuleReplaced = 75, "rule-replaced", Warning, "delete the DestinationRule, or narrow its host";
    /// A DestinationRule that clients or a gateway follow has no mutual TLS, or another SNI: 503 UC or UF.
    RuleTls = 76, "rule-tls", Error, "delete the DestinationRule, or set its tls mode to ISTIO_MUTUAL, without an SNI";
    /// Traffic goes to regions that no endpoint is in: 503 UH.
    DistributionToNowhere = 77, "distribution-to-nowhere", Error, "name regions that have endpoints; give every endpoint a locality";
    /// Regions are kept although they fail: nothing ejects their endpoints.
    NoFailover = 78, "no-failover", Warning, "set outlier detection: without it the order of regions is ignored as well";
    /// Failing endpoints stay, because too few of them may be ejected.
    EjectionLimited = 79, "ejection-limited", Error, "set maxEjectionPercent to 100";
    /// Somebody else's entry has a virtual address of ours.
    AddressTaken = 80, "address-taken", Error, "give the other entry another address, or none";
    /// An entry is MESH_EXTERNAL: gateways do not pass on its host, and clients speak plaintext to it.
    EntryExternal = 81, "entry-external", Error, "set location to MESH_INTERNAL";
    /// An endpoint of an entry is not marked as one with a sidecar: no mutual TLS.
    EntryPlaintext = 82, "entry-plaintext", Error, "label the endpoint security.istio.io/tlsMode: istio";
    /// An entry leads nowhere by its resolution and endpoints: 503 UH.
    EntryLeadsNowhere = 83, "entry-leads-nowhere", Error, "use resolution DNS for host names, STATIC for addresses, and name endpoints";
    /// The ports of an entry and of its endpoints do not fit: 503 UF.
    EntryPorts = 84, "entry-ports", Error, "give each endpoint a port by the name of the entry's port, and publish one number everywhere";
    /// An endpoint has weight 0, which Istio takes for 1.
    EntryWeight = 85, "entry-weight", Error, "remove the endpoint, or share traffic by region with a traffic policy";
    /// Two entries have one host.
    EntryTwice = 86, "entry-twice", Error, "keep one of them";
    /// An entry is missing where requests begin or arrive: the name does not resolve, or the gateway resets connections, 503 UF.
    EntryMissing = 87, "entry-missing", Error, "run `kubectl mesh sync`";
    /// Somebody changed a generated object.
    Drifted = 88, "drifted", Warning, "run `kubectl mesh sync`, which writes it anew; change what it is generated from in place of it";
    /// A server takes no mutual TLS: 503 UF WRONG_VERSION_NUMBER.
    MtlsDisabled = 89, "mtls-disabled", Error, "remove mode DISABLE from the PeerAuthentication";
    /// Servers of a cluster take plaintext as well.
    MtlsPermissive = 90, "mtls-permissive", Info, "set mode STRICT in a PeerAuthentication of the root namespace once all clients have sidecars";
    /// A client may not call a server: 403 RBAC: access denied.
    CallerDenied = 91, "caller-denied", Error, "allow the client's principal in the AuthorizationPolicy";
    /// A principal that can match nobody.
    BadPrincipal = 92, "bad-principal", Warning, "write principals without spiffe://";
    /// Agents do not answer DNS, so that global names do not resolve unless somebody else answers.
    NoDnsCapture = 93, "no-dns-capture", Warning, "set ISTIO_META_DNS_CAPTURE in defaultConfig.proxyMetadata of the mesh";
    /// The istiods of a fleet are more than two minor versions apart.
    VersionSkew = 94, "version-skew", Warning, "upgrade the oldest";
    /// None of the pods of a service is ready: 503 UF.
    NobodyReady = 95, "nobody-ready", Warning, "look at the pods of the workload";
    /// An object that decides traffic does not read: what it does is unknown.
    UnreadableSpec = 96, "unreadable-spec", Error, "correct the field";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("MESH-C{:03}", self.number()))
    }
}

impl Code {
    /// Whether it is about what becomes of traffic, which depends on more than what is generated.
    pub fn is_about_traffic(self) -> bool {
        self.number() >= Self::DifferentRoots.number() || self == Self::HostDiverted
    }

    /// The code of this number (`MESH-C034`) or name (`host-diverted`).
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == text || code.to_string() == text)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            let example = Self::HostDiverted;
            D::Error::custom(format!("{text:?} is not the code or name of a finding ({example} or {})", example.name()))
        })
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_kebab_case() {
        let numbers: BTreeSet<_> = Code::ALL.iter().map(|code| code.number()).collect();
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn a_code_is_known_by_its_number_and_its_name_as_written() {
        for code in Code::ALL {
            assert_eq!((Code::parse(&code.to_string()), Code::parse(code.name())), (Some(*code), Some(*code)));
        }
        for bad in ["", "34", "C034", "MESH-C34", "mesh-c034", "Host-Diverted", "host-diverted ", "MESH-C999"] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
    }
}
