use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_MEMBERS, MAX_REVISION};
use crate::name::ClusterName;
use crate::policy::arb::policies;
use crate::policy::{MemberGateway, to_yaml};

fn member(name: &str) -> Member {
    Member {
        name: ClusterName::parse(name).unwrap(),
        uid: None,
        context: None,
        region: None,
        network: None,
        gateway: None,
        trust_domain: None,
        state: MemberState::Active,
    }
}

fn add(text: &str, name: &str) -> String {
    add_member(text, "mesh.yaml", &member(name)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn retire(text: &str, name: &str) -> String {
    retire_member(text, "mesh.yaml", name).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

const COMMENTED: &str = "\
# The fleet of the bank.
apiVersion: kubectl-mesh.io/v1alpha1
kind: MeshPolicy
revision: 7   # raised by hand once
fleet:
  # In the order of their age.
  members:
    # The first one.
    - name: c1   # do not rename
      region: us-west-2
      # behind a firewall
      gateway: \"ew.c1.example:15443\"

    # The second one.
    - name: c2
      state: active   # since May
    - {name: c3, region: us-east-1}   # the third one

# Everything else is as usual.
suffix: mesh   # not global
";

#[test]
fn a_member_is_added_at_the_end_and_comments_and_order_stay() {
    let added = Member { gateway: Some(MemberGateway::None), ..member("c4") };
    let text = add_member(COMMENTED, "mesh.yaml", &added).unwrap();
    let expected = COMMENTED
        .replace("revision: 7", "revision: 8")
        .replace("# the third one\n", "# the third one\n    - name: c4\n      gateway: none\n      state: active\n");
    assert_eq!(text, expected);
}

#[test]
fn a_member_is_retired_where_it_stands() {
    let revised = COMMENTED.replace("revision: 7", "revision: 8");
    let c1 = revised.replace("example:15443\"\n", "example:15443\"\n      state: retired\n");
    assert_eq!(retire(COMMENTED, "c1"), c1);
    assert_eq!(retire(COMMENTED, "c2"), revised.replace("active   # since May", "retired   # since May"));
    let c3 = revised.replace("region: us-east-1}", "region: us-east-1, state: retired}");
    assert_eq!(retire(COMMENTED, "c3"), c3);
    let flow = COMMENTED.replace("us-east-1}", "us-east-1, state: active}");
    assert_eq!(retire(&flow, "c3"), c3);
}

#[test]
fn edits_follow_on_one_another() {
    let text = retire(&add(&add(&init(&[member("c1")]).unwrap(), "c2"), "c3"), "c2");
    let policy = parse(&text, "mesh.yaml").unwrap();
    let members: Vec<_> = policy.fleet.members.iter().map(|member| (member.name.to_string(), member.state)).collect();
    let [active, retired] = [MemberState::Active, MemberState::Retired];
    assert_eq!(members, [("c1".into(), active), ("c2".into(), retired), ("c3".into(), active)]);
    assert_eq!(policy.revision, 4);
}

#[test]
fn a_list_is_begun_where_there_is_none() {
    let begun = "fleet:\n  members:\n  - name: c1\n    state: active\n";
    for (text, expected) in [
        ("kind: MeshPolicy\n", format!("kind: MeshPolicy\nrevision: 2\n{begun}")),
        ("suffix: mesh", format!("revision: 2\nsuffix: mesh\n{begun}")),
        ("---\n# x\nsuffix: mesh\n", format!("---\n# x\nrevision: 2\nsuffix: mesh\n{begun}")),
        ("fleet: {}   # none\nrevision: 9\n", format!("{begun}revision: 10\n")),
        ("revision: 1\nfleet: {members: []}\nsuffix: a\n", format!("revision: 2\n{begun}suffix: a\n")),
        ("revision: 1\nfleet:\n  members: [] # none\nsuffix: a\n", format!("revision: 2\n{begun}suffix: a\n")),
        ("revision: 1\nfleet: # x\n  {}\nsuffix: a\n", format!("revision: 2\n{begun}suffix: a\n")),
    ] {
        assert_eq!(add(text, "c1"), expected, "{text}");
    }
}

#[test]
fn every_layout_of_the_list_is_edited_or_written_anew() {
    for list in [
        "fleet: {members: [{name: c1, state: active, gateway: \"host:15443\"}, {name: c2}]}\n",
        "fleet: {members: [\n  {name: c1},\n  {name: c2},\n]}\n",
        "fleet:\n  members: [{name: c1}, {name: c2}]\n",
        "fleet:\n  members: [\n    {name: c1},\n    {name: c2}\n  ]\n",
        "fleet:\n    members:\n    - name: c1\n    - name: c2\n",
        "fleet:\n  members:\n  -\n    name: c1\n  - state: active\n    name: c2\n",
        "fleet:\n  members:\n  -   name: c1\n      region: a\n  -   name: c2\n      context: \"a: b # c\"\n",
        "fleet:\n  members:\n  - {name: c1,\n     region: a}\n  - name: c2\n",
        "fleet:\n  members:\n  - name: c1\n  - name: \"c2\"\n    state: \"active\"\n",
        "fleet:\n  members:\n  - &first\n    name: c1\n    region: a\n  - <<: *first\n    name: c2\n",
        "fleet:\n  members:\n  - name: c1\n    context: >-\n      a\n      state: active\n  - name: c2\n",
        "fleet:\n  members:\n  - name: c1\n  - name: c2 # last\n    # and its comment\n  # and the list's\n",
    ] {
        for text in
            [format!("revision: 3\n{list}suffix: mesh\n"), format!("suffix: mesh\n{list}"), list.replace('\n', "\r\n")]
        {
            let before = parse(&text, "mesh.yaml").unwrap();
            let mut added = before.clone();
            added.revision += 1;
            added.fleet.members.push(member("c9"));
            assert_eq!(parse(&add(&text, "c9"), "added").unwrap(), added, "{text}");
            for (nth, name) in ["c1", "c2"].into_iter().enumerate() {
                let mut retired = before.clone();
                retired.revision += 1;
                retired.fleet.members[nth].state = MemberState::Retired;
                assert_eq!(parse(&retire(&text, name), "retired").unwrap(), retired, "{text}");
            }
        }
    }
}

#[test]
fn what_is_written_anew_is_the_list_alone() {
    let text = "# top\nrevision: 3\nfleet: {members: [{name: c1}]} # flow\n# below\nsuffix: mesh # end\n";
    let expected = "# top\nrevision: 4\nfleet:\n  members:\n  - name: c1\n    state: active\n  - name: c2\n    state: active\n# below\nsuffix: mesh # end\n";
    assert_eq!(add(text, "c2"), expected);
    let text = "revision: 3\nfleet:\n  # why\n  members: [{name: c1}]\n";
    let expected =
        "revision: 4\nfleet:\n  # why\n  members:\n  - name: c1\n    state: active\n  - name: c2\n    state: active\n";
    assert_eq!(add(text, "c2"), expected);
}

#[test]
fn comments_stay_with_the_member_or_the_list_that_they_stand_under() {
    let text = "revision: 1\nfleet:\n  members:\n  - name: c1\n    # of c1\n\n  # of the list\nsuffix: a\n";
    let revised = text.replace("revision: 1", "revision: 2");
    let added = revised.replace("# of c1\n", "# of c1\n  - name: c2\n    state: active\n");
    assert_eq!(add(text, "c2"), added);
    assert_eq!(retire(text, "c1"), revised.replace("# of c1\n", "# of c1\n    state: retired\n"));
}

#[test]
fn line_ends_and_byte_order_marks_stay() {
    let text = add("\u{feff}revision: 3\r\nfleet:\r\n  members:\r\n  - name: c1\r\n", "c2");
    let expected =
        "\u{feff}revision: 4\r\nfleet:\r\n  members:\r\n  - name: c1\r\n  - name: c2\r\n    state: active\r\n";
    assert_eq!(text, expected);
    assert!(add("\u{feff}suffix: mesh\n", "c1").starts_with("\u{feff}revision: 2\nsuffix: mesh\n"));
}

#[test]
fn what_cannot_be_edited_is_an_error_and_not_a_guess() {
    for text in [
        "{\"kind\": \"MeshPolicy\", \"fleet\": {\"members\": [{\"name\": \"c1\"}]}}\n",
        "\"fleet\":\n  members:\n  - name: c1\n",
        "revision: 0x10\nfleet:\n  members:\n  - name: c1\n",
        "\"fleet\":\n  members:\n  - name: c1\n    context: \"a\nfleet: b\"\n",
    ] {
        parse(text, "mesh.yaml").unwrap_or_else(|error| panic!("{error}"));
        let layout = EditError::Layout { file: "mesh.yaml".into() };
        assert_eq!(add_member(text, "mesh.yaml", &member("c2")), Err(layout.clone()), "{text}");
        assert_eq!(retire_member(text, "mesh.yaml", "c1"), Err(layout), "{text}");
    }
}

#[test]
fn edits_that_make_no_sense_say_why() {
    let text = "fleet:\n  members:\n  - name: c1\n    uid: u\n  - name: c2\n    state: retired\n";
    let error = |result: Result<String, EditError>| result.unwrap_err().to_string();
    assert_eq!(error(add_member(text, "f", &member("c1"))), "\"c1\" is a member already");
    assert!(error(add_member(text, "f", &member("c2"))).starts_with("\"c2\" is a retired member; to bring it back"));
    assert_eq!(error(retire_member(text, "f", "c3")), "no member is called \"c3\"");
    assert_eq!(error(retire_member(text, "f", "c2")), "\"c2\" is retired already");
    let twin = Member { uid: Some("u".into()), ..member("c3") };
    assert!(error(add_member(text, "f", &twin)).contains("f: fleet.members[2].uid: the members \"c1\" and \"c3\""));
    assert!(error(add_members(text, "f", &[member("c3"), member("c3")])).contains("two members are called \"c3\""));
    assert!(error(add_member("suffix: A\n", "f", &member("c1"))).starts_with("f:1:9: suffix: no host can end in"));
    assert!(error(add_member(&format!("revision: {MAX_REVISION}\n"), "f", &member("c1"))).contains("f: revision: "));
    let members: Vec<_> = (0..=MAX_MEMBERS).map(|nth| member(&format!("c{nth}"))).collect();
    assert!(init(&members).unwrap_err().to_string().contains("5001 members"));
}

proptest! {
    #[test]
    fn an_edit_changes_the_list_and_the_revision_and_nothing_else(policy in policies(), whole: bool) {
        prop_assume!(policy.revision < MAX_REVISION);
        let text = if whole { to_yaml(&policy) } else { minimal_yaml(&policy) };
        let mut wanted = MeshPolicy { revision: policy.revision + 1, ..policy.clone() };
        wanted.fleet.members.push(member("the-new-one"));
        prop_assert_eq!(parse(&add(&text, "the-new-one"), "added").unwrap(), wanted);
        let active = policy.fleet.members.iter().position(|member| member.state == MemberState::Active);
        if let Some(nth) = active {
            let mut wanted = MeshPolicy { revision: policy.revision + 1, ..policy.clone() };
            wanted.fleet.members[nth].state = MemberState::Retired;
            prop_assert_eq!(parse(&retire(&text, &policy.fleet.members[nth].name), "retired").unwrap(), wanted);
        }
    }

    #[test]
    fn no_text_makes_an_edit_panic_or_change_what_was_not_meant(
        cut in 0..COMMENTED.len(),
        length in 0..40usize,
        junk in r#"[-a-z0-9:{}\[\],#&*<"'|>~ \n\t\r\u{feff}ä]{0,12}"#,
    ) {
        let end = (cut + length).min(COMMENTED.len());
        let text = format!("{}{junk}{}", &COMMENTED[..cut], &COMMENTED[end..]);
        let Ok(policy) = parse(&text, "mesh.yaml") else { return Ok(()) };
        if let Ok(added) = add_member(&text, "mesh.yaml", &member("c9")) {
            let mut wanted = MeshPolicy { revision: policy.revision + 1, ..policy.clone() };
            wanted.fleet.members.push(member("c9"));
            prop_assert_eq!(parse(&added, "added").unwrap(), wanted);
        }
        let _ = retire_member(&text, "mesh.yaml", "c2");
    }
}

#[test]
fn a_pushed_policy_gets_a_revision_above_the_stored_one() {
    let text = "# ours\nsuffix: mesh\nrevision: 3 # kept\n";
    let raised = |stored| raise_revision(text, "mesh.yaml", stored).unwrap();
    assert_eq!(raised(None), text);
    assert_eq!(raised(Some(2)), text);
    assert_eq!(raised(Some(3)), text.replace('3', "4"));
    assert_eq!(raised(Some(17)), text.replace('3', "18"));
    assert!(raise_revision("nonsense: 1\n", "mesh.yaml", Some(1)).is_err());
}
