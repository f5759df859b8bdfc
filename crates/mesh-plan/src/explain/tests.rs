use mesh_model::fleet::ClusterView;
use mesh_model::owned::{Mark, OwnedObject};
use mesh_model::policy::{ExportToPolicy, SanPolicy};

use super::*;
use crate::lookup::fixture::{BASE, cluster, desired, fleet};

fn answer(cluster: Option<&str>, field: Option<&str>) -> NameExplanation {
    let question = Question { name: "checkout", cluster, field };
    explain(&question, &fleet(), &MeshPolicy::default(), &desired()).unwrap().names.remove(0)
}

fn why_nothing_in(cluster: &str) -> String {
    let nothing = answer(Some(cluster), None).nothing;
    assert_eq!(nothing.len(), 1, "{cluster}: {nothing:?}");
    nothing[0].why.clone()
}

#[test]
fn a_field_has_its_value_rule_and_source() {
    let name = answer(Some("c1"), Some("endpoints"));
    assert_eq!(name.objects.len(), 1, "a DestinationRule has no endpoints");
    let fields = &name.objects[0].fields;
    let local = fields.iter().find(|f| f.field == "endpoints/checkout-http.shop.svc").unwrap();
    assert_eq!(local.value.as_ref().unwrap()["ports"]["http"], 15443);
    assert_eq!(&*local.because[0].rule, "one endpoint a source cluster");
    assert_eq!(local.because[0].sources[0].to_string(), "c1: Service shop/checkout-http");
    assert!(fields.iter().all(|field| field.field.starts_with("endpoints/")));
}

#[test]
fn a_held_endpoint_says_so_first() {
    let name = answer(Some("c3"), Some("endpoints/c2-gw.example."));
    let fields = &name.objects[0].fields;
    assert_eq!(fields.len(), 1);
    assert!(fields[0].because[0].held);
    assert_eq!(&*fields[0].because[0].rule, "c2 is unseen: its endpoint is held");
    assert!(!fields[0].because[1].held, "the rule that made it follows");
}

#[test]
fn every_field_has_a_reason() {
    let name = answer(None, None);
    assert!(name.objects.len() >= 4);
    for object in &name.objects {
        assert!(object.fields.len() >= 4, "{}", object.object);
        for field in &object.fields {
            assert!(!field.because.is_empty(), "{}: {}", object.object, field.field);
        }
    }
}

#[test]
fn equal_objects_of_many_clusters_are_explained_once() {
    let rules: Vec<_> =
        answer(None, Some("localityLbSetting")).objects.into_iter().filter(|object| *object.host == *BASE).collect();
    assert_eq!(rules.len(), 1);
    let clusters: Vec<_> = rules[0].clusters.iter().map(|holder| (&*holder.cluster, holder.role)).collect();
    assert_eq!(clusters, [("c1", Role::Source), ("c3", Role::Client), ("c8", Role::Source)]);
    assert_eq!(&*rules[0].fields[0].because[0].rule, "FAILOVER item of the active traffic policy");
}

#[test]
fn an_object_that_is_held_in_one_cluster_only_is_explained_apart() {
    let mut desired = desired();
    let objects = desired.objects.get_mut("c8").unwrap();
    let rule = objects.values_mut().find(|o| *o.host == *BASE && o.body.key.kind == Kind::DestinationRule).unwrap();
    rule.held.push(Because::field("trafficPolicy/localityLbSetting", "its policy is unseen", vec![]));
    let question = Question { name: "checkout", cluster: None, field: Some("localityLbSetting") };
    let name = explain(&question, &fleet(), &MeshPolicy::default(), &desired).unwrap().names.remove(0);
    let held: Vec<_> = name
        .objects
        .iter()
        .filter(|object| *object.host == *BASE)
        .map(|object| (&*object.clusters[0].cluster, object.fields[0].because[0].held))
        .collect();
    assert_eq!(held, [("c1", false), ("c8", true)]);
}

