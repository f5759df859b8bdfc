//! What Kubernetes itself finds wrong with the expressions of ValidatingAdmissionPolicies: a controller checks them against the
//! schemas of the kinds that they match, and writes what it found into their status.

use std::fs;

use serde_json::Value;

use super::api_server::ApiServer;
use super::kubeconfig;
use super::limits::IN_FORCE;
use super::until;
use crate::programs;

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";

impl ApiServer {
    /// What the controller warns of, policy by policy; it runs until every policy was looked at. None where it was not built.
    pub fn policy_warnings(&self) -> Option<Vec<String>> {
        let Some(program) = programs::find_kubernetes("kube-controller-manager") else {
            programs::skip("kube-controller-manager is");
            return None;
        };
        let name = format!("{}-policies", self.name());
        let file = self.sandbox().path().join(format!("{name}.kubeconfig"));
        fs::write(&file, kubeconfig::text(&[self.kubeconfig_entry()])).expect("a file of our own");
        let arguments = [
            format!("--kubeconfig={}", file.display()),
            "--controllers=validatingadmissionpolicy-status-controller".to_owned(),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ];
        let process =
            self.sandbox().start(&name, &program, &arguments).expect("the program that was just found starts");
        let are_checked = until(IN_FORCE, || {
            self.policies().iter().all(|policy| {
                let seen = &policy["status"]["observedGeneration"];
                !seen.is_null() && seen == &policy["metadata"]["generation"]
            })
        });
        assert!(are_checked, "{}: {}", self.name(), process.last_words());
        let warnings = |policy: &Value| -> Vec<String> {
            let found = policy["status"]["typeChecking"]["expressionWarnings"].as_array().cloned().unwrap_or_default();
            found.iter().map(|warning| format!("{}: {warning}", policy["metadata"]["name"])).collect()
        };
        Some(self.policies().iter().flat_map(warnings).collect())
    }

    fn policies(&self) -> Vec<Value> {
        let (status, list) = self.get(POLICIES);
        assert_eq!(status, 200, "{}: {list}", self.name());
        list["items"].as_array().cloned().unwrap_or_default()
    }
}
