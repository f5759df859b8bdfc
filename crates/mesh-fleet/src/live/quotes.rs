//! Servers that quote the credential which they were sent: nothing that they say shows it, and an answer with it in it is
//! not believed.
//!
//! A server may be somebody else's, and a proxy before it may show every header in its error page. What it says goes to
//! terminals, logs and saved plans that others read.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use kube::config::AuthInfo;
use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};

use crate::limits::{MAX_SAID, MAX_SHOWN};

/// Shorter ones are no secrets, and may stand in any text.
const LEAST_SECRET: usize = 8;
/// So much of the beginning of a secret is taken for it: a server may cut what it quotes.
const LEAST_BEGINNING: usize = 12;
/// So many characters after `Bearer` are a token, whoever gave it.
const LEAST_BEARER: usize = 16;
/// What stands in its place.
const LEFT_OUT: &str = "(a credential)";
/// What an auth-provider keeps in a kubeconfig.
const OF_AUTH_PROVIDERS: [&str; 4] = ["access-token", "client-secret", "id-token", "refresh-token"];

/// What one cluster is sent that nobody else may see. It has no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    known: Vec<SecretString>,
    /// A token that is renewed in its file.
    file: Option<PathBuf>,
}

impl Secrets {
    /// The secrets of a user of a kubeconfig.
    pub(crate) fn of(user: Option<&AuthInfo>) -> Self {
        let Some(user) = user else { return Self::default() };
        let mut known: Vec<SecretString> = [&user.token, &user.password].into_iter().flatten().cloned().collect();
        if let (Some(name), Some(password)) = (&user.username, &user.password) {
            known.push(STANDARD.encode(format!("{name}:{}", password.expose_secret())).into());
        }
        let provided = user.auth_provider.iter().flat_map(|provider| &provider.config);
        let provided = provided.filter(|(key, _)| OF_AUTH_PROVIDERS.contains(&key.as_str()));
        known.extend(provided.map(|(_, value)| SecretString::from(value.clone())));
        let file = user.token_file.as_ref().map(PathBuf::from);
        let mut secrets = Self { known, file };
        secrets.known.extend(secrets.in_file());
        secrets
    }

    /// All of them as they are now, that of the header `Authorization` included.
    pub(crate) fn sent(&self, header: Option<&HeaderValue>) -> Sent {
        let header = header.and_then(|header| header.to_str().ok());
        let header = header.and_then(|header| Some(header.split_once(' ')?.1.to_owned().into()));
        let all = self.known.iter().cloned().chain(self.in_file()).chain(header);
        Sent(all.filter(|secret: &SecretString| secret.expose_secret().len() >= LEAST_SECRET).collect())
    }

    fn in_file(&self) -> Option<SecretString> {
        let text = fs::read_to_string(self.file.as_ref()?).ok()?;
        Some(text.trim().to_owned().into())
    }
}

/// What a request was sent with.
pub(crate) struct Sent(Vec<SecretString>);

impl Sent {
    /// Whether `said` has a secret in it.
    pub(crate) fn is_quoted_in(&self, said: &[u8]) -> bool {
        self.0.iter().any(|secret| memmem::find(said, secret.expose_secret().as_bytes()).is_some())
    }

    /// What a server said, as it may be shown: without secrets, and not at any length.
    pub(crate) fn shown(&self, said: &str) -> String {
        let mut text: String = said.chars().take(MAX_SAID).collect();
        for secret in &self.0 {
            text = without(&text, secret.expose_secret());
        }
        without_bearers(&text).chars().take(MAX_SHOWN).collect()
    }
}

/// `text` without `secret`, and without so much of its beginning as cannot stand there by chance.
fn without(text: &str, secret: &str) -> String {
    let least = if secret.len() < LEAST_BEGINNING { secret.len() } else { LEAST_BEGINNING };
    let Some(beginning) = secret.get(..least) else { return text.replace(secret, LEFT_OUT) };
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(beginning) {
        let same = rest[at..].char_indices().zip(secret.chars()).take_while(|((_, a), b)| a == b).last();
        let end = same.map_or(least, |((start, last), _)| start + last.len_utf8());
        left.push_str(&rest[..at]);
        left.push_str(LEFT_OUT);
        rest = &rest[at + end..];
    }
    left + rest
}

