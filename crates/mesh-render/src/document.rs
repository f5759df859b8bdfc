//! Versioned documents for programs: `-o json` and `-o yaml`. Their schemas are in `docs/schemas/`.

use data_encoding::HEXLOWER;
use mesh_model::finding::Finding;
use mesh_plan::manifest;
use mesh_plan::migration::Migration;
use mesh_plan::plan::{Action, Plan, Step};
use mesh_plan::scope::Scope;
use mesh_plan::suppress::Suppressed;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::escape;

/// `apiVersion` of every document.
pub const API_VERSION: &str = "kubectl-mesh.io/v1alpha1";

/// A plan, to be kept and compared: `sync --plan` goes on only if a new plan has the same `digest`.
///
/// `digest` is over the canonical JSON of `steps`, holds included; each step's `becomes` is over the canonical JSON of
/// the manifest that it leaves. `scope` is what the plan was asked about; `migrations` are there if there are any.
pub fn plan(plan: &Plan, scope: &Scope, migrations: &[Migration]) -> Value {
    let steps: Value = plan.steps.iter().map(step).collect();
    let mut body = json!({
        "digest": digest(&steps),
        "counts": plan.counts(),
        "coverage": plan.coverage,
        "scope": {"names": scope.names, "namespace": scope.namespace, "clusters": scope.clusters},
        "steps": steps,
        "findings": findings_of(&plan.findings),
    });
    if !migrations.is_empty() {
        body["migrations"] = json!(migrations);
    }
    headed("Plan", body)
}

/// Findings alone, with those that the policy suppresses apart, and with what could not be looked at.
pub fn findings(findings: &[Finding], suppressed: &[Suppressed], unknown: &[String]) -> Value {
    let suppressed: Vec<Value> = suppressed.iter().map(suppressed_finding).collect();
    headed("FindingList", json!({"findings": findings_of(findings), "suppressed": suppressed, "unknown": unknown}))
}

/// A document of `kind` with the fields of `body`.
///
/// # Panics
/// When `body` is no plain data with fields: a mistake in the program.
pub fn headed<T: Serialize>(kind: &str, body: T) -> Value {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(body) else { panic!("a document has fields") };
    fields.insert("apiVersion".into(), API_VERSION.into());
    fields.insert("kind".into(), kind.into());
    Value::Object(fields)
}

/// A document as JSON, sorted and indented, safe for a terminal.
pub fn to_json(document: &Value) -> String {
    escape::json(&format!("{document:#}")).into_owned() + "\n"
}

/// A document or manifest as YAML, sorted. One whose texts YAML would leave unescaped is written as JSON, which is YAML
/// too.
pub fn to_yaml(document: &Value) -> String {
    // As generated files are written: folded lines of origins would say nothing in a diff.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    match serde_saphyr::to_string_with_options(document, options) {
        Ok(text) if !text.contains(|c: char| c != '\n' && escape::is_unsafe(c)) => text,
        _ => to_json(document),
    }
}

/// `sha256:` and 64 hex digits over the canonical JSON of `value`.
pub fn digest(value: &Value) -> String {
    // Maps of a JSON value are sorted, and its text has no white space: it is canonical.
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(value.to_string().as_bytes())))
}

fn step(step: &Step) -> Value {
    let mut fields = Map::new();
    let mut set = |field: &str, value: Value| {
        if !value.is_null() {
            fields.insert(field.to_owned(), value);
        }
    };
    set("cluster", json!(step.cluster));
    set("object", json!(step.key));
    set("host", json!(step.host));
    set("name", json!(step.base));
    set("identity", json!(step.identity));
    set("role", json!(step.role));
    set("class", json!(step.class));
    set("because", json!(step.because));
    // A claim says when it was made, and the same plan a second later is still the same: its values are left out.
    let is_timeless = !step.key.kind.is_of_claims();
    let mut changes = step.changes();
    if !is_timeless {
        for change in &mut changes {
            (change.before, change.after) = (None, None);
        }
    }
    set("changes", json!(changes));
    let (action, base) = match &step.action {
        Action::Create { .. } => ("create", None),
        Action::Update { base, .. } => ("update", Some(base)),
        Action::Delete { base } => ("delete", Some(base)),
        Action::Hold { instead_of } => {
            set("insteadOf", json!(instead_of));
            ("hold", None)
        }
    };
    set("action", json!(action));
    if let Some(base) = base {
        set("base", json!({"version": base.version, "uid": base.uid}));
    }
    if is_timeless && let (_, Some(after)) = manifest::around(step) {
        set("becomes", json!(digest(&after)));
    }
    Value::Object(fields)
}

