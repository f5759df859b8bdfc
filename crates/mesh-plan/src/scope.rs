//! Which names and clusters a run is about.

use mesh_model::name::{ClusterName, Host, Identity, Namespace};

/// Which names and clusters a run is about: everything by default.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Identities, global names or globs of either; none is all.
    pub names: Vec<String>,
    /// Only names that are served from this namespace somewhere.
    pub namespace: Option<Namespace>,
    /// Globs of clusters that are shown or written; none is all. Never which are read.
    pub clusters: Vec<String>,
}

impl Scope {
    /// Whether a name is in scope: its identity, its base host or the host itself is matched.
    pub fn has_name(&self, identity: &Identity, base: &Host, host: &Host) -> bool {
        self.names.is_empty()
            || self.names.iter().any(|glob| [identity.as_str(), base, host].iter().any(|text| matches_glob(glob, text)))
    }

    /// The names, where it is about some and each is an identity or a host as it stands.
    pub fn plain_names(&self) -> Option<&[String]> {
        let is_plain = |name: &String| !name.is_empty() && !name.contains(['*', '?']);
        let is_so = !self.names.is_empty() && self.namespace.is_none() && self.names.iter().all(is_plain);
        is_so.then_some(&self.names)
    }

    /// Whether it leaves nothing out.
    pub fn is_everything(&self) -> bool {
        self.names.is_empty() && self.namespace.is_none() && self.clusters.is_empty()
    }

    /// Whether a cluster is shown or written.
    pub fn has_cluster(&self, cluster: &ClusterName) -> bool {
        self.clusters.is_empty() || self.clusters.iter().any(|glob| matches_glob(glob, cluster))
    }
}

/// Whether `text` matches `glob`, where `*` is any text and `?` any character. Linear in the product of the lengths.
pub fn matches_glob(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if g < glob.len() && glob[g] == '*' {
            star = Some((g, t));
            g += 1;
        } else if g < glob.len() && (glob[g] == '?' || glob[g] == text[t]) {
            g += 1;
            t += 1;
        } else if let Some((star_g, star_t)) = star {
            g = star_g + 1;
            t = star_t + 1;
            star = Some((star_g, star_t + 1));
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (glob, text, want) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a?c", "abc", true),
            ("", "", true),
            ("**a", "ba", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches_glob(glob, text), want, "{glob} {text}");
        }
    }
}
