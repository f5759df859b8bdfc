//! What a credential plugin prints: an `ExecCredential` of client.authentication.k8s.io.

use std::path::Path;
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::Plugin;

/// The versions that kubectl knows, too.
pub(super) const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// What a plugin gave. It has no `Debug`.
pub(crate) struct Credential {
    token: Option<SecretString>,
    /// PEM.
    pub(crate) certificate: Option<(String, SecretString)>,
    expires: Option<Timestamp>,
    since: Timestamp,
}

impl Credential {
    /// Whether it need not be asked for anew: it lives for `margin` yet, or is younger than `pause`.
    pub(super) fn is_fresh(&self, now: Timestamp, margin: Duration, pause: Duration) -> bool {
        let age = now.duration_since(self.since);
        self.expires.is_none_or(|expires| expires.duration_since(now) > seconds(margin)) || age < seconds(pause)
    }

    /// `Authorization`.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", self.token.as_ref()?.expose_secret())).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    kind: String,
    api_version: String,
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    client_certificate_data: Option<String>,
    #[serde(default)]
    client_key_data: Option<String>,
    #[serde(default)]
    expiration_timestamp: Option<String>,
}

/// Reads what `plugin` printed. client-go reads YAML as well as JSON, and plugins rely on it.
pub(super) fn parse(printed: &[u8], plugin: &Plugin, now: Timestamp) -> Result<Credential, String> {
    let bad = |what: &str| format!("its credential plugin {} {what}; run it by hand", file_name(&plugin.command));
    let text = std::str::from_utf8(printed).map_err(|_| bad("printed no ExecCredential"))?;
    let answer: ExecCredential = serde_saphyr::from_str(text).map_err(|_| bad("printed no ExecCredential"))?;
    if answer.kind != "ExecCredential" {
        return Err(bad("printed no ExecCredential"));
    }
    if answer.api_version != plugin.api_version {
        return Err(bad(&format!("answered in another apiVersion than {}", plugin.api_version)));
    }
    let Status { token, client_certificate_data, client_key_data, expiration_timestamp } = answer.status;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = given(token);
    if token.as_deref().is_some_and(|token| !is_token(token)) {
        return Err(bad("gave a token with characters that no token has"));
    }
    let certificate = match (given(client_certificate_data), given(client_key_data)) {
        (Some(certificate), Some(key)) => Some((certificate, key.into())),
        (None, None) => None,
        _ => return Err(bad("gave a certificate without a key, or a key without a certificate")),
    };
    if token.is_none() && certificate.is_none() {
        return Err(bad("gave neither a token nor a client certificate"));
    }
    let expires = given(expiration_timestamp).map(|time| time.parse());
    let expires = expires.transpose().map_err(|_| bad("gave an expirationTimestamp that is no time"))?;
    Ok(Credential { token: token.map(Into::into), certificate, expires, since: now })
}

/// Whether `token` can stand in a header.
pub(crate) fn is_token(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic()) && HeaderValue::from_str(token).is_ok()
}

/// How a program is named in messages.
pub(super) fn file_name(command: &str) -> String {
    Path::new(command).file_name().map_or_else(|| command.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn seconds(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}