/// Findings, each with the name of its code.
pub(crate) fn findings_of(findings: &[Finding]) -> Vec<Value> {
    findings.iter().map(named).collect()
}

fn suppressed_finding(suppressed: &Suppressed) -> Value {
    let mut value = named(&suppressed.finding);
    value["reason"] = json!(suppressed.reason);
    value["until"] = json!(suppressed.until);
    value
}

fn named(finding: &Finding) -> Value {
    let mut value = json!(finding);
    value["name"] = json!(finding.code.name());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_plans_have_equal_digests_whatever_was_found_on_the_way() {
        use mesh_model::finding::Code;
        let plan = |of: &Plan| plan(of, &Scope::default(), &[]);
        let empty = Plan::default();
        let found = Plan { findings: vec![Finding::new(Code::NoRegion, None, "c1", "x".into())], ..Plan::default() };
        assert_eq!(plan(&empty)["digest"], plan(&found)["digest"]);
        assert_eq!(plan(&found)["findings"][0]["code"], "MESH-C024");
        assert_eq!(plan(&found)["findings"][0]["name"], "no-region");
        // `printf '[]' | sha256sum`
        assert_eq!(plan(&empty)["digest"], "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945");
    }

    #[test]
    fn what_is_suppressed_stands_apart_with_reason_and_date() {
        use mesh_model::finding::Code;
        let of = |code| Finding::new(code, None, "c1", "x".into());
        let until = jiff::civil::date(2027, 1, 31);
        let suppressed = Suppressed { finding: of(Code::NoGateway), reason: "TICKET-1".into(), until };
        let document = findings(&[of(Code::NoRegion)], &[suppressed], &[]);
        let mut wanted = document["findings"][0].clone();
        for (field, value) in [("severity", "error"), ("code", "MESH-C025"), ("name", "no-gateway")] {
            wanted[field] = json!(value);
        }
        wanted["next"] = json!(Code::NoGateway.next_step());
        wanted["reason"] = json!("TICKET-1");
        wanted["until"] = json!("2027-01-31");
        assert_eq!(document["suppressed"], json!([wanted]));
        assert_eq!(document["findings"].as_array().map(Vec::len), Some(1));
        assert_eq!(findings(&[], &[], &[])["suppressed"], json!([]), "the field is always there");
    }

    #[test]
    fn a_plan_says_what_it_moves_and_has_the_digest_of_its_steps_all_the_same() {
        use mesh_plan::migration::Setting;
        let (setting, from, to) = (Setting::SyncNamespace, ["admiral-sync".into()].into(), "mesh-sync".into());
        let migration = Migration { setting, from, to, objects: 2, is_written: true };
        let with = plan(&Plan::default(), &Scope::default(), &[migration]);
        let without = plan(&Plan::default(), &Scope::default(), &[]);
        let moves = json!({"setting": "syncNamespace", "from": ["admiral-sync"], "to": "mesh-sync", "objects": 2, "isWritten": true});
        assert_eq!(with["migrations"], json!([moves]));
        assert_eq!(with["digest"], without["digest"]);
        assert!(without.get("migrations").is_none());
    }

    #[test]
    fn yaml_that_would_carry_a_hidden_character_is_written_as_json() {
        assert_eq!(to_yaml(&json!({"a": ["b"], "y": "yes"})), "a:\n- b\n\"y\": \"yes\"\n");
        let hidden = json!({"a": "x\u{202e}y\u{1b}"});
        let text = to_yaml(&hidden);
        assert!(!text.contains('\u{202e}'), "{text}");
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), hidden);
    }
}
