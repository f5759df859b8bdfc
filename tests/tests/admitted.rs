//! The webhook and the planner agree, on every generated cluster: what is admitted has no conflict in a plan, and where a plan
//! finds one somebody was refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use mesh_admission::wire::{self, Hook};
use mesh_admission::{NamePolicy, PlainIndex, Use, Verdict, decide};
use mesh_model::claim::{self, Place, Wish};
use mesh_model::facts::{ClusterFacts, GlobalTrafficPolicy, NamespaceFacts, Workload};
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::host::{base_host, prefix_hosts};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Env, Identity};
use mesh_model::participation::{Participation, participation};
use mesh_model::policy::MeshPolicy;
use mesh_plan::desire::desire;
use mesh_testkit::arb;
use mesh_testkit::build::{self, WorkloadBuilder};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a plan calls a conflict of names.
const CONFLICTS: [Code; 4] =
    [Code::OneHostTwoIdentities, Code::ClaimedByAnother, Code::PrefixCollision, Code::IllegalHost];
const UID: &str = "uid-of-the-cluster";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_admitted_can_be_served_and_what_conflicts_is_refused(facts in crowded()) {
        let policy = NamePolicy::new(Arc::new(MeshPolicy::default()));
        let mut cluster = Cluster::of(&facts, &policy);
        let mut admitted = facts.clone();
        admitted.traffic_policies.retain(|traffic| cluster.admits_traffic(traffic));
        admitted.workloads.retain(|workload| cluster.admits(workload));
        let count = |facts: &ClusterFacts| facts.workloads.len() + facts.traffic_policies.len();
        let is_any_refused = count(&admitted) < count(&facts);
        admitted.claims = cluster.index.claims.clone();
        let found = conflicts(admitted, &policy.mesh);
        prop_assert!(found.is_empty(), "admitted, and yet {found:#?}");

        let found = conflicts(facts, &policy.mesh);
        prop_assert!(found.is_empty() || is_any_refused, "nobody was refused, and yet {found:#?}");
    }
}

/// Also where no webhook sees both: claims do not tell partitions.
#[test]
fn one_identity_in_two_partitions_is_a_conflict_in_one_cluster_or_in_two() {
    let serves = |workload: WorkloadBuilder| {
        let workload: Workload = workload.into();
        let mut facts = ClusterFacts::default();
        let service = build::service(&workload.name).port("http", 80);
        facts.services.insert(workload.namespace.clone(), vec![service.into()]);
        facts.workloads.push(workload);
        facts
    };
    let payments = |name: &str| build::deployment("shop", name, "payments", "stage");
    let (retail, business) = (payments("a").partition("retail"), payments("b").partition("business"));
    for (first, second, expected) in [
        (
            retail.clone(),
            business,
            Some("it is the host of business.payments in env stage and of retail.payments in env stage"),
        ),
        (
            retail.clone(),
            payments("b"),
            Some("it is the host of payments in env stage and of retail.payments in env stage"),
        ),
        (retail, payments("b").partition("retail"), None),
    ] {
        let (first, second) = (serves(first), serves(second));
        let mut both = first.clone();
        both.workloads.extend(second.workloads.clone());
        for (namespace, services) in second.services.clone() {
            both.services.entry(namespace).or_default().extend(services);
        }
        for clusters in [vec![both], vec![first, second]] {
            let members = clusters.into_iter().enumerate().map(|(number, facts)| {
                (ClusterName::parse(&format!("c{number}")).unwrap(), ClusterView::Seen(facts.into()))
            });
            let fleet = FleetSnapshot { members: members.collect(), ..FleetSnapshot::default() };
            let found = desire(&fleet, &MeshPolicy::default(), Timestamp::UNIX_EPOCH).findings;
            let found = found.into_iter().find(|finding| finding.code == Code::OneHostTwoIdentities);
            assert_eq!(found.map(|finding| finding.message).as_deref(), expected);
        }
    }
}

/// A cluster of what several have, so that names meet; nothing is generated in it yet.
fn crowded() -> impl Strategy<Value = ClusterFacts> {
    (prop::collection::vec(arb::cluster(), 4..8), any::<bool>()).prop_map(|(clusters, is_of_one_owner)| {
        let mut all = ClusterFacts::default();
        for one in clusters {
            all.namespaces.extend(one.namespaces);
            all.workloads.extend(one.workloads);
            all.traffic_policies.extend(one.traffic_policies);
            all.claims.extend(one.claims);
            for (namespace, services) in one.services {
                all.services.entry(namespace).or_default().extend(services);
            }
        }
        // A namespace that is not known yet decides nothing.
        for workload in &all.workloads {
            all.namespaces.entry(workload.namespace.clone()).or_insert_with(|| NamespaceFacts {
                injected: true,
                ambient: false,
                ignored: false,
                network: None,
                owner: Some(workload.namespace.as_str().into()),
            });
        }
        // Two identities of one host are a conflict of one owner, too.
        if is_of_one_owner {
            all.namespaces.values_mut().for_each(|namespace| namespace.owner = Some("team-1".into()));
        }
        let mut seen = BTreeSet::new();
        all.workloads.retain(|one| seen.insert((one.namespace.clone(), one.kind, Arc::clone(&one.name))));
        all
    })
}

/// A cluster where workloads are deployed one after the other.
struct Cluster<'p> {
    index: PlainIndex,
    policy: &'p NamePolicy,
}

impl<'p> Cluster<'p> {
    /// Everything of a cluster but its workloads.
    fn of(facts: &ClusterFacts, policy: &'p NamePolicy) -> Self {
        let mut index = PlainIndex::default();
        for (name, facts) in &facts.namespaces {
            index.namespaces.insert(name.clone(), Arc::new(facts.clone()));
        }
        facts.claims.values().for_each(|claim| index.add_claim(claim));
        Self { index, policy }
    }

