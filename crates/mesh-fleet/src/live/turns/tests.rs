//! Every fleet of three sources and a client, and everything that can fail in it, by the turns and the gate alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host, Namespace};
use mesh_model::origin::{Origin, Origins, Part};
use mesh_model::owned::{Mark, ObjectKey, OwnedObject};
use mesh_plan::desired::{Body, Role};
use mesh_plan::plan::{Action, Class, Plan, Step};
use mesh_plan::writing::in_order;
use serde_json::{Value, json};

use super::*;
use crate::gate::{Gate, Leave, incomplete};
use crate::report::Outcome;

/// What a cluster is to the name before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Was {
    Nothing,
    Client,
    Source,
}

const SOURCES: [&str; 3] = ["a", "b", "c"];
const CLIENT: &str = "d";
const HOME: &str = "x.default.svc.cluster.local";

#[test]
fn nobody_ever_hears_of_a_source_that_does_not_route_the_host_whatever_fails() {
    for (fleet, called) in called_fleets() {
        for failing in subsets(&[SOURCES.as_slice(), &[CLIENT]].concat()) {
            Model::new(fleet, &called, &failing).run();
        }
    }
}

#[test]
fn each_new_source_that_is_heard_of_but_one_costs_a_write_more() {
    for (fleet, called) in called_fleets() {
        let mut model = Model::new(fleet, &called, &BTreeSet::new());
        model.run();
        for (cluster, addresses) in &model.holds {
            let wanted = addresses_of(&body(cluster, &SOURCES).spec);
            assert_eq!(*addresses, wanted, "{model:?}: {cluster}");
        }
        // Where there is no new source, the client's is the only step.
        let steps = if fleet == [Was::Source; 3] { 1 } else { 4 };
        let is_heard = |(cluster, was): &(&str, Was)| *was == Was::Client || called.contains(cluster);
        let new = SOURCES.into_iter().zip(fleet).filter(|(_, was)| *was != Was::Source).filter(is_heard).count();
        assert_eq!(model.writes, steps + new.saturating_sub(1), "{model:?}");
    }
}

#[test]
fn sources_that_others_do_not_lead_to_are_written_once() {
    let steps = SOURCES.map(|cluster| step(cluster, Role::Source, None, body(cluster, &[cluster])));
    let plan = Plan { steps: steps.into(), ..Plan::default() };
    let numbered: Vec<(usize, &Step)> = in_order(&plan).into_iter().enumerate().collect();
    let gate = Gate::before(&plan);
    for (_, step) in &turns(&numbered)[0] {
        assert!(matches!(gate.leave(step), Leave::Everything));
    }
    assert_eq!(turns(&numbered)[0].len(), 3);
}