#[test]
fn a_losing_policy_says_why_it_lost() {
    let policies = answer(None, Some("trafficPolicy")).policies;
    assert!(policies[0].active);
    assert_eq!(policies[1].why, "lost to c1: shop/winner: lower priority (1 < 5)");
    assert!(answer(None, Some("endpoints")).policies.is_empty(), "policies set no endpoints");
}

#[test]
fn a_cluster_that_gets_nothing_is_told_why() {
    for (cluster, words) in [
        ("c0", "it is there, but it is not a member"),
        ("elsewhere", "it is not a member of the fleet"),
        ("c2", "unseen (no folder of that name)"),
        (
            "c4",
            "its StatefulSet shop/checkout serves nothing: no Service of shop selects checkout (MESH-C021 no-service)",
        ),
        ("c5", "nor of an identity whose Dependency names it (storefront); Dependencies of c2, c7 could not be read"),
        ("c6", "retired"),
        ("c9", "ServiceEntry ops/mine has stage.checkout.global (MESH-C033 host-taken)"),
    ] {
        let why = why_nothing_in(cluster);
        assert!(why.contains(words), "{cluster}: {why}");
    }
    let all: Vec<String> = answer(None, None).nothing.into_iter().map(|nothing| nothing.cluster).collect();
    assert_eq!(all, ["c0", "c2", "c4", "c5", "c6", "c7", "c9"]);
}

#[test]
fn an_excluded_identity_is_said_to_be_excluded() {
    let policy = MeshPolicy { exclude: vec!["checkout".into()], ..MeshPolicy::default() };
    let question = Question { name: "checkout", cluster: Some("c5"), field: None };
    let answer = explain(&question, &fleet(), &policy, &desired()).unwrap();
    assert_eq!(answer.names[0].nothing[0].why, "the policy excludes identity checkout");
}

#[test]
fn a_source_without_a_gateway_is_missing_elsewhere() {
    let left_out = answer(None, None).left_out;
    assert_eq!(left_out.len(), 1);
    assert_eq!(left_out[0].cluster, cluster("c8"));
    assert_eq!(left_out[0].missing_in, [cluster("c1"), cluster("c3")]);
    assert!(left_out[0].why.contains("no gateway Service has an address (MESH-C025 no-gateway)"));
}

#[test]
fn a_field_that_is_not_set_says_why() {
    let name = answer(Some("c1"), Some("exportTo"));
    assert!(name.objects.iter().all(|object| object.fields[0].value.is_none()));
    assert_eq!(&*name.objects[0].fields[0].because[0].rule, "policy.exportTo is off: every namespace sees it");
}

#[test]
fn an_identity_without_a_name_is_explained_whatever_the_cluster() {
    let question = Question { name: "storefront", cluster: Some("c1"), field: None };
    let answer = explain(&question, &fleet(), &MeshPolicy::default(), &desired()).unwrap();
    assert!(answer.names.is_empty());
    assert_eq!(answer.idle[0].why, "a CronJob calls, it never serves");
}

#[test]
fn unknown_fields_and_names_are_errors() {
    let ask = |name, field| {
        let question = Question { name, cluster: None, field };
        explain(&question, &fleet(), &MeshPolicy::default(), &desired()).map(|_| ())
    };
    assert_eq!(ask("checkout", Some("colour")), Err(ExplainError::UnknownField { field: "colour".into() }));
    let Err(ExplainError::NotFound(error)) = ask("chekcout", None) else { panic!("found") };
    assert_eq!(error.closest, ["checkout"]);
}

