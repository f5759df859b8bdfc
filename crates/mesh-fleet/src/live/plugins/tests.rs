//! Plugins here are shell scripts, run as `sh FILE`: a file that is being written cannot be run itself.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use tempfile::TempDir;

use super::*;

const CANARY: &str = "c4n4ry";
const V1: &str = "client.authentication.k8s.io/v1";

/// A script that notes each of its runs.
struct Script {
    folder: TempDir,
}

impl Script {
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        fs::write(folder.path().join("plugin"), format!("echo run >> {}\n{body}\n", runs.display())).unwrap();
        Self { folder }
    }

    fn printing(status: &str) -> Self {
        Self::new(&format!("echo '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{V1}\",\"status\":{status}}}'"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.file("runs")).unwrap_or_default().lines().count()
    }

    fn exec(&self) -> ExecConfig {
        ExecConfig {
            api_version: Some(V1.to_owned()),
            command: Some("sh".to_owned()),
            args: Some(vec![self.file("plugin").display().to_string()]),
            ..ExecConfig::default()
        }
    }

    fn plugin(&self) -> Plugin {
        Plugin::of(&self.exec(), &cluster("https://a"), false).unwrap()
    }
}

fn cluster(server: &str) -> Cluster {
    Cluster { server: Some(server.to_owned()), ..Cluster::default() }
}