/// `text` without what follows `Bearer`, where that is as long as a token: a credential that is not known here.
fn without_bearers(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let (mut left, mut done) = (String::with_capacity(text.len()), 0);
    for (at, word) in lower.match_indices("bearer ") {
        let start = at + word.len();
        let length = text[start..].bytes().take_while(u8::is_ascii_graphic).count();
        if start >= done && length >= LEAST_BEARER {
            left.push_str(&text[done..start]);
            left.push_str(LEFT_OUT);
            done = start + length;
        }
    }
    left + &text[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOi.c4n4ry-c4n4ry-c4n4ry.5ign4ture";

    fn sent(token: &str) -> Sent {
        Secrets { known: vec![token.to_owned().into()], file: None }.sent(None)
    }

    #[test]
    fn nothing_that_a_server_says_shows_the_credential_that_it_was_sent() {
        let sent = sent(TOKEN);
        for said in [
            format!("no: {TOKEN}"),
            format!("{TOKEN}{TOKEN} {TOKEN}"),
            format!("cut: {}", &TOKEN[..20]),
            format!("Authorization: bearer {TOKEN}"),
            format!("{}{TOKEN}", "x".repeat(MAX_SHOWN - 15)),
        ] {
            let shown = sent.shown(&said);
            assert!(!shown.contains("c4n4ry") && !shown.contains(&TOKEN[..LEAST_BEGINNING]), "{shown}");
            assert!(shown.chars().count() <= MAX_SHOWN);
        }
        assert_eq!(sent.shown("services is forbidden"), "services is forbidden");
        assert_eq!(sent.shown("Bearer token expired"), "Bearer token expired");
        assert_eq!(sent.shown("got Bearer abcdefghijklmnopq, ü"), "got Bearer (a credential) ü");
        assert!(sent.is_quoted_in(format!("a{TOKEN}b").as_bytes()) && !sent.is_quoted_in(&TOKEN.as_bytes()[1..]));
    }

    /// Tells whether a type has a `Debug`: what has none cannot end in a message, nor in a panic.
    struct Probe<T>(std::marker::PhantomData<T>);

    trait WithoutDebug {
        const HAS_DEBUG: bool = false;
    }

    impl<T> WithoutDebug for Probe<T> {}

    // A constant of the type's own comes before that of a trait, where it is there.
    impl<T: std::fmt::Debug> Probe<T> {
        const HAS_DEBUG: bool = true;
    }

    macro_rules! has_debug {
        ($type:ty) => {
            Probe::<$type>::HAS_DEBUG
        };
    }

    #[test]
    fn no_type_that_holds_credentials_can_be_printed_and_configuration_prints_none() {
        use super::super::{contact, members, plugins, profiles, rest, source, target, watch};
        const {
            assert!(has_debug!(String) && !has_debug!(Secrets) && !has_debug!(Sent));
            assert!(!has_debug!(target::Target) && !has_debug!(target::Access) && !has_debug!(rest::Rest));
            assert!(!has_debug!(plugins::Plugin) && !has_debug!(plugins::Plugins) && !has_debug!(plugins::Bearer));
            assert!(!has_debug!(plugins::Credential) && !has_debug!(contact::Contact) && !has_debug!(members::Place));
            assert!(!has_debug!(super::super::LiveFleet) && !has_debug!(watch::Watch));
        }
        let provider: profiles::Provider =
            serde_json::from_value(serde_json::json!({"command": "a", "args": [TOKEN], "env": {"T": TOKEN}})).unwrap();
        let source = source::Source {
            form: source::SourceForm::CurrentContext,
            kubeconfig: None,
            providers: [("p".to_owned(), provider)].into(),
        };
        assert!(!format!("{source:?}").contains("c4n4ry"), "{source:?}");
    }

    #[test]
    fn what_is_too_short_to_be_a_secret_is_none() {
        assert_eq!(sent("token").shown("the token of a user"), "the token of a user");
        assert_eq!(sent("pässwörter").shown("pässwörter"), LEFT_OUT);
    }

    #[test]
    fn every_kind_of_credential_of_a_kubeconfig_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "from-a-file-1\n").unwrap();
        let user: AuthInfo = serde_json::from_value(serde_json::json!({
            "token": "in-the-text-1", "tokenFile": file, "username": "me", "password": "my-password",
            "auth-provider": {"name": "oidc", "config": {"id-token": "of-a-provider", "client-id": "not-a-secret"}},
        }))
        .unwrap();
        let secrets = Secrets::of(Some(&user));
        fs::write(&file, "from-a-file-2\n").unwrap();
        let sent = secrets.sent(Some(&HeaderValue::from_static("Bearer of-a-plugin")));
        let basic = STANDARD.encode("me:my-password");
        for secret in
            ["in-the-text-1", "from-a-file-1", "from-a-file-2", "my-password", "of-a-provider", "of-a-plugin", &basic]
        {
            assert!(sent.is_quoted_in(secret.as_bytes()), "{secret}");
        }
        assert!(!sent.is_quoted_in(b"not-a-secret"));
    }
}
