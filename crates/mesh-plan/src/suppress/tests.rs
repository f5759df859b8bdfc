use jiff::civil::date;
use mesh_model::finding::Severity;
use mesh_model::name::ClusterName;

use super::*;

fn finding(code: Code, cluster: Option<&str>, place: &str) -> Finding {
    let cluster = cluster.map(|name| ClusterName::parse(name).unwrap());
    Finding::new(code, cluster.as_ref(), place, "is wrong".to_owned())
}

/// Of this code, everywhere, until the end of January 2027.
fn of(code: Code) -> Suppression {
    Suppression { code, cluster: None, place: None, reason: "TICKET-1".to_owned(), until: date(2027, 1, 31) }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// In the middle of the time that [`of`] counts.
fn sifted(findings: &[Finding], suppressions: &[Suppression]) -> Sifted {
    suppress(findings, suppressions, at("2026-03-01T12:00:00Z"), |_| true)
}

fn places<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<&'a str> {
    findings.into_iter().map(|finding| &*finding.place).collect()
}

#[test]
fn only_what_matches_code_cluster_and_place_is_suppressed_and_says_why_and_until_when() {
    let findings = [
        finding(Code::NoRegion, Some("c1"), "VirtualService shop/a"),
        finding(Code::HostDiverted, Some("c1"), "VirtualService bank/a"),
        finding(Code::HostDiverted, Some("c1"), "VirtualService shop/a"),
        finding(Code::HostDiverted, Some("c12"), "VirtualService shop/b"),
        finding(Code::HostDiverted, Some("d1"), "VirtualService shop/c"),
    ];
    let canary = Suppression {
        cluster: Some("c?*".into()),
        place: Some("VirtualService shop/*".into()),
        ..of(Code::HostDiverted)
    };
    let Sifted { left, suppressed } = sifted(&findings, &[canary]);
    assert_eq!(places(&left), ["VirtualService shop/a", "VirtualService bank/a", "VirtualService shop/c"]);
    assert_eq!(left[0].code, Code::NoRegion, "another code at the same place stays");
    let of_shop = |finding: &Finding| Suppressed {
        finding: finding.clone(),
        reason: "TICKET-1".to_owned(),
        until: date(2027, 1, 31),
    };
    assert_eq!(suppressed, [of_shop(&findings[2]), of_shop(&findings[3])]);
}

#[test]
fn a_finding_of_the_fleet_is_in_no_cluster_that_a_glob_could_match() {
    let findings = [finding(Code::NoServerIdentity, None, "policy.sans")];
    let anywhere = Suppression { cluster: Some("*".into()), ..of(Code::NoServerIdentity) };
    let Sifted { left, suppressed } = sifted(&findings, std::slice::from_ref(&anywhere));
    assert_eq!(places(&left), ["policy.sans", "policy check.suppress[0]"]);
    assert_eq!(suppressed, []);
    assert_eq!(sifted(&findings, &[of(Code::NoServerIdentity)]).left, []);
}

#[test]
fn a_suppression_counts_to_the_end_of_its_last_day_in_utc_and_is_a_finding_afterwards() {
    let findings = [finding(Code::NoRegion, Some("c1"), "c1")];
    let suppressions = [of(Code::NoRegion)];
    for time in ["2027-01-31T23:59:59Z", "2027-02-01T00:59:59+01:00"] {
        let Sifted { left, suppressed } = suppress(&findings, &suppressions, at(time), |_| true);
        assert_eq!((left.len(), suppressed.len()), (0, 1), "{time}");
    }
    for (time, sees_everything) in [("2027-02-01T00:00:00Z", true), ("2027-01-31T23:00:00-01:00", false)] {
        let Sifted { left, suppressed } = suppress(&findings, &suppressions, at(time), |_| sees_everything);
        assert_eq!(suppressed, [], "{time}");
        let [_, expired] = &left[..] else { panic!("{time}: the finding is back, and one more: {left:?}") };
        assert_eq!((expired.code, expired.severity), (Code::SuppressionExpired, Severity::Warning));
        assert_eq!((&expired.cluster, &*expired.place), (&None, "policy check.suppress[0]"));
        assert_eq!(expired.message, "suppressed MESH-C024 (no-region) until 2027-01-31: TICKET-1");
    }
}

#[test]
fn a_suppression_that_matches_nothing_is_a_finding_only_where_everything_was_seen() {
    let suppressions = [
        of(Code::NoRegion),
        Suppression { cluster: Some("c9".into()), place: Some("Service a/*".into()), ..of(Code::NoGateway) },
    ];
    let findings = [finding(Code::NoRegion, Some("c1"), "c1"), finding(Code::NoGateway, Some("c1"), "Service a/b")];
    let left = sifted(&findings, &suppressions).left;
    let [unused, _] = &left[..] else { panic!("the finding of c1 and the unused suppression: {left:?}") };
    assert_eq!((unused.code, unused.severity), (Code::SuppressionUnused, Severity::Info));
    assert_eq!(&*unused.place, "policy check.suppress[1]");
    assert_eq!(unused.message, r#"matches no finding: MESH-C025 (no-gateway), cluster "c9", place "Service a/*""#);
    let partial = suppress(&findings, &suppressions, at("2026-03-01T12:00:00Z"), |_| false).left;
    assert_eq!(partial, [findings[1].clone()]);
}

#[test]
fn of_several_that_match_the_one_that_lasts_longest_is_told_and_all_are_of_use() {
    let findings = [finding(Code::NoRegion, Some("c1"), "c1")];
    let long = Suppression { reason: "long\n".into(), until: date(2028, 1, 1), ..of(Code::NoRegion) };
    let longer = Suppression { reason: "as long".into(), ..long.clone() };
    let Sifted { left, suppressed } = sifted(&findings, &[of(Code::NoRegion), long, longer]);
    assert_eq!(left, []);
    assert_eq!((&*suppressed[0].reason, suppressed[0].until), ("long", date(2028, 1, 1)));
}

#[test]
fn findings_about_suppressions_may_be_suppressed_too_but_none_excuses_itself() {
    let over = Suppression { until: date(2026, 1, 1), ..of(Code::NoGateway) };
    let (of_expired, of_unused) = (of(Code::SuppressionExpired), of(Code::SuppressionUnused));
    let all = sifted(&[], &[over.clone(), of_expired, of(Code::NoRegion), of_unused.clone()]);
    assert_eq!(all.left, []);
    let suppressed = all.suppressed.iter().map(|suppressed| &suppressed.finding);
    assert_eq!(places(suppressed), ["policy check.suppress[2]", "policy check.suppress[0]"]);
    let alone = sifted(&[], &[over, of_unused]);
    assert_eq!(places(&alone.left), ["policy check.suppress[1]", "policy check.suppress[0]"]);
}

#[test]
fn without_suppressions_every_finding_is_left() {
    let findings = [finding(Code::NoRegion, Some("c1"), "c1"), finding(Code::NoGateway, None, "x")];
    assert_eq!(sifted(&findings, &[]), Sifted { left: findings.to_vec(), suppressed: vec![] });
}
