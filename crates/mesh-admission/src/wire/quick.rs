//! Reviews as API servers write them, read in one pass: the same as serde reads into the types of this module, or nothing. serde
//! makes so much code of those types that a processor, which has other things to do between two reviews, takes twice as long.

use mesh_json::{Fail, Reader};

use super::{GroupKind, Operation, Request, is_ours, is_uid};
use crate::object::Reviewed;
use crate::object::quick::{once, unless_null, workload};

/// The request of a review; none where it must be looked at more closely.
pub(super) fn read(text: &str) -> Option<Request<'_>> {
    let (mut version, mut kind, mut asked) = (None, None, None);
    mesh_json::read_by(text, |reader| {
        reader.members(&mut |reader, key| match key {
            "apiVersion" => once(&mut version, reader.take_text()?),
            "kind" => once(&mut kind, reader.take_text()?),
            "request" => once(&mut asked, request(reader)?),
            _ => reader.skip(),
        })
    })?;
    asked.filter(|asked| is_ours(&version.unwrap_or_default(), &kind.unwrap_or_default()) && is_uid(&asked.uid))
}

fn request<'a>(reader: &mut Reader<'a>) -> Result<Request<'a>, Fail> {
    let (mut uid, mut kind, mut sub_resource, mut namespace) = (None, None, None, None);
    let (mut operation, mut object, mut old_object) = (None, None, None);
    reader.members(&mut |reader, key| match key {
        "uid" => once(&mut uid, reader.take_text()?),
        "kind" => once(&mut kind, group_kind(reader)?),
        "subResource" => once(&mut sub_resource, unless_null(reader, Reader::take_text)?),
        "namespace" => once(&mut namespace, unless_null(reader, Reader::take_text)?),
        "operation" => once(&mut operation, operation_of(reader)?),
        "object" => once(&mut object, reviewed(reader, kind.as_ref())?),
        "oldObject" => once(&mut old_object, reviewed(reader, kind.as_ref())?),
        _ => reader.skip(),
    })?;
    Ok(Request {
        uid: uid.ok_or(Fail)?,
        kind: kind.ok_or(Fail)?,
        sub_resource: sub_resource.flatten(),
        namespace: namespace.flatten(),
        operation: operation.ok_or(Fail)?,
        object: object.flatten(),
        old_object: old_object.flatten(),
    })
}

fn group_kind<'a>(reader: &mut Reader<'a>) -> Result<GroupKind<'a>, Fail> {
    let (mut group, mut kind) = (None, None);
    reader.members(&mut |reader, key| match key {
        "group" => once(&mut group, reader.take_text()?),
        "kind" => once(&mut kind, reader.take_text()?),
        _ => reader.skip(),
    })?;
    Ok(GroupKind { group: group.unwrap_or_default(), kind: kind.ok_or(Fail)? })
}

fn operation_of(reader: &mut Reader<'_>) -> Result<Operation, Fail> {
    match &*reader.take_text()? {
        "CREATE" => Ok(Operation::Create),
        "UPDATE" => Ok(Operation::Update),
        "DELETE" => Ok(Operation::Delete),
        "CONNECT" => Ok(Operation::Connect),
        _ => Err(Fail),
    }
}

