//! Which rule of a role is missing, in the words of a role.

use mesh_model::kind::Kind;

/// `the missing rule is {apiGroups: [""], resources: ["services"], verbs: ["list"]}`.
pub(crate) fn missing_rule(group: &str, plural: &str, verbs: &[&str]) -> String {
    let verbs: Vec<String> = verbs.iter().map(|verb| format!("{verb:?}")).collect();
    format!("the missing rule is {{apiGroups: [{group:?}], resources: [{plural:?}], verbs: [{}]}}", verbs.join(", "))
}

/// The same for a kind.
pub(crate) fn missing_rule_for(kind: Kind, verbs: &[&str]) -> String {
    missing_rule(kind.group(), kind.plural(), verbs)
}
