//! What the webhook adds to a deploy through a real API server, with its configurations and without them, by turns.

use std::time::Instant;

use mesh_testkit::servers::until;
use serde_json::Value;

use crate::middle;
use crate::process::{Certificates, SOON};
use crate::running::{CONFIGURATIONS, FULL_NAME, Installed, deployment};

/// How often there are configurations, and none.
const TURNS: usize = 8;
/// Deploys of a turn.
const DEPLOYS: usize = 100;
const KINDS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

/// Measures and prints.
pub(crate) fn measure() {
    let Some(installed) = Installed::start("added", Certificates::Folder) else { return };
    let server = installed.server();
    let configurations = KINDS.map(|kind| {
        let mut configuration = server.get(&format!("{CONFIGURATIONS}/{kind}/{FULL_NAME}")).1;
        let metadata = configuration["metadata"].as_object_mut().expect("an object has metadata");
        metadata.retain(|key, _| key == "name" || key == "labels" || key == "annotations");
        configuration
    });
    // Once for nothing.
    deploys(&installed, "warm");
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        with.extend(deploys(&installed, &format!("with-{turn}")));
        let _ = KINDS.map(|kind| server.delete(&format!("{CONFIGURATIONS}/{kind}/{FULL_NAME}")));
        assert!(until(SOON, || !installed.is_asked()), "the configurations are gone");
        without.extend(deploys(&installed, &format!("without-{turn}")));
        for (kind, configuration) in KINDS.into_iter().zip(&configurations) {
            let (code, answer) = server.create(&format!("{CONFIGURATIONS}/{kind}"), configuration);
            assert_eq!(code, 201, "{answer}");
        }
        assert!(until(SOON, || installed.is_asked()), "the configurations are back");
    }
    let (with, without) = (middle(with.into_iter()), middle(without.into_iter()));
    println!(
        "a Deployment is created in {with:.2} ms with both webhooks and {without:.2} ms without, in the middle of {}: {:.2} ms added",
        TURNS * DEPLOYS,
        with - without,
    );
}

/// How long each of some deploys took, in milliseconds.
fn deploys(installed: &Installed, prefix: &str) -> Vec<f64> {
    let one = |at: usize| {
        let name = format!("{prefix}-{at}");
        let deployment: Value = deployment(&name, &name, "stage");
        let start = Instant::now();
        let (code, answer) = installed.creates("shop", &deployment, "");
        let took = start.elapsed().as_secs_f64() * 1e3;
        assert_eq!(code, 201, "{answer}");
        took
    };
    (0..DEPLOYS).map(one).collect()
}