/// An object, by the kind that was told before it, as API servers do.
fn reviewed<'a>(reader: &mut Reader<'a>, kind: Option<&GroupKind<'a>>) -> Result<Option<Reviewed<'a>>, Fail> {
    let is_workload = kind.ok_or(Fail)?.is_workload();
    unless_null(reader, |reader| {
        if is_workload {
            workload(reader).map(Reviewed::Workload)
        } else {
            reader.take_part(Reader::skip).map(Reviewed::Other)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::{Value, json};

    use super::super::read_in_parts;
    use super::*;

    fn review(kind: &Value, object: &Value, old: &Value) -> Value {
        json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "u-1",
                "kind": kind,
                "name": "web",
                "namespace": "shop",
                "operation": "UPDATE",
                "userInfo": {"username": "deployer", "groups": ["system:authenticated"]},
                "subResource": "status",
                "object": object,
                "oldObject": old,
                "dryRun": false,
            },
        })
    }

    fn reviews() -> Vec<Value> {
        let metadata = json!({
            "name": "web",
            "labels": {"app": "web", "identity": "checkout"},
            "annotations": {"last": "{\"a\": \"\u{1}\\\n\"}", "é": "ü"},
            "managedFields": [{"f:a": {"]}": 1.5e3}}],
        });
        let template = json!({"metadata": metadata, "spec": {"containers": [{"name": "}"}]}});
        let deployment = json!({"metadata": metadata, "spec": {"replicas": 3, "template": template}, "status": {}});
        let cron_job =
            json!({"metadata": metadata, "spec": {"jobTemplate": {"spec": {"template": template, "x": [true, null]}}}});
        let kind = |group: &str, kind: &str| json!({"group": group, "version": "v1", "kind": kind});
        vec![
            review(&kind("apps", "Deployment"), &deployment, &deployment),
            review(&kind("apps", "Deployment"), &deployment, &Value::Null),
            review(&kind("batch", "CronJob"), &cron_job, &cron_job),
            review(&kind("networking.istio.io", "ServiceEntry"), &json!({"spec": {"hosts": ["a"]}}), &json!({})),
        ]
    }

    /// The pointers of all values in one.
    fn places(value: &Value, at: &str, all: &mut Vec<String>) {
        all.push(at.to_owned());
        if let Value::Object(members) = value {
            for (key, member) in members {
                places(member, &format!("{at}/{key}"), all);
            }
        }
    }

    fn compare(text: &str) -> Result<(), TestCaseError> {
        if let Some(quickly) = read(text)
            && serde_json::from_str::<Value>(text).is_ok()
        {
            let plainly = read_in_parts(text.as_bytes());
            prop_assert_eq!(format!("{:?}", Ok::<_, ()>(quickly)), format!("{plainly:?}"), "{}", text);
        }
        Ok(())
    }

    #[test]
    fn what_api_servers_write_is_read_quickly() {
        for review in reviews() {
            assert!(read(&review.to_string()).is_some(), "{review}");
            assert!(read(&serde_json::to_string_pretty(&review).unwrap()).is_some(), "{review}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_as_serde_reads_or_nothing(
            mut review in select(reviews()),
            at in any::<Index>(),
            value in select(vec![json!(null), json!("x"), json!(""), json!(7), json!([]), json!({}), json!({"a": null})]),
            is_pretty in any::<bool>(),
        ) {
            let mut all = Vec::new();
            places(&review, "", &mut all);
            let place: &String = at.get(&all);
            *review.pointer_mut(place).unwrap() = value;
            compare(&if is_pretty { serde_json::to_string_pretty(&review).unwrap() } else { review.to_string() })?;
        }

        #[test]
        fn so_it_is_where_a_piece_is_in_two_places(
            review in select(reviews()),
            (from, to) in any::<(Index, Index)>(),
            length in 0..40_usize,
        ) {
            let text: Vec<char> = review.to_string().chars().collect();
            let (from, to) = (from.index(text.len()), to.index(text.len()));
            let piece = text[from..].iter().take(length);
            compare(&text[..to].iter().chain(piece).chain(&text[to..]).collect::<String>())?;
        }
    }

    #[test]
    fn what_is_told_twice_is_looked_at_more_closely() {
        for review in reviews() {
            let text = review.to_string();
            for key in [
                "\"uid\":\"u-1\",",
                "\"namespace\":null,",
                "\"operation\":\"UPDATE\",",
                "\"kind\":\"AdmissionReview\",",
            ] {
                let twice = text.replacen("\"uid\":", &format!("{key}\"uid\":"), 1);
                compare(&twice).unwrap();
            }
        }
    }
}
