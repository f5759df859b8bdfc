//! Completion of a live fleet: from what the last verb kept of it, without a request.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_testkit::apiserver::FakeFleet;
use mesh_tests::TestEnv;

use super::on_clusters::Said;
use super::on_fakes::Start;

/// The first line of a file of names.
const FORMAT: &str = "kubectl-mesh names 1";

/// A user with a home, and a fleet.
struct User<'a> {
    env: TestEnv,
    fleet: &'a FakeFleet,
}

impl<'a> User<'a> {
    fn of(fleet: &'a FakeFleet) -> Self {
        Self { env: TestEnv::new(), fleet }
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = self.env.mesh(args);
        command
            .env("KUBECONFIG", self.fleet.kubeconfig())
            .env("MESH_FLEET", "contexts:*")
            .envs(variables.iter().copied());
        Said::of(&command.output().unwrap())
    }

    /// The candidates for the last of `words`, without a word on stderr.
    #[track_caller]
    fn candidates(&self, words: &[&str]) -> Vec<String> {
        let said = self.run(&[&["__complete", "--"], words].concat(), &[]).exits(0);
        assert_eq!(said.stderr, "");
        let mut lines: Vec<String> =
            said.stdout.lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect();
        assert_eq!(lines.pop().as_deref(), Some(":4"));
        lines
    }

    fn caches(&self) -> PathBuf {
        self.env.root().join("home/.cache")
    }

    fn files(&self) -> Vec<PathBuf> {
        files(&self.caches().join("kubectl-mesh"))
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_completion_key_offers_what_the_last_plan_read_and_asks_no_cluster() {
    let fakes = Start::bookstore().fleet();
    let user = User::of(&fakes.fleet);
    let name = ["whereis", ""];
    assert_eq!(user.candidates(&name), Vec::<String>::new());
    user.run(&["plan"], &[]).exits(0);

    fakes.fleet.servers().for_each(|(_, server)| server.forget_requests());
    let names = user.candidates(&name);
    for wanted in ["orders", "prod.orders.global", "east.prod.tax.global", "audit-export"] {
        assert!(names.iter().any(|name| name == wanted), "{wanted}: {names:?}");
    }
    assert_eq!(user.candidates(&["whereis", "prod.ord"]), ["prod.orders.global"]);
    assert_eq!(user.candidates(&["plan", "--cluster", "edge"]), ["edge-us-west"]);
    let kubeconfig = fakes.fleet.kubeconfig().to_str().unwrap();
    assert_eq!(user.candidates(&["whereis", "--kubeconfig", kubeconfig, "ord"]), ["orders"]);
    for other in [&["--fleet", "contexts:edge-*"][..], &["--kubeconfig", "/nowhere"]] {
        assert_eq!(user.candidates(&[&["whereis"], other, &[""]].concat()), Vec::<String>::new(), "{other:?}");
    }
    for (cluster, server) in fakes.fleet.servers() {
        assert_eq!(server.requests(), [], "{cluster}");
    }
    // The fleet is of other clusters now, and the last one to be read counts.
    user.run(&["status", "--fleet", "contexts:edge-*"], &[]);
    assert_eq!(user.candidates(&["whereis", "--fleet", "contexts:edge-*", "api"]), ["api-gateway"]);
    assert_eq!(user.files().len(), 2);
}

#[test]
fn names_alone_are_kept_and_only_their_owner_may_read_them() {
    let fakes = Start::bookstore().fleet();
    let user = User::of(&fakes.fleet);
    user.run(&["plan"], &[]).exits(0);
    let [file] = &user.files()[..] else { panic!("one file: {:?}", user.files()) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file), mode(file.parent().unwrap())), (0o600, 0o700));
    }
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(FORMAT));
    for line in lines {
        let (what, word) = line.split_once(' ').unwrap();
        let is_cluster = fakes.fleet.servers().any(|(cluster, _)| cluster == word);
        let is_name = word.len() < 40 && word.bytes().all(|b| b.is_ascii_lowercase() || b".-".contains(&b));
        assert!(if what == "cluster" { is_cluster } else { what == "name" && is_name }, "{line}");
    }
    for (_, server) in fakes.fleet.servers() {
        for secret in [server.token(), &server.url(), server.uid()] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
}

#[test]
fn what_cannot_be_kept_or_read_costs_the_candidates_and_no_word() {
    let fakes = Start::bookstore().fleet();
    let user = User::of(&fakes.fleet);
    user.run(&["plan"], &[]).exits(0);
    let file = user.files().pop().unwrap();
    let long = format!("{FORMAT}\n{}", "name a\n".repeat(2_000_000));
    for broken in ["", "\u{0}\u{1b}[31m", "name orders\n", "kubectl-mesh names 2\nname orders\n", &long] {
        fs::write(&file, broken).unwrap();
        assert_eq!(user.candidates(&["whereis", ""]), Vec::<String>::new(), "{:?}", broken.get(..30));
    }
    fs::write(&file, format!("{FORMAT}\nname $(reboot)\nname \u{1b}[31m\nname orders\n")).unwrap();
    assert_eq!(user.candidates(&["whereis", ""]), ["orders"]);

    // Where others may read, nothing is kept, and what is there stays as it is.
    fs::remove_dir_all(user.caches()).unwrap();
    fs::write(user.caches(), "").unwrap();
    let said = user.run(&["plan"], &[]).exits(0);
    assert!(!said.stderr.contains("kept"), "{}", said.stderr);
    assert!(user.run(&["plan", "-v"], &[]).exits(0).stderr.contains("the names are not kept for completion"));

    // Nor where there is no home.
    let caches = user.env.root().join("caches");
    fs::create_dir(&caches).unwrap();
    let variables = [("HOME", ""), ("XDG_CACHE_HOME", caches.to_str().unwrap())];
    user.run(&["plan"], &variables).exits(0);
    assert_eq!(files(&caches), Vec::<PathBuf>::new());
    user.run(&["plan"], &variables[1..]).exits(0);
    assert_eq!(files(&caches), [caches.join("kubectl-mesh")]);
}
