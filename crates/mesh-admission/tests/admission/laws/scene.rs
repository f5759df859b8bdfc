//! What laws are asked about: a review, and a cluster that it comes to. Names are few, so that they meet.

use std::sync::Arc;
use std::time::Duration;

use mesh_admission::wire::Hook;
use mesh_admission::{Mode, NamePolicy, OnStale, PlainIndex};
use mesh_model::claim::{Claim, Phase};
use mesh_model::facts::NamespaceFacts;
use mesh_model::host::identity_label;
use mesh_model::name::Namespace;
use mesh_model::policy::{MeshPolicy, SanPolicy};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::fixture::{GLOBAL_NAME, IDENTITY, Review, claim, creates, served_in, updates};

/// A cluster, as plain lists. Claims are every record on a host, in the order in which they came.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) namespaces: Vec<(&'static str, NamespaceFacts)>,
    pub(super) claims: Vec<Claim>,
    pub(super) serving: Vec<Served>,
    /// Prefix hosts, each with its base host.
    pub(super) prefixes: Vec<(&'static str, &'static str)>,
    /// Hosts, each with the ends of the identities that callers accept.
    pub(super) accepted: Vec<(&'static str, &'static [&'static str])>,
    /// Whether callers accept who is known, and nobody else.
    pub(super) has_sans: bool,
    pub(super) age: Duration,
    pub(super) mode: Mode,
    pub(super) on_stale: OnStale,
}

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) identity: &'static str,
    pub(super) env: &'static str,
    pub(super) partition: Option<&'static str>,
    pub(super) namespace: &'static str,
}

impl World {
    pub(super) fn index(&self) -> PlainIndex {
        let mut index = PlainIndex { age: self.age, ..PlainIndex::default() };
        for (name, facts) in &self.namespaces {
            index.namespaces.insert(Namespace::parse(name).unwrap(), Arc::new(facts.clone()));
        }
        self.claims.iter().for_each(|claim| index.add_claim(claim));
        for Served { identity, env, partition, namespace } in &self.serving {
            served_in(&mut index, *partition, (identity, env), namespace);
        }
        let trusted = |end: &&str| -> Arc<str> { format!("spiffe://cluster.local{end}").into() };
        index.accepted =
            self.accepted.iter().map(|(host, ends)| ((*host).into(), ends.iter().map(trusted).collect())).collect();
        index.prefixes = self.prefixes.iter().map(|(host, base)| ((*host).into(), (*base).into())).collect();
        index
    }

    pub(super) fn policy(&self) -> NamePolicy {
        let sans = if self.has_sans { SanPolicy::ServiceAccounts } else { SanPolicy::Off };
        let mesh = MeshPolicy { exclude: vec![EXCLUDED.into()], sans, ..MeshPolicy::default() };
        NamePolicy { mode: self.mode, on_stale: self.on_stale, ..NamePolicy::new(Arc::new(mesh)) }
    }
}

/// A review in a cluster, and what may be put into its bytes.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) review: Review,
    pub(super) world: World,
    /// Bytes, and where: as parts of 65,536.
    pub(super) noise: (u16, Vec<u8>),
}

pub(super) fn scenes() -> impl Strategy<Value = Scene> {
    let hook = select(vec![Hook::Mutate, Hook::Validate, Hook::Validate]);
    let noise = (any::<u16>(), prop::collection::vec(any::<u8>(), 0..4));
    (hook, reviews(), any::<bool>(), world(), noise).prop_map(|(hook, mut review, is_dry, world, noise)| {
        review.hook = hook;
        review.request["dryRun"] = is_dry.into();
        Scene { review, world, noise }
    })
}

/// By which a template tells the partition of its identity.
pub(super) const PARTITION: &str = "admiral.io/identityPartition";

/// An identity that the policy leaves out.
pub(super) const EXCLUDED: &str = "left-out";

/// Names that are legal: one, the same in other letters, another split of it, one that its prefix host is, and others.
const NAMES: [(&str, &str); 7] = [
    ("checkout", "stage"),
    ("Checkout", "stage"),
    ("stage.checkout", "west"),
    ("checkout", "west.stage"),
    ("pay", "stage"),
    ("checkout", "preview.stage"),
    (EXCLUDED, "stage"),
];

fn names() -> impl Strategy<Value = (&'static str, &'static str)> {
    // The first more often than the others, so that owners meet as well.
    prop_oneof![Just(NAMES[0]), select(NAMES.to_vec())]
}