#[test]
fn a_source_that_a_limit_holds_is_not_led_to_in_this_run() {
    let mut held = step("b", Role::Source, None, body("b", &["a", "b"]));
    held.action = Action::Hold { instead_of: "create".into() };
    let source = step("a", Role::Source, None, body("a", &["a", "b"]));
    let client = step(CLIENT, Role::Client, None, body(CLIENT, &["a", "b"]));
    let plan = Plan { steps: vec![source, held, client], ..Plan::default() };
    let gate = Gate::before(&plan);
    assert!(matches!(gate.leave(&plan.steps[2]), Leave::Nothing(Outcome::NotTried(_))));
    match gate.leave(&plan.steps[0]) {
        Leave::Part(body, source) => {
            assert_eq!((addresses_of(&body.spec), &*source), ([HOME.to_owned()].into(), "b"));
            let from = Origins::parse(body.from_text.as_ref().unwrap(), |text| text.into()).unwrap();
            assert!(from.iter().all(|(origin, _)| &*origin.cluster == "a"), "{from:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// The fleet while it is written.
struct Model {
    fleet: [Was; 3],
    /// Where callers run, besides the client.
    called: BTreeSet<&'static str>,
    failing: BTreeSet<&'static str>,
    /// Addresses in the entry of each cluster.
    holds: BTreeMap<String, BTreeSet<String>>,
    writes: usize,
}

impl Model {
    fn new(fleet: [Was; 3], called: &BTreeSet<&'static str>, failing: &BTreeSet<&'static str>) -> Self {
        let olds = olds(fleet);
        let holding = SOURCES.iter().zip(fleet).filter(|(_, was)| *was != Was::Nothing).map(|(cluster, _)| *cluster);
        let holds = holding.map(|cluster| (cluster.to_owned(), addresses_of(&body(cluster, &olds).spec))).collect();
        Self { fleet, called: called.clone(), failing: failing.clone(), holds, writes: 0 }
    }

    fn run(&mut self) {
        let olds = olds(self.fleet);
        let mut steps: Vec<Step> = SOURCES
            .iter()
            .zip(self.fleet)
            .filter(|_| olds.len() < SOURCES.len())
            .map(|(cluster, was)| {
                let base = (was != Was::Nothing).then(|| body(cluster, &olds));
                let is_called = self.called.contains(cluster);
                Step { is_called, ..step(cluster, Role::Source, base, body(cluster, &SOURCES)) }
            })
            .collect();
        steps.push(step(CLIENT, Role::Client, None, body(CLIENT, &SOURCES)));
        let plan = Plan { steps, ..Plan::default() };
        let numbered: Vec<(usize, &Step)> = in_order(&plan).into_iter().enumerate().collect();
        let mut gate = Gate::before(&plan);
        let mut begun = Vec::new();
        for (turn, now) in turns(&numbered).into_iter().enumerate() {
            // Those of a turn do not wait for each other: what is written is decided before any of it is there.
            let leaves: Vec<Leave> = now.iter().map(|(_, step)| gate.leave(step)).collect();
            let before = self.holds.clone();
            for ((_, step), leave) in now.iter().zip(leaves) {
                let outcome = match leave {
                    Leave::Nothing(outcome) => outcome,
                    Leave::Everything => {
                        let outcome = self.write(step, wanted(step), &before);
                        if outcome.is_written() {
                            begun.push((*step, true));
                        }
                        outcome
                    }
                    Leave::Part(body, source) => {
                        begun.push((*step, false));
                        let outcome = self.write(step, &body, &before);
                        if outcome.is_written() { incomplete(&source) } else { outcome }
                    }
                };
                gate.note(step, &outcome);
            }
            if turn == ALL_ROUTE {
                let before = self.holds.clone();
                for (step, is_whole) in begun.drain(..) {
                    match gate.leave(step) {
                        Leave::Everything if !is_whole => drop(self.write(step, wanted(step), &before)),
                        Leave::Part(body, _) if is_whole => drop(self.write(step, &body, &before)),
                        _ => {}
                    }
                }
            }
        }
        for (cluster, addresses) in &self.holds {
            let lost = unrouted(addresses, &self.holds);
            assert!(lost.is_empty(), "{self:?}: {cluster} goes on leading to {lost:?}");
        }
        for (cluster, was) in SOURCES.iter().zip(self.fleet) {
            let is_routed = routes(cluster, &self.holds);
            assert_eq!(is_routed, was == Was::Source || !self.failing.contains(cluster), "{self:?}: {cluster}");
        }
    }

    fn write(&mut self, step: &Step, body: &Body, before: &BTreeMap<String, BTreeSet<String>>) -> Outcome {
        if self.failing.contains(step.cluster.as_str()) {
            return Outcome::Failed("refused".into());
        }
        self.writes += 1;
        let addresses = addresses_of(&body.spec);
        let is_heard = step.is_called || before.contains_key(step.cluster.as_str());
        let lost = unrouted(&addresses, before);
        assert!(!is_heard || lost.is_empty(), "{self:?}: {} leads to {lost:?}", step.cluster);
        self.holds.insert(step.cluster.to_string(), addresses);
        Outcome::Updated
    }
}

/// The sources among what `addresses` lead to that do not route the host.
fn unrouted(addresses: &BTreeSet<String>, holds: &BTreeMap<String, BTreeSet<String>>) -> Vec<&'static str> {
    let led_to = SOURCES.into_iter().filter(|source| addresses.contains(&gateway(source)));
    led_to.filter(|source| !routes(source, holds)).collect()
}

fn routes(source: &str, holds: &BTreeMap<String, BTreeSet<String>>) -> bool {
    holds.get(source).is_some_and(|addresses| addresses.contains(HOME))
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, called {:?}, failing {:?}, holding {:?}", self.fleet, self.called, self.failing, self.holds)
    }
}

fn fleets() -> impl Iterator<Item = [Was; 3]> {
    let all = [Was::Nothing, Was::Client, Was::Source];
    all.into_iter().flat_map(move |a| all.into_iter().flat_map(move |b| all.into_iter().map(move |c| [a, b, c])))
}

fn called_fleets() -> impl Iterator<Item = ([Was; 3], BTreeSet<&'static str>)> {
    fleets().flat_map(|fleet| subsets(&SOURCES).map(move |called| (fleet, called)))
}

fn subsets(all: &[&'static str]) -> impl Iterator<Item = BTreeSet<&'static str>> {
    (0..1_usize << all.len())
        .map(|bits| all.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, name)| *name).collect())
}

fn olds(fleet: [Was; 3]) -> Vec<&'static str> {
    SOURCES.into_iter().zip(fleet).filter(|(_, was)| *was == Was::Source).map(|(cluster, _)| cluster).collect()
}

fn gateway(cluster: &str) -> String {
    format!("gw.{cluster}.example.")
}

/// What `cluster` holds where `sources` serve.
fn body(cluster: &str, sources: &[&str]) -> Body {
    let mut origins = Origins::default();
    let addresses: Vec<String> =
        sources.iter().map(|source| if *source == cluster { HOME.to_owned() } else { gateway(source) }).collect();
    for (source, address) in sources.iter().zip(&addresses) {
        let origin =
            Origin { cluster: ClusterName::parse(source).unwrap(), kind: Kind::Service, name: "default/x".into() };
        origins.add(origin.clone(), Part::Endpoint(address.as_str().into()));
        origins.add(origin, Part::Ports);
    }
    let endpoints: Vec<Value> = addresses.iter().map(|address| json!({"address": address})).collect();
    Body {
        key: ObjectKey {
            kind: Kind::ServiceEntry,
            namespace: Namespace::parse("mesh-sync").unwrap(),
            name: "prod.x.global-se".into(),
        },
        labels: Arc::default(),
        annotations: Arc::default(),
        from_text: Some(origins.to_annotation().into()),
        spec: json!({"endpoints": endpoints, "hosts": ["prod.x.global"]}).to_string().into(),
        origins: Arc::new(origins),
    }
}

fn step(cluster: &str, role: Role, base: Option<Body>, wanted: Body) -> Step {
    let key = wanted.key.clone();
    let body = Arc::new(wanted);
    let action = match base {
        None => Action::Create { body },
        Some(base) => Action::Update { base: Arc::new(live(base)), body },
    };
    Step {
        cluster: ClusterName::parse(cluster).unwrap(),
        key,
        host: None,
        base: Some(Host::parse("prod.x.global").unwrap()),
        identity: None,
        role: Some(role),
        is_called: true,
        action,
        class: Class::Additive,
        because: Vec::new(),
    }
}

fn live(body: Body) -> OwnedObject {
    OwnedObject {
        created: None,
        uid: None,
        version: "1".into(),
        mark: Mark::Ours,
        spec: body.spec,
        labels: body.labels,
        from_text: body.from_text,
        annotations: Arc::default(),
        origins: body.origins,
        changed_by: None,
    }
}

fn wanted(step: &Step) -> &Body {
    match &step.action {
        Action::Create { body } | Action::Update { body, .. } => body,
        other => panic!("{other:?}"),
    }
}

fn addresses_of(spec: &str) -> BTreeSet<String> {
    let entry: Value = serde_json::from_str(spec).unwrap();
    let endpoints = entry["endpoints"].as_array().unwrap();
    endpoints.iter().map(|endpoint| endpoint["address"].as_str().unwrap().to_owned()).collect()
}
