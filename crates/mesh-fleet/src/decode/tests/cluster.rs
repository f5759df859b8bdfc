use mesh_model::policy::OwnerFrom;

use super::{Code, codes, decode, decode_with, facts};

fn namespace(metadata: &str) -> mesh_model::facts::NamespaceFacts {
    let text = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, {metadata}}}\n");
    facts(&text).namespaces["shop"].clone()
}

#[test]
fn a_namespace_is_injected_by_its_label_or_a_revision() {
    for (labels, want) in [
        ("", false),
        ("istio-injection: enabled", true),
        ("istio-injection: disabled", false),
        ("istio.io/rev: '1-27'", true),
        ("istio.io/rev: ''", false),
        ("istio-injection: disabled, istio.io/rev: '1-27'", false),
    ] {
        assert_eq!(namespace(&format!("labels: {{{labels}}}")).injected, want, "{labels}");
    }
}

#[test]
fn a_namespace_may_be_ambient_ignored_and_on_a_network() {
    let plain = namespace("labels: null");
    assert!(!plain.ambient && !plain.ignored && plain.network.is_none());
    assert!(namespace("labels: {istio.io/dataplane-mode: ambient}").ambient);
    assert!(namespace("annotations: {admiral.io/ignore: 'true'}").ignored);
    assert!(!namespace("labels: {admiral.io/ignore: 'true'}").ignored);
    assert_eq!(namespace("labels: {topology.istio.io/network: net1}").network.as_deref(), Some("net1"));
}

#[test]
fn a_namespace_belongs_to_the_first_owner_that_is_there() {
    assert_eq!(namespace("labels: {kubectl-mesh.io/owner: red}").owner.as_deref(), Some("red"));
    assert_eq!(namespace("labels: {}").owner.as_deref(), Some("shop"));
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: red}}\n";
    let owner = |from: Vec<OwnerFrom>| {
        decode_with(text, |policy| policy.owner_from = from).facts.namespaces["shop"].owner.clone()
    };
    assert_eq!(owner(vec![OwnerFrom::NamespaceLabel("unit".into())]), None);
    assert_eq!(owner(vec![OwnerFrom::NamespaceLabel("team".into()), OwnerFrom::NamespaceName]).as_deref(), Some("red"));
}

#[test]
fn the_uid_of_kube_system_is_the_cluster_s() {
    let named = |name| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, uid: u-1}}\n");
    assert_eq!(facts(&named("kube-system")).uid.as_deref(), Some("u-1"));
    assert_eq!(facts(&named("shop")).uid, None);
}

#[test]
fn a_node_s_region_is_the_new_label_s_then_the_old_one_s() {
    let node = |name: &str, labels: &str| {
        format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n---\n")
    };
    let text = [
        node("a", "topology.kubernetes.io/region: west, failure-domain.beta.kubernetes.io/region: east"),
        node("b", "failure-domain.beta.kubernetes.io/region: east"),
        node("c", "failure-domain.beta.kubernetes.io/region: west, topology.kubernetes.io/region: ''"),
        node("d", ""),
    ]
    .concat();
    let regions: Vec<_> =
        facts(&text).node_regions.into_iter().map(|(region, count)| (region.to_string(), count)).collect();
    assert_eq!(regions, [("east".to_owned(), 1), ("west".to_owned(), 2)]);
}

const STORE: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: se-address-configmap, namespace: admiral-sync}
data:
  serviceEntryAddressStore: |
    entry-addresses:
      stage.a.global-se: 240.0.10.1
    addresses: [240.0.10.1]
";

#[test]
fn admiral_s_addresses_are_read_from_its_own_and_the_sync_namespace() {
    assert_eq!(&*facts(STORE).vip_store["stage.a.global-se"], "240.0.10.1");
    assert_eq!(facts(&STORE.replace("admiral-sync", "mesh-sync")).vip_store.len(), 1);
    assert!(facts(&STORE.replace("admiral-sync", "shop")).vip_store.is_empty());
    assert!(facts(&STORE.replace("serviceEntryAddressStore", "other")).vip_store.is_empty());
    assert!(facts(&STORE.replace("      stage.a.global-se: 240.0.10.1\n", "")).vip_store.is_empty());
}

#[test]
fn admiral_s_address_store_is_known_by_what_it_holds_not_by_its_name() {
    assert_eq!(facts(&STORE.replace("se-address-configmap", "renamed")).vip_store.len(), 1);
    assert_eq!(
        facts(&format!(
            "apiVersion: v1\nkind: List\nitems: [{}]\n",
            "{apiVersion: v1, kind: ConfigMap, metadata: \
        {name: x, namespace: admiral-sync}, data: {serviceEntryAddressStore: 'entry-addresses: {a-se: 240.0.10.1}'}}"
        ))
        .vip_store
        .len(),
        1
    );
    let other =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: admiral-sync}\ndata: {key: [1]}\n---\n";
    let decoded = decode(&format!("{other}{STORE}"));
    assert!(decoded.facts.unseen.is_empty(), "another ConfigMap is nobody's business: {:?}", decoded.findings);
    assert_eq!(decoded.facts.vip_store.len(), 1);
}

#[test]
fn of_two_address_stores_that_disagree_the_smaller_address_counts_in_any_order() {
    let other = STORE.replace("se-address-configmap", "other").replace("240.0.10.1", "240.0.9.7");
    for text in [format!("{STORE}---\n{other}"), format!("{other}---\n{STORE}")] {
        assert_eq!(&*facts(&text).vip_store["stage.a.global-se"], "240.0.9.7");
    }
}

#[test]
fn an_address_store_that_does_not_read_is_unseen() {
    for broken in [STORE.replace("240.0.10.1\n", "nowhere\n"), STORE.replace("entry-addresses:", "entry-addresses: [")]
    {
        let decoded = decode(&broken);
        assert_eq!(codes(&decoded), [(Code::UnreadableObject, "c1/a.yaml:1")], "{broken}");
        assert!(decoded.facts.vip_store.is_empty());
    }
}

#[test]
fn claims_on_one_host_are_merged() {
    let claim = |name: &str, epoch: u64| {
        format!(
            "{{host: stage.a.global, owner: {name}, identity: a, env: stage, epoch: {epoch}, phase: Bound, \
             claimedAt: '2026-01-01T00:00:00Z', claimedIn: u1}}"
        )
    };
    let name = |owner, epoch| {
        format!(
            "apiVersion: kubectl-mesh.io/v1alpha1\nkind: GlobalName\nmetadata: {{name: stage.a.global}}\nspec: {}\n---\n",
            claim(owner, epoch)
        )
    };
    let set = |owner, epoch| {
        format!(
            "apiVersion: kubectl-mesh.io/v1alpha1\nkind: GlobalNameSet\nmetadata: {{name: c2}}\nspec: {{entries: [{}]}}\n---\n",
            claim(owner, epoch)
        )
    };
    let owner = |text: String| facts(&text).claims["stage.a.global"].owner.to_string();
    assert_eq!(owner(name("red", 1) + &set("blue", 2)), "blue");
    assert_eq!(owner(set("blue", 2) + &name("red", 1)), "blue");
    assert_eq!(owner(name("red", 3) + &set("blue", 2)), "red");
    let decoded = decode(&name("red", 1).replace("epoch: 1", "epoch: one"));
    assert!(decoded.facts.unseen.contains(&mesh_model::kind::Kind::GlobalName));
}