fn world() -> impl Strategy<Value = World> {
    let claims = prop::collection::vec(claims(), 0..4);
    let place = select(vec!["shop", "more", "more", "pay", "loud", "loose"]);
    let serving = prop::collection::vec((names(), partitions(), place), 0..3);
    let accepted = prop_oneof![
        2 => Just(vec![]),
        1 => Just(vec![("stage.checkout.global", &[][..])]),
        3 => Just(vec![
            ("stage.checkout.global", &["/ns/shop/sa/web", "/ns/pay/sa/default"][..]),
            ("stage.pay.global", &["/ns/other/sa/web"][..]),
        ]),
    ];
    let prefixes = prop_oneof![
        2 => Just(vec![]),
        1 => Just(vec![("west.stage.checkout.global", "stage.checkout.global")]),
        1 => Just(vec![("west.stage.checkout.global", "stage.other.global"), ("stage.checkout.global", "checkout.b.global")]),
    ];
    let mode = prop_oneof![3 => Just(Mode::Optimistic), 1 => Just(Mode::Strict)];
    let on_stale = select(vec![OnStale::Warn, OnStale::Refuse]);
    let age = prop_oneof![3 => Just(1), 1 => Just(400)].prop_map(Duration::from_secs);
    let callers = (accepted, any::<bool>());
    (claims, serving, prefixes, callers, mode, on_stale, age).prop_map(
        |(mut claims, serving, prefixes, (accepted, has_sans), mode, on_stale, age)| {
            // No two records are equal in strength.
            for (at, claim) in claims.iter_mut().enumerate() {
                claim.claimed_in = format!("uid-{at}").into();
            }
            let served = |((identity, env), partition, namespace)| Served { identity, env, partition, namespace };
            let serving = serving.into_iter().map(served).collect();
            World { namespaces: namespaces(), claims, serving, prefixes, accepted, has_sans, age, mode, on_stale }
        },
    )
}

/// Partitions of identities, which most do not have.
fn partitions() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![12 => Just(None), 1 => Just(Some("retail")), 1 => Just(Some("business"))]
}

fn namespaces() -> Vec<(&'static str, NamespaceFacts)> {
    let facts = |owner: &str| NamespaceFacts {
        injected: true,
        ambient: false,
        ignored: false,
        network: None,
        owner: Some(owner.into()),
    };
    vec![
        ("shop", facts("team-shop")),
        ("more", facts("team-shop")),
        ("pay", facts("team-pay")),
        ("loud", facts("Team-Shop")),
        ("a-stage", facts("team-shop")),
        ("mesh-sync", facts("platform")),
        ("loose", NamespaceFacts { owner: None, ..facts("") }),
        ("bare", NamespaceFacts { injected: false, ..facts("team-pay") }),
        ("calm", NamespaceFacts { ambient: true, ..facts("team-pay") }),
        ("ignored", NamespaceFacts { ignored: true, ..facts("team-pay") }),
    ]
}

fn claims() -> impl Strategy<Value = Claim> {
    let owner = select(vec!["team-shop", "team-pay"]);
    let also = prop_oneof![3 => Just(vec![]), 1 => Just(vec!["team-pay".into()])];
    let phase = prop_oneof![3 => Just(Phase::Bound), 1 => Just(Phase::Released)];
    let times = (0..3_i64, prop::option::weighted(0.3, 0..3_i64));
    (names(), owner, also, prop_oneof![3 => Just(1), 1 => Just(2_u64)], phase, times).prop_map(
        |((identity, env), owner, also_owners, epoch, phase, (claimed, confirmed))| {
            let time = |second| jiff::Timestamp::from_second(second).unwrap();
            let (claimed_at, confirmed_at) = (time(claimed), confirmed.map(time));
            Claim { also_owners, epoch, phase, claimed_at, confirmed_at, ..claim(owner, identity, env) }
        },
    )
}

fn reviews() -> impl Strategy<Value = Review> {
    let namespaces =
        vec!["shop", "shop", "more", "pay", "pay", "loud", "a-stage", "loose", "bare", "calm", "ignored", "unknown"];
    prop_oneof![
        6 => (select(namespaces.clone()), workloads()).prop_map(|(namespace, (old, new, is_status))| {
            let review = review(namespace, old.as_ref(), &new);
            if is_status && old.is_some() { review.of_status() } else { review }
        }),
        1 => (select(namespaces), traffic_policies(), prop::option::of(traffic_policies()))
            .prop_map(|(namespace, new, old)| review(namespace, old.as_ref(), &new)),
        1 => (select(vec!["shop", "pay", "mesh-sync", "unknown"]), on_hosts(), prop::option::of(on_hosts()))
            .prop_map(|(namespace, new, old)| {
                let old = old.map(|mut old| {
                    old["kind"] = new["kind"].clone();
                    old
                });
                review(namespace, old.as_ref(), &new)
            }),
    ]
}

fn review(namespace: &str, old: Option<&Value>, new: &Value) -> Review {
    old.map_or_else(|| creates(namespace, new), |old| updates(namespace, old, new))
}

/// A workload as it was, if it was, and as it is to be; and whether its status is written.
fn workloads() -> impl Strategy<Value = (Option<Value>, Value, bool)> {
    let kind = prop_oneof![
        4 => Just(("apps/v1", "Deployment")),
        1 => select(vec![
            ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("argoproj.io/v1alpha1", "Rollout"), ("batch/v1", "Job"),
            ("batch/v1", "CronJob"),
        ]),
    ];
    let is_status = prop::bool::weighted(0.05);
    (kind, states(), prop::option::of(states()), any::<bool>(), is_status).prop_map(
        |(kind, new, other, is_alike, is_status)| {
            // Mostly one thing differs from what was there.
            let old =
                other.map(
                    |other| if is_alike { State { own: other.own, image: other.image, ..new.clone() } } else { other },
                );
            (old.map(|old| workload(kind, &old)), workload(kind, &new), is_status)
        },
    )
}