    fn is_admitted(&self, request: &Value) -> bool {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let body = review.to_string();
        let verdict = decide(Hook::Validate, &wire::read(body.as_bytes()).unwrap(), &self.index, self.policy);
        !matches!(verdict, Verdict::Refused(_))
    }

    /// Whether a traffic policy is admitted; then its prefix hosts are known.
    fn admits_traffic(&mut self, traffic: &GlobalTrafficPolicy) -> bool {
        let items = traffic.items.iter().map(|item| json!({"dnsPrefix": &*item.dns_prefix, "dns": &*item.dns}));
        let (labels, annotations) =
            (json!({"identity": &*traffic.meta.identity}), json!({"admiral.io/env": &*traffic.meta.env}));
        let object = json!({
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": {"policy": items.collect::<Vec<_>>()},
        });
        if !self.is_admitted(&creation(Kind::GlobalTrafficPolicy, &traffic.meta.namespace, &object)) {
            return false;
        }
        let suffix = &self.policy.mesh.suffix;
        let named = Identity::parse(&traffic.meta.identity).ok().zip(Env::parse(&traffic.meta.env).ok());
        let Some((base, env)) =
            named.and_then(|(identity, env)| Some((base_host(&env, &identity, suffix, false).ok()?, env)))
        else {
            return true;
        };
        let items = traffic.items.iter().map(|item| (&*item.dns_prefix, &*item.dns));
        for host in prefix_hosts(items, &base, &env).filter_map(Result::ok) {
            self.index.prefixes.insert(host.to_lowercase().into(), base.to_lowercase().into());
        }
        true
    }

    /// Whether a workload is admitted; then it runs, and its name is claimed.
    fn admits(&mut self, workload: &Workload) -> bool {
        let review =
            json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request(workload)});
        let body = review.to_string();
        let request = wire::read(body.as_bytes()).unwrap();
        if let Verdict::Refused(_) = decide(Hook::Validate, &request, &self.index, self.policy) {
            return false;
        }
        let namespace = self.index.namespaces.get(&workload.namespace).cloned();
        let mesh = &self.policy.mesh;
        let serves = workload.kind.serves()
            && participation(workload.wish, namespace.as_deref(), true, mesh) == Participation::Serves;
        if let (true, Some(owner)) = (serves, namespace.and_then(|namespace| namespace.owner.clone())) {
            let host = base_host(&workload.env, &workload.identity, &mesh.suffix, workload.keep_case).unwrap();
            let host: Arc<str> = host.to_lowercase().into();
            let (identity, env) = (workload.identity.clone(), workload.env.clone());
            let wish =
                Wish { host: Arc::clone(&host), owner, identity: identity.as_str().into(), env: env.as_str().into() };
            let place = Place { cluster: UID.into(), now: Timestamp::UNIX_EPOCH };
            if let Some(claim) = claim::claim(self.index.claims.get(&host), &wish, &place) {
                self.index.add_claim(&claim);
            }
            let (partition, namespace) = (workload.partition.clone(), workload.namespace.clone());
            let used = Use { identity, env, partition, namespace };
            self.index.uses.entry(host).or_default().push(used);
        }
        true
    }
}

/// What a plan of a fleet of this cluster alone calls a conflict.
fn conflicts(facts: ClusterFacts, policy: &MeshPolicy) -> Vec<Finding> {
    let mut fleet = FleetSnapshot::default();
    fleet.members.insert(ClusterName::parse("c1").unwrap(), ClusterView::Seen(facts.into()));
    let desired = desire(&fleet, policy, Timestamp::UNIX_EPOCH);
    desired.findings.into_iter().filter(|finding| CONFLICTS.contains(&finding.code)).collect()
}

/// The request to create a workload.
pub(crate) fn request(workload: &Workload) -> Value {
    let (mut labels, mut annotations) = (BTreeMap::new(), BTreeMap::new());
    labels.insert("identity", workload.identity.to_string());
    annotations.insert("admiral.io/env", workload.env.to_string());
    let wish = workload.wish;
    let told = [
        (wish.ignored, "admiral-ignore", "true".to_owned()),
        (wish.ambient, "istio.io/dataplane-mode", "ambient".to_owned()),
        (wish.inject_label.is_some(), "sidecar.istio.io/inject", wish.inject_label.unwrap_or_default().to_string()),
    ];
    labels.extend(told.into_iter().filter(|(is_told, ..)| *is_told).map(|(_, key, value)| (key, value)));
    if let Some(inject) = wish.inject_annotation {
        annotations.insert("sidecar.istio.io/inject", inject.to_string());
    }
    if let Some(partition) = &workload.partition {
        annotations.insert("admiral.io/identityPartition", partition.to_string());
    }
    if workload.keep_case {
        annotations.insert("admiral.io/cname-case-sensitive", "true".to_owned());
    }
    let template = json!({"metadata": {"labels": labels, "annotations": annotations}});
    let spec = if workload.kind.kind().as_str() == "CronJob" {
        json!({"jobTemplate": {"spec": {"template": template}}})
    } else {
        json!({"template": template})
    };
    creation(workload.kind.kind(), &workload.namespace, &json!({"metadata": {"name": &*workload.name}, "spec": spec}))
}

/// The request to create an object.
fn creation(kind: Kind, namespace: &str, object: &Value) -> Value {
    json!({
        "uid": "u",
        "kind": {"group": kind.group(), "version": "v1", "kind": kind.as_str()},
        "namespace": namespace,
        "operation": "CREATE",
        "object": object,
    })
}
