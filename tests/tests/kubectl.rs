//! Run by the real kubectl, as users do; and completed by it and by the shells.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mesh_tests::{example, program, skipped_without};
use tempfile::TempDir;

#[test]
fn kubectl_finds_and_runs_the_plugin() {
    let Some(kubectl) = Kubectl::new() else { return };
    let fleet = example("bookstore");
    let words = |first: &[&str]| -> Vec<String> {
        first.iter().copied().chain(["--fleet", fleet.to_str().unwrap()]).map(str::to_owned).collect()
    };
    let through = kubectl.run(&words(&["mesh", "plan"]));
    let direct = Command::new(program()).args(words(&["plan"])).output().unwrap();
    assert!(through.status.success(), "{through:?}");
    assert_eq!(text(&through.stdout), text(&direct.stdout));
    assert_eq!(through.status.code(), direct.status.code());
}

#[test]
fn help_and_exit_status_come_through_kubectl() {
    let Some(kubectl) = Kubectl::new() else { return };
    let help = kubectl.run(&["mesh", "whereis", "--help"]);
    assert!(text(&help.stdout).contains("Usage: kubectl mesh whereis"), "{help:?}");
    assert_eq!(kubectl.run(&["mesh", "whereis"]).status.code(), Some(2), "no KEY");
    let fleet = example("bookstore");
    let unknown = kubectl.run(&["mesh", "whereis", "no-such-thing", "--fleet", fleet.to_str().unwrap()]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
}

#[test]
fn kubectl_completes_verbs_names_and_clusters_through_the_shim() {
    let Some(kubectl) = Kubectl::new() else { return };
    kubectl.install_shim();
    let fleet = example("bookstore");
    let fleet = fleet.to_str().unwrap();
    for (words, wanted, unwanted) in [
        (vec![""], "whereis", "__complete"),
        (vec!["pl"], "plan", "whereis"),
        (vec!["whereis", "--fleet", fleet, ""], "payments", "--fleet"),
        (vec!["whereis", "--fleet", fleet, "prod.pay"], "prod.payments.global", "payments"),
        (vec!["explain", "--fleet", fleet, "payments", ""], "retail-us-west", "payments"),
        (
            vec!["explain", "--fleet", fleet, "payments", "c", "trafficPolicy/o"],
            "trafficPolicy/outlierDetection",
            "ports",
        ),
        (vec!["plan", "--fleet", fleet, "--cluster", "edge"], "edge-us-west", "retail-us-west"),
        (vec!["plan", "-o", ""], "json", "payments"),
        (vec!["plan", "--all"], "--allow-unseen", "plan"),
        (vec!["completion", ""], "install", "plan"),
    ] {
        let (candidates, directive) = kubectl.complete(&words, None);
        assert!(candidates.iter().any(|candidate| candidate == wanted), "{words:?}: {candidates:?}");
        assert!(!candidates.iter().any(|candidate| candidate == unwanted), "{words:?}: {candidates:?}");
        assert_eq!(directive, ":4", "{words:?}");
    }
}

#[test]
fn the_fleet_of_the_environment_is_completed_too_and_none_is_no_error() {
    let Some(kubectl) = Kubectl::new() else { return };
    kubectl.install_shim();
    let (candidates, _) = kubectl.complete(&["whereis", "pay"], Some(&example("bookstore")));
    assert_eq!(candidates, ["payments"]);
    assert_eq!(kubectl.complete(&["whereis", "pay"], None), (vec![], ":4".to_owned()));
    let gone = Path::new("/no/such/fleet");
    assert_eq!(kubectl.complete(&["whereis", "pay"], Some(gone)), (vec![], ":4".to_owned()));
}

#[test]
fn folders_are_completed_without_a_space() {
    let Some(kubectl) = Kubectl::new() else { return };
    kubectl.install_shim();
    let prefix = format!("{}/book", example("").display()).replace("//", "/");
    let (candidates, directive) = kubectl.complete(&["plan", "--fleet", &prefix], None);
    assert!(candidates.iter().any(|candidate| candidate.ends_with("bookstore/")), "{candidates:?}");
    assert_eq!(directive, ":6");
}

#[test]
fn a_name_that_a_shell_would_run_is_never_offered() {
    let Some(kubectl) = Kubectl::new() else { return };
    kubectl.install_shim();
    let fleet = TempDir::new().unwrap();
    fs::create_dir(fleet.path().join("c1")).unwrap();
    let workload = |name: &str, identity: &str| {
        let labels = format!("{{app: {name}}}");
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: \
             {{matchLabels: {labels}}}\n  template:\n    metadata:\n      labels: {labels}\n      annotations: \
             {{identity: \"{identity}\"}}\n"
        )
    };
    let manifests = [workload("a", "$(reboot)"), workload("b", "b;reboot"), workload("c", "harmless")].concat();
    fs::write(fleet.path().join("c1/all.yaml"), manifests).unwrap();
    let (candidates, _) = kubectl.complete(&["whereis", ""], Some(fleet.path()));
    assert!(candidates.iter().any(|candidate| candidate == "harmless"), "{candidates:?}");
    assert!(candidates.iter().all(|candidate| !candidate.contains("reboot")), "{candidates:?}");
}

#[test]
fn every_shell_has_a_script_and_bash_completes_with_it() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = Command::new(program()).args(["completion", shell]).output().unwrap();
        assert!(script.status.success() && text(&script.stdout).contains("kubectl-mesh"), "{shell}: {script:?}");
    }
    let fleet = example("bookstore");
    let script = "source <(kubectl-mesh completion bash); \
                  COMP_WORDS=(kubectl-mesh whereis --fleet \"$FLEET\" pay); COMP_CWORD=4; COMP_TYPE=9; \
                  _clap_complete_kubectl_mesh kubectl-mesh pay \"$FLEET\"; echo \"${COMPREPLY[@]}\"";
    let run = Command::new("bash").args(["-c", script]).env("FLEET", fleet).env("PATH", path_with(None)).output();
    let Ok(run) = run else {
        return skipped_without("bash");
    };
    assert_eq!(text(&run.stdout).trim(), "payments", "{run:?}");
}

