//! What a policy must satisfy beyond its shape.

use std::collections::BTreeMap;
use std::fmt;

use super::label::{is_dns_label, key_problem, value_problem};
use super::{
    API_VERSION, CheckPolicy, ExportToPolicy, FleetPolicy, KIND, Keys, Member, MeshPolicy, SanPolicy, Suppression,
    TrafficPolicy,
};
use crate::limits::{
    MAX_MEMBERS, MAX_REQUESTS_PER_CONNECTION, MAX_REVISION, MAX_SUFFIX, MAX_SUPPRESSIONS, MAX_UID, MAX_WARMUP_SECONDS,
};
use crate::name::{Env, Identity, NameError, is_invisible};

/// What is wrong with a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The way to the bad value.
    pub(super) at: Vec<Step>,
    /// What is wrong with it: lower case, no period.
    pub(super) what: String,
}

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a field of a mapping.
    Field(&'static str),
    /// Into an item of a list.
    Item(usize),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, step) in self.at.iter().enumerate() {
            match step {
                Step::Field(name) if nth == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Problem {}

impl MeshPolicy {
    /// Checks every rule that the types alone do not keep; the first problem is the error.
    pub fn validate(&self) -> Result<(), Problem> {
        header(self)?;
        suffix(&self.suffix).map_err(|what| at("suffix", what))?;
        keys(&self.keys).map_err(|problem| problem.inside("keys"))?;
        if self.owner_from.is_empty() {
            return Err(at("ownerFrom", "names no source of owners; leave it out for the default"));
        }
        let apps = &self.gateway.apps;
        if apps.is_empty() {
            return Err(at("apps", "is empty, so no gateway would be found").inside("gateway"));
        }
        each(apps, |app| value_problem(app).map(|why| format!("{app:?} {why}")))
            .map_err(|problem| problem.inside("apps").inside("gateway"))?;
        sans(&self.sans).map_err(|problem| problem.inside("sans"))?;
        export_to(&self.export_to).map_err(|problem| problem.inside("exportTo"))?;
        traffic(&self.traffic).map_err(|problem| problem.inside("traffic"))?;
        each(&self.exclude, |identity| bad_name(Identity::parse(identity)))
            .map_err(|problem| problem.inside("exclude"))?;
        each(&self.claims.ephemeral_envs, |env| bad_name(Env::parse(env)))
            .map_err(|problem| problem.inside("ephemeralEnvs").inside("claims"))?;
        check(&self.check).map_err(|problem| problem.inside("suppress").inside("check"))?;
        fleet(&self.fleet).map_err(|problem| problem.inside("members").inside("fleet"))
    }
}

fn header(policy: &MeshPolicy) -> Result<(), Problem> {
    if policy.api_version != API_VERSION {
        return Err(at("apiVersion", format!("is {:?}, not {API_VERSION}", policy.api_version)));
    }
    if policy.kind != KIND {
        return Err(at("kind", format!("is {:?}, not {KIND}", policy.kind)));
    }
    if !(1..=MAX_REVISION).contains(&policy.revision) {
        return Err(at("revision", format!("is not a whole number from 1 to {MAX_REVISION}")));
    }
    Ok(())
}

fn suffix(suffix: &str) -> Result<(), String> {
    let impossible = |why: String| Err(format!("no host can end in {suffix:?}: {why}"));
    if suffix.is_empty() {
        return impossible("it is empty".into());
    }
    if suffix.len() > MAX_SUFFIX {
        return impossible(format!("it has {} bytes, at most {MAX_SUFFIX} leave room for a name", suffix.len()));
    }
    match suffix.split('.').find(|label| !is_dns_label(label)) {
        Some(label) => impossible(format!(
            "{label:?} is not a DNS label (1 to 63 lower-case letters, digits and dashes, no dash at either end)"
        )),
        None => Ok(()),
    }
}

fn keys(keys: &Keys) -> Result<(), Problem> {
    let Keys { identity, policy_identity, env, priority, ignore, inject, partition } = keys;
    for (field, key) in [
        ("identity", identity),
        ("policyIdentity", policy_identity),
        ("env", env),
        ("priority", priority),
        ("ignore", ignore),
        ("inject", inject),
        ("partition", partition),
    ] {
        if let Some(why) = key_problem(key) {
            return Err(at(field, format!("{key:?} {why}")));
        }
    }
    Ok(())
}

fn sans(sans: &SanPolicy) -> Result<(), Problem> {
    let SanPolicy::Template(template) = sans else { return Ok(()) };
    let problem = if !template.starts_with("spiffe://") {
        "does not begin with spiffe://"
    } else if template.starts_with("spiffe:///") {
        "has no trust domain"
    } else if template.matches("{identity}").count() != 1 {
        "does not have {identity} exactly once"
    } else if template.replacen("{identity}", "", 1).contains(['{', '}']) {
        "has braces besides {identity}"
    } else if template.contains(is_hidden) {
        "has white space, control or invisible characters"
    } else {
        return Ok(());
    };
    Err(at("template", format!("{template:?} {problem}")))
}

fn export_to(export_to: &ExportToPolicy) -> Result<(), Problem> {
    let ExportToPolicy::Limited { hosts, max_namespaces } = export_to else { return Ok(()) };
    if hosts.is_empty() {
        return Err(at("hosts", "is empty, so it is for no host; write exportTo: \"off\""));
    }
    each(hosts, |host| {
        let fine = !host.is_empty() && !host.contains(is_hidden);
        (!fine).then(|| format!("{host:?} is not part of a host"))
    })
    .map_err(|problem| problem.inside("hosts"))?;
    if *max_namespaces == 0 {
        return Err(at("maxNamespaces", "is 0, at least 1 is possible"));
    }
    Ok(())
}

fn traffic(traffic: &TrafficPolicy) -> Result<(), Problem> {
    if traffic.max_requests_per_connection > MAX_REQUESTS_PER_CONNECTION {
        return Err(at("maxRequestsPerConnection", format!("is more than {MAX_REQUESTS_PER_CONNECTION}")));
    }
    if traffic.warmup_seconds > MAX_WARMUP_SECONDS {
        return Err(at("warmupSeconds", format!("is more than a day ({MAX_WARMUP_SECONDS})")));
    }
    Ok(())
}

fn check(check: &CheckPolicy) -> Result<(), Problem> {
    let suppressions = &check.suppress;
    if suppressions.len() > MAX_SUPPRESSIONS {
        return Err(Problem {
            at: vec![],
            what: format!("has {} suppressions, at most {MAX_SUPPRESSIONS} are possible", suppressions.len()),
        });
    }
    let each = |(nth, each)| suppression(each).map_err(|problem| problem.inside_item(nth));
    suppressions.iter().enumerate().try_for_each(each)
}

fn suppression(suppression: &Suppression) -> Result<(), Problem> {
    let Suppression { code: _, cluster, place, reason, until: _ } = suppression;
    // What is written in block style ends in a line feed.
    let reason = Some(reason.trim());
    for (field, text) in [("cluster", cluster.as_deref()), ("place", place.as_deref()), ("reason", reason)] {
        let Some(text) = text else { continue };
        if let Some(why) = line_problem(text) {
            return Err(at(field, format!("{text:?} {why}")));
        }
    }
    Ok(())
}

fn fleet(fleet: &FleetPolicy) -> Result<(), Problem> {
    let members = &fleet.members;
    if members.len() > MAX_MEMBERS {
        return Err(Problem {
            at: vec![],
            what: format!("has {} members, at most {MAX_MEMBERS} are possible", members.len()),
        });
    }
    let mut names = BTreeMap::new();
    let mut uids = BTreeMap::new();
    for (nth, member) in members.iter().enumerate() {
        let inside = |problem: Problem| problem.inside_item(nth);
        self::member(member).map_err(inside)?;
        if names.insert(&member.name, nth).is_some() {
            return Err(inside(at("name", format!("two members are called {:?}", member.name))));
        }
        let Some(uid) = &member.uid else { continue };
        if let Some(other) = uids.insert(uid, &member.name) {
            let what =
                format!("the members {other:?} and {:?} have one uid, {uid:?}: they are one cluster", member.name);
            return Err(inside(at("uid", what)));
        }
    }
    Ok(())
}

/// What is wrong with a text, if anything.
type Rule = fn(&str) -> Option<&'static str>;

fn member(member: &Member) -> Result<(), Problem> {
    let Member { name: _, uid, context, region, network, gateway: _, trust_domain, state: _ } = member;
    let rules: [(&'static str, &Option<String>, Rule); 5] = [
        ("uid", uid, uid_problem),
        // Contexts may have spaces: kubectl takes any text.
        ("context", context, line_problem),
        ("region", region, value_problem),
        ("network", network, value_problem),
        ("trustDomain", trust_domain, trust_domain_problem),
    ];
    for (field, text, rule) in rules {
        let Some(text) = text else { continue };
        if let Some(why) = rule(text) {
            return Err(at(field, format!("{text:?} {why}")));
        }
    }
    Ok(())
}

fn uid_problem(text: &str) -> Option<&'static str> {
    let fine = (1..=MAX_UID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    (!fine).then_some("is no uid")
}

fn line_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.contains(|c: char| c.is_control() || is_invisible(c)) {
        Some("has control or invisible characters")
    } else {
        None
    }
}

fn trust_domain_problem(text: &str) -> Option<&'static str> {
    let fine = (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
    (!fine).then_some("is no SPIFFE trust domain (lower-case letters, digits, `.`, `-` and `_`)")
}

fn is_hidden(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_invisible(c)
}

fn bad_name<T>(parsed: Result<T, NameError>) -> Option<String> {
    parsed.err().map(|error| error.to_string())
}

/// The first item that has a problem.
fn each(items: &[String], problem: impl Fn(&str) -> Option<String>) -> Result<(), Problem> {
    items.iter().enumerate().try_for_each(|(nth, item)| match problem(item) {
        Some(what) => Err(Problem { at: vec![Step::Item(nth)], what }),
        None => Ok(()),
    })
}

fn at(field: &'static str, what: impl Into<String>) -> Problem {
    Problem { at: vec![Step::Field(field)], what: what.into() }
}

impl Problem {
    fn inside(mut self, field: &'static str) -> Self {
        self.at.insert(0, Step::Field(field));
        self
    }

    fn inside_item(mut self, nth: usize) -> Self {
        self.at.insert(0, Step::Item(nth));
        self
    }
}