fn plugins() -> Plugins {
    Plugins::new(Kuberc::All, PLUGIN_TIMEOUT)
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

async fn refused(script: &Script, plugins: &Plugins) -> String {
    let refused = plugins.credential(&script.plugin(), Timestamp::now()).await.err().unwrap();
    assert!(!refused.contains(CANARY), "{refused}");
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clusters_with_one_plugin_run_it_once() {
    let script = Script::printing(&format!("{{\"token\":\"{CANARY}\"}}"));
    let plugins = Arc::new(plugins());
    let asked = (0..50).map(|number| {
        let plugin = Plugin::of(&script.exec(), &cluster(&format!("https://{number}")), false).unwrap();
        let bearer = Bearer::new(&plugins, plugin);
        async move { bearer.header().await.unwrap().unwrap() }
    });
    for header in futures::future::join_all(asked).await {
        assert_eq!(header.to_str().unwrap(), format!("Bearer {CANARY}"));
        assert!(header.is_sensitive() && !format!("{header:?}").contains(CANARY));
    }
    assert_eq!(script.runs(), 1);
    let other = ExecConfig {
        env: Some(vec![[("name".to_owned(), "A".to_owned()), ("value".to_owned(), "b".to_owned())].into()]),
        ..script.exec()
    };
    plugins
        .credential(&Plugin::of(&other, &cluster("https://a"), false).unwrap(), Timestamp::now())
        .await
        .ok()
        .unwrap();
    assert_eq!(script.runs(), 2);
}

#[tokio::test]
async fn a_credential_is_asked_for_anew_before_it_expires_but_not_for_each_request() {
    let script = Script::printing(r#"{"token":"t","expirationTimestamp":"2026-01-01T00:10:00Z"}"#);
    let (plugins, plugin) = (plugins(), script.plugin());
    for (now, runs) in [
        ("2026-01-01T00:00:00Z", 1),
        ("2026-01-01T00:09:49Z", 1),
        ("2026-01-01T00:09:51Z", 2),
        // It says the same again: a clock is wrong.
        ("2026-01-01T00:09:52Z", 2),
        ("2026-01-01T00:20:00Z", 3),
    ] {
        plugins.credential(&plugin, at(now)).await.ok().unwrap();
        assert_eq!(script.runs(), runs, "{now}");
    }
}

#[tokio::test]
async fn a_plugin_is_told_what_client_go_tells_it() {
    let script = Script::new("");
    let body = format!(
        "printf '%s' \"$KUBERNETES_EXEC_INFO\" > {}\ncat > {}\necho '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{V1}\",\"status\":{{\"token\":\"t\"}}}}'\n",
        script.file("info").display(),
        script.file("stdin").display(),
    );
    fs::write(script.file("plugin"), body).unwrap();
    let plugins = plugins();
    let info = || serde_json::from_str::<Value>(&fs::read_to_string(script.file("info")).unwrap()).unwrap();
    plugins.credential(&script.plugin(), Timestamp::now()).await.ok().unwrap();
    assert_eq!(info(), json!({"kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": false}}));
    assert_eq!(fs::read(script.file("stdin")).unwrap(), b"");
    for server in ["https://a", "https://b"] {
        let exec = ExecConfig { provide_cluster_info: true, ..script.exec() };
        plugins.credential(&Plugin::of(&exec, &cluster(server), false).unwrap(), Timestamp::now()).await.ok().unwrap();
        assert_eq!(info()["spec"]["cluster"]["server"], server);
    }
}

#[tokio::test]
async fn certificates_and_yaml_are_taken() {
    let script = Script::new(&format!(
        "printf 'kind: ExecCredential\\napiVersion: {V1}\\nstatus: {{clientCertificateData: cert, clientKeyData: key}}\\n'"
    ));
    let credential = plugins().credential(&script.plugin(), Timestamp::now()).await.ok().unwrap();
    assert!(credential.certificate.as_ref().unwrap().0 == "cert" && credential.header().is_none());
}

#[tokio::test]
async fn what_a_plugin_prints_is_in_no_error_and_a_failure_is_not_repeated() {
    let table = [
        (format!("echo {CANARY}; echo {CANARY} >&2; exit 1"), "its credential plugin sh failed (exit status: 1)"),
        (format!("echo {CANARY}"), "its credential plugin sh printed no ExecCredential"),
        (String::new(), "its credential plugin sh printed no ExecCredential"),
        ("printf '\\377'".to_owned(), "its credential plugin sh printed no ExecCredential"),
        ("kill -9 $$".to_owned(), "its credential plugin sh failed (signal: 9 (SIGKILL))"),
        ("head -c 2000000 /dev/zero".to_owned(), "its credential plugin sh printed more than 1 MiB"),
    ];
    for (body, wanted) in table {
        let (script, plugins) = (Script::new(&body), plugins());
        let why = refused(&script, &plugins).await;
        assert!(why.starts_with(wanted), "{why}");
        assert_eq!(refused(&script, &plugins).await, why);
        assert_eq!(script.runs(), 1);
    }
    for (status, wanted) in [
        ("{}".to_owned(), "gave neither a token nor a client certificate"),
        (format!("{{\"token\":\"{CANARY} x\"}}"), "gave a token with characters that no token has"),
        (format!("{{\"clientKeyData\":\"{CANARY}\"}}"), "gave a certificate without a key, or"),
        (
            format!("{{\"token\":\"t\",\"expirationTimestamp\":\"{CANARY}\"}}"),
            "gave an expirationTimestamp that is no time",
        ),
        (format!("\"{CANARY}\""), "printed no ExecCredential"),
    ] {
        let why = refused(&Script::printing(&status), &plugins()).await;
        assert!(why.starts_with(&format!("its credential plugin sh {wanted}")), "{why}");
    }
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended() {
    let start = Instant::now();
    for body in ["exec sleep 60", "exec sleep 60 >&-"] {
        let plugins = Plugins::new(Kuberc::All, Duration::from_millis(300));
        let why = refused(&Script::new(body), &plugins).await;
        assert!(why.starts_with("its credential plugin sh did not end within"), "{why}");
    }
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_plugin_that_may_not_run_does_not() {
    let script = Script::printing("{\"token\":\"t\"}");
    let why = refused(&script, &Plugins::new(Kuberc::Nothing, PLUGIN_TIMEOUT)).await;
    assert!(why.contains("DenyAll"), "{why}");
    assert_eq!(script.runs(), 0);
}

#[test]
fn a_plugin_that_is_set_up_wrongly_says_so() {
    let of = |exec: ExecConfig| Plugin::of(&exec, &cluster("https://a"), false).err().unwrap();
    let exec = Script::new("").exec();
    assert!(of(ExecConfig { command: None, ..exec.clone() }).contains("has no command"));
    for version in [None, Some("client.authentication.k8s.io/v1alpha1".to_owned()), Some(CANARY.to_owned())] {
        let why = of(ExecConfig { api_version: version, ..exec.clone() });
        assert!(why.contains("apiVersions") && !why.contains(CANARY), "{why}");
    }
    assert!(
        of(ExecConfig { interactive_mode: Some(ExecInteractiveMode::Always), ..exec }).contains("has to ask somebody")
    );
}