/// What differs between workloads.
#[derive(Debug, Clone)]
struct State {
    own: Value,
    template: Value,
    image: u8,
    account: Value,
}

fn states() -> impl Strategy<Value = State> {
    let account = select(vec![Value::Null, "".into(), "web".into(), "other".into()]);
    let name = (names(), partitions(), prop::bool::weighted(0.85));
    (metadata(), metadata(), name, (marks(), marks()), 0..2_u8, account).prop_map(
        |(mut own, mut template, (name, partition, is_named), (on_own, on_template), image, account)| {
            if let Some(partition) = partition {
                template["annotations"][PARTITION] = partition.into();
            }
            if is_named {
                template["labels"]["identity"] = name.0.into();
                template["labels"]["admiral.io/env"] = name.1.into();
            }
            for (metadata, marks) in [(&mut own, on_own), (&mut template, on_template)] {
                let Some((identity, env)) = marks.map(|marks| marks.unwrap_or(name)) else { continue };
                metadata["annotations"][GLOBAL_NAME] = format!("{env}.{identity}.global").to_lowercase().into();
                metadata["labels"][IDENTITY] = identity_label(identity).into();
            }
            State { own, template, image, account }
        },
    )
}

/// No marks, those of its own name, or those of another.
fn marks() -> impl Strategy<Value = Option<Option<(&'static str, &'static str)>>> {
    prop_oneof![3 => Just(None), 4 => Just(Some(None)), 1 => names().prop_map(|name| Some(Some(name)))]
}

fn workload((api_version, kind): (&str, &str), state: &State) -> Value {
    let spec = json!({"image": state.image, "serviceAccountName": state.account});
    let template = json!({"metadata": state.template, "spec": spec});
    let spec = if kind == "CronJob" {
        json!({"jobTemplate": {"spec": {"template": template}}})
    } else {
        json!({"template": template})
    };
    json!({"apiVersion": api_version, "kind": kind, "metadata": state.own, "spec": spec})
}

fn metadata() -> impl Strategy<Value = Value> {
    let both =
        (pairs(), pairs()).prop_map(|(labels, annotations)| json!({"labels": labels, "annotations": annotations}));
    prop_oneof![8 => both, 1 => Just(json!({})), 1 => Just(Value::Null)]
}

fn pairs() -> impl Strategy<Value = Value> {
    let map = prop::collection::btree_map(key(), text(), 0..3).prop_map(|map| json!(map));
    prop_oneof![6 => Just(json!({"app": "web"})), 3 => map, 1 => Just(Value::Null)]
}

/// Keys that mean something, and others.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec![
            "identity", "admiral.io/env", "env", "sidecar.istio.io/inject", "admiral-ignore", "admiral.io/ignore",
            "admiral.io/cname-case-sensitive", "istio.io/dataplane-mode", GLOBAL_NAME, IDENTITY,
        ]).prop_map(str::to_owned),
        1 => "[a-z~/]{1,6}",
    ]
}

/// Values of labels and annotations that may be names, or not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["checkout", "Checkout", "pay", "a_b", "stage", "west", "preview", "true", "false", "ambient", ""])
            .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => "[a-z.-]{60,70}",
    ]
}

fn traffic_policies() -> impl Strategy<Value = Value> {
    let prefix = select(vec!["default", "stage", "west", "east", "bad_prefix"]);
    let items = prop::collection::vec(prefix, 0..3).prop_map(|prefixes| {
        prefixes.into_iter().map(|prefix| json!({"dnsPrefix": prefix, "lbType": 0})).collect::<Vec<_>>()
    });
    (names(), items, any::<bool>(), metadata()).prop_map(|((identity, env), items, is_selected, mut metadata)| {
        let mut spec = json!({"policy": items});
        if is_selected {
            spec["selector"] = json!({"identity": identity, "env": env});
        } else {
            metadata["labels"]["identity"] = identity.into();
            metadata["annotations"]["admiral.io/env"] = env.into();
        }
        json!({"apiVersion": "admiral.io/v1alpha1", "kind": "GlobalTrafficPolicy", "metadata": metadata, "spec": spec})
    })
}

fn on_hosts() -> impl Strategy<Value = Value> {
    let host = select(vec![
        "stage.checkout.global",
        "Stage.Checkout.Global.",
        "east.stage.checkout.global",
        "stage.pay.global",
        "stage.other.global",
        "*.checkout.global",
        "*.stage.checkout.global",
        "*-east.stage.checkout.global",
        "*.global",
        "*",
        "*.example",
        "reviews",
    ]);
    let kind = select(vec!["ServiceEntry", "VirtualService"]);
    (kind, prop::collection::vec(host, 0..3)).prop_map(|(kind, hosts)| {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": "mine"}, "spec": {"hosts": hosts},
        })
    })
}
