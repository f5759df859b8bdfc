//! `kubeconfigs:DIR`: one kubeconfig file a cluster. The files are the user's own: what kubectl takes of them is taken.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::kubeconfig;
use super::target::Target;

/// The clusters of the files in `folder`, by their stems. Hidden files and folders are passed over: those of a mounted
/// Secret are links to files in a hidden folder.
pub(crate) fn targets(folder: &Path) -> Result<Vec<Target>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || file.is_dir() {
            continue;
        }
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        files.entry(stem).or_default().push(file);
    }
    Ok(files.into_iter().map(|(stem, files)| target(&stem, files)).collect())
}

fn target(stem: &str, mut files: Vec<PathBuf>) -> Target {
    files.sort();
    let [file] = files.as_slice() else {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        return Target::unusable(stem, format!("{} are of one name; keep one of them", names.join(" and ")));
    };
    let kubeconfig = match fs::metadata(file) {
        // Reading a pipe may never end.
        Ok(metadata) if !metadata.is_file() => Err(format!("{} is no file", file.display())),
        _ => kubeconfig::read_one(file),
    };
    let kubeconfig = match kubeconfig {
        Ok(kubeconfig) => kubeconfig,
        Err(why) => return Target::unusable(stem, why),
    };
    let current = kubeconfig.current_context.clone().filter(|context| !context.is_empty());
    let context = match (current, kubeconfig.contexts.as_slice()) {
        (Some(context), _) => context,
        (None, [only]) => only.name.clone(),
        (None, contexts) => {
            let why = format!("{} has no current-context, and {} contexts to take", file.display(), contexts.len());
            return Target::unusable(stem, why);
        }
    };
    Target::of_kubeconfig(stem, kubeconfig, &context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "c4n4ry";

    fn kubeconfig(contexts: &[&str], current: &str) -> String {
        let contexts: Vec<String> =
            contexts.iter().map(|name| format!("{{name: {name}, context: {{cluster: c, user: u}}}}")).collect();
        format!(
            "current-context: \"{current}\"\ncontexts: [{}]\nclusters: [{{name: c, cluster: {{server: \"https://a\"}}}}]\n\
             users: [{{name: u, user: {{token: {CANARY}, exec: {{command: get-token}}}}}}]\n",
            contexts.join(", ")
        )
    }

    #[test]
    fn each_file_is_a_cluster_and_a_bad_one_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("a.yaml", &kubeconfig(&["one"], ""));
        write("b.prod.conf", &kubeconfig(&["one", "two"], "two"));
        write("c", &kubeconfig(&["one", "two"], ""));
        write("d.yaml", &format!("{CANARY}: [unclosed"));
        write("e.yaml", &kubeconfig(&["one"], ""));
        write("e.yml", &kubeconfig(&["one"], ""));
        write("f.yaml", "");
        write(".hidden.yaml", CANARY);
        fs::create_dir(folder.path().join("folder")).unwrap();
        #[cfg(unix)]
        {
            // As Kubernetes mounts a Secret.
            fs::create_dir(folder.path().join("..2026")).unwrap();
            write("..2026/g", &kubeconfig(&["one"], ""));
            std::os::unix::fs::symlink("..2026", folder.path().join("..data")).unwrap();
            std::os::unix::fs::symlink("..data/g", folder.path().join("g")).unwrap();
            std::os::unix::fs::symlink("nowhere", folder.path().join("h.yaml")).unwrap();
        }
        let seen: Vec<(String, String)> = targets(folder.path())
            .unwrap()
            .into_iter()
            .map(|target| (target.name, target.access.map_or_else(|why| why, |access| access.context().to_owned())))
            .collect();
        let named = |name: &str| seen.iter().find(|(seen, _)| seen == name).unwrap().1.clone();
        assert_eq!(named("a"), "one");
        assert_eq!(named("b.prod"), "two");
        assert!(named("c").ends_with("has no current-context, and 2 contexts to take"));
        assert!(named("d").ends_with("is no kubeconfig"), "{}", named("d"));
        assert!(named("e").contains("e.yaml and ") && named("e").ends_with("keep one of them"));
        assert!(named("f").ends_with("0 contexts to take"), "{}", named("f"));
        assert!(seen.iter().all(|(_, shown)| !shown.contains(CANARY)), "{seen:?}");
        #[cfg(unix)]
        {
            assert_eq!(named("g"), "one");
            assert!(named("h").contains("h.yaml: "));
            assert_eq!(seen.len(), 8);
        }
        assert!(targets(&folder.path().join("nowhere")).is_err());
    }
}