#[test]
fn the_shim_goes_where_it_is_told_and_nowhere_else() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing");
    let install =
        |dir: &Path| Command::new(program()).args(["completion", "install", "--dir"]).arg(dir).output().unwrap();
    let refused = install(&missing);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(!missing.exists());
    let written = install(folder.path());
    assert!(written.status.success(), "{written:?}");
    assert!(text(&written.stderr).contains("is not on the PATH"), "{written:?}");
    let again = install(folder.path());
    assert!(again.status.success(), "an old file is replaced: {again:?}");
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["kubectl_complete-mesh"]);
}

/// The real kubectl with the built program, and later the shim, on its PATH.
struct Kubectl {
    home: TempDir,
}

impl Kubectl {
    /// None where there is no kubectl.
    fn new() -> Option<Self> {
        let found = Command::new("kubectl").args(["version", "--client"]).output();
        if found.is_ok_and(|output| output.status.success()) {
            return Some(Self { home: TempDir::new().unwrap() });
        }
        skipped_without("kubectl");
        None
    }

    fn run<A: AsRef<std::ffi::OsStr>>(&self, args: &[A]) -> Output {
        self.command().args(args).output().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("kubectl");
        command.env("PATH", path_with(Some(self.home.path()))).env("HOME", self.home.path()).env("NO_COLOR", "1");
        command.env_remove("MESH_FLEET").env_remove("XDG_CONFIG_HOME").env_remove("KUBECONFIG");
        command
    }

    fn install_shim(&self) {
        let done = self.run(&["mesh", "completion", "install", "--dir", self.home.path().to_str().unwrap()]);
        assert!(done.status.success(), "{done:?}");
    }

    /// The candidates without their help, and Cobra's directive.
    fn complete(&self, words: &[&str], fleet: Option<&Path>) -> (Vec<String>, String) {
        let mut command = self.command();
        command.args(["__complete", "mesh"]).args(words);
        if let Some(fleet) = fleet {
            command.env("MESH_FLEET", fleet);
        }
        let output = command.output().unwrap();
        let stdout = text(&output.stdout);
        let mut lines: Vec<String> =
            stdout.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect();
        let directive = lines.pop().unwrap_or_default();
        (lines, directive)
    }
}

/// The PATH with the built program's folder, and one more, in front.
fn path_with(further: Option<&Path>) -> std::ffi::OsString {
    let own = program().parent().unwrap().to_owned();
    let old = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        further.map(Path::to_owned).into_iter().chain([own]).chain(std::env::split_paths(&old)).collect();
    std::env::join_paths(folders).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