/// The reason of `field` in c1 and in c3, where the ServiceEntry of the base host has `value`.
fn reasons_where(field: &str, value: &str, policy: &MeshPolicy, fleet: &FleetSnapshot) -> Vec<Reason> {
    let mut desired = desired();
    for object in desired.objects.values_mut().flat_map(BTreeMap::values_mut).filter(|o| *o.host == *BASE) {
        let mut body = (*object.body).clone();
        let mut spec: Value = serde_json::from_str(&body.spec).unwrap();
        spec[field] = serde_json::from_str(value).unwrap();
        body.spec = spec.to_string().into();
        object.body = Arc::new(body);
        object.because = Arc::default();
    }
    let ask = |cluster| {
        let question = Question { name: "checkout", cluster: Some(cluster), field: Some(field) };
        let name = explain(&question, fleet, policy, &desired).unwrap().names.remove(0);
        name.objects[0].fields[0].because[0].clone()
    };
    vec![ask("c1"), ask("c3")]
}

fn names(reason: &Reason) -> Vec<String> {
    reason.sources.iter().map(ToString::to_string).collect()
}

#[test]
fn the_namespaces_that_see_a_host_are_told_by_role_and_with_what_runs_there() {
    let export_to = ExportToPolicy::Limited { hosts: vec!["*".into()], max_namespaces: 35 };
    let policy = MeshPolicy { export_to, ..MeshPolicy::default() };
    let reasons = reasons_where("exportTo", r#"["shop","web"]"#, &policy, &fleet());
    let rules: Vec<&str> = reasons.iter().map(|reason| &*reason.rule).collect();
    assert_eq!(
        rules,
        [
            "policy.exportTo: istio-system, for the gateway, and where checkout and its callers of this cluster run",
            "policy.exportTo: where the callers of checkout run in this cluster"
        ]
    );
    assert_eq!(names(&reasons[1]), ["c3: Dependency web/storefront"]);
    let all = reasons_where("exportTo", r#"["*"]"#, &policy, &fleet());
    assert_eq!(&*all[0].rule, "every namespace: more than 35 would be named (policy.exportTo.maxNamespaces)");
}

#[test]
fn an_address_is_new_or_names_the_objects_that_have_it() {
    let policy = MeshPolicy::default();
    let new = reasons_where("addresses", r#"["240.64.0.9"]"#, &policy, &fleet());
    assert_eq!(&*new[0].rule, "new: made from the sha-256 of the host, inside policy.vip.range (240.64.0.0/10)");
    assert!(new[0].sources.is_empty());

    let mut fleet = fleet();
    let Some(ClusterView::Seen(facts)) = fleet.members.get_mut(&cluster("c3")) else { panic!("c3 is seen") };
    let key = desired().objects[&cluster("c3")].keys().find(|key| key.kind == Kind::ServiceEntry).unwrap().clone();
    let live = OwnedObject {
        created: None,
        uid: None,
        version: "1".into(),
        mark: Mark::Ours,
        spec: r#"{"addresses":["240.64.0.9"]}"#.into(),
        labels: Arc::default(),
        annotations: Arc::default(),
        origins: Arc::default(),
        from_text: None,
        changed_by: None,
    };
    Arc::make_mut(facts).owned.insert(key, live);
    let kept = reasons_where("addresses", r#"["240.64.0.9"]"#, &policy, &fleet);
    assert_eq!(&*kept[0].rule, "kept: the host has this address already");
    assert_eq!(names(&kept[0]), [format!("c3: ServiceEntry mesh-sync/{BASE}-se")]);
}

#[test]
fn accepted_servers_name_the_setting_of_the_policy() {
    for (sans, rule) in [
        (SanPolicy::Template("spiffe://x/{identity}".into()), "policy.sans is the template spiffe://x/{identity}"),
        (
            SanPolicy::ServiceAccounts,
            "policy.sans is serviceAccounts: those of the workloads that the endpoints lead to",
        ),
    ] {
        let policy = MeshPolicy { sans, ..MeshPolicy::default() };
        assert_eq!(&*reasons_where("subjectAltNames", r#"["spiffe://x"]"#, &policy, &fleet())[0].rule, rule);
    }
}
