//! Names of files and folders that are written.

use std::fmt::Write as _;

use crate::limits::MAX_FILE_NAME;

/// The folder of cluster-scoped objects.
pub const CLUSTER_SCOPED: &str = "_cluster";

/// The file of an object: `serviceentry-stage.greeting.global-se.yaml`. A stem over 200 bytes is cut there and gets `~` and
/// 16 hex digits of its sha-256; the object inside keeps its name.
pub fn file_name(kind: &str, name: &str) -> String {
    let stem = safe(&format!("{}-{name}", kind.to_lowercase()));
    if stem.len() <= MAX_FILE_NAME {
        return format!("{stem}.yaml");
    }
    let digest = crate::store::digest(stem.as_bytes());
    // A safe stem is ASCII, so that every byte is a border.
    format!("{}~{}.yaml", &stem[..MAX_FILE_NAME], &digest[..16])
}

/// The folder of a cluster or namespace: its name, but for bytes that a path gives a meaning to, and a dot or an underscore
/// at its start, which are `%XX`.
pub fn folder_name(name: &str) -> String {
    let safe = safe(name);
    match safe.as_bytes().first() {
        Some(first @ (b'.' | b'_')) => format!("%{first:02X}{}", &safe[1..]),
        _ => safe,
    }
}

fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@' | b':') {
            safe.push(char::from(byte));
        } else {
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_kind_and_object() {
        assert_eq!(file_name("ServiceEntry", "stage.a.global-se"), "serviceentry-stage.a.global-se.yaml");
        assert_eq!(file_name("ServiceEntry", "../../etc/x"), "serviceentry-..%2F..%2Fetc%2Fx.yaml");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let (a, b) = (format!("{}a", "x".repeat(240)), format!("{}b", "x".repeat(240)));
        let (a, b) = (file_name("ServiceEntry", &a), file_name("ServiceEntry", &b));
        assert_ne!(a, b);
        assert_eq!(a.len(), MAX_FILE_NAME + 1 + 16 + ".yaml".len());
        assert_eq!(&a[MAX_FILE_NAME..=MAX_FILE_NAME], "~");
        let fits = "x".repeat(MAX_FILE_NAME - "serviceentry-".len());
        assert_eq!(file_name("ServiceEntry", &fits), format!("serviceentry-{fits}.yaml"));
    }

    #[test]
    fn no_cluster_name_leaves_its_folder() {
        assert_eq!(folder_name("eu-1"), "eu-1");
        assert_eq!(folder_name("arn:aws:eks:us-west-2:1:cluster/a"), "arn:aws:eks:us-west-2:1:cluster%2Fa");
        assert_eq!(folder_name(".."), "%2E.");
        assert_eq!(folder_name("_cluster"), "%5Fcluster");
    }
}
