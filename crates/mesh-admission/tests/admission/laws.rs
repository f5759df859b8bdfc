//! Laws of admission, over whatever may come: they judge anybody who answers reviews, by the bytes of the answer alone. Each rejects
//! those that are broken in its way.

mod broken;
mod judge;
mod reference;
mod scene;

use std::collections::BTreeSet;

use mesh_admission::wire::{self, Hook};
use mesh_admission::{RefusalCode, WarningCode, decide};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use judge::{Law, asked};
use scene::{Scene, World, scenes};

/// Who answers: which webhook is asked, the body, and the cluster. None where there is nobody to answer.
type Decider = fn(Hook, &[u8], &World) -> Option<Vec<u8>>;

/// As the webhook does.
fn real(hook: Hook, body: &[u8], world: &World) -> Option<Vec<u8>> {
    match wire::read(body) {
        Ok(request) => Some(wire::answer(&request.uid, &decide(hook, &request, &world.index(), &world.policy()))),
        Err(error) => error.answer(hook),
    }
}

/// How many scenes a broken decider is looked at in, and codes are looked for in.
const SCENES: usize = 3_000;

/// The same scenes every time.
fn fixed_scenes() -> Vec<Scene> {
    let (mut runner, scenes) = (TestRunner::deterministic(), scenes());
    (0..SCENES).map(|_| scenes.new_tree(&mut runner).unwrap().current()).collect()
}

proptest! {
    #[test]
    fn the_laws_hold(scene in scenes()) {
        for law in Law::ALL {
            if let Err(what) = law.judge(real, &scene) {
                return Err(TestCaseError::fail(format!("{law:?}: {what}")));
            }
        }
    }
}

#[test]
fn each_law_rejects_what_is_broken_in_its_way() {
    let scenes = fixed_scenes();
    let table = broken::table();
    let passed: Vec<_> = table
        .iter()
        .filter(|(law, _, decider)| scenes.iter().all(|scene| law.judge(*decider, scene).is_ok()))
        .map(|(law, name, _)| (law, name))
        .collect();
    assert!(passed.is_empty(), "not rejected: {passed:?}");
    let judged: BTreeSet<Law> = table.iter().map(|(law, ..)| *law).collect();
    assert_eq!(judged, Law::ALL.into(), "a law that rejects nothing cannot be trusted");
}

#[test]
fn every_code_comes_up() {
    let answers: Vec<_> = fixed_scenes().iter().filter_map(|scene| asked(real, scene)).collect();
    let count = |code: &str| answers.iter().filter(|answer| answer.to_string().contains(&format!("[{code}]"))).count();
    let codes = RefusalCode::ALL.map(|code| code.to_string());
    for code in codes.into_iter().chain(WarningCode::ALL.map(|code| code.to_string())) {
        assert!(count(&code) >= 5, "{code}: {}", count(&code));
    }
    let patches = answers.iter().filter(|answer| answer["response"]["patch"].is_string()).count();
    assert!(patches * 10 > SCENES, "{patches}");
}
