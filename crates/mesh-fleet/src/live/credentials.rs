//! Kubeconfigs that others wrote: the payload of a Secret is data from strangers, and only what is harmless of it is used.
//!
//! The kubeconfig is rebuilt field by field, so that what nobody thought of is left out. A refusal says which field it is
//! about and carries nothing of the text, which holds credentials.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::plugins::is_token;
use crate::limits::MAX_KUBECONFIG;

/// Why a kubeconfig, or the cluster of one, is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("it is empty")]
    Empty,
    #[error("it is larger than {} MiB", MAX_KUBECONFIG >> 20)]
    TooLarge,
    #[error("it is not UTF-8")]
    NotText,
    #[error("it does not read as a kubeconfig")]
    NotKubeconfig,
    #[error("it has no current-context, and not exactly one context to take instead")]
    NoContext,
    #[error("its {0} is not in it")]
    Missing(&'static str),
    #[error("it has two {0} of the name that its context uses")]
    Twice(&'static str),
    #[error("its user runs a program (exec)")]
    Exec,
    #[error("its user needs an auth-provider")]
    AuthProvider,
    #[error("it names a file ({0}); only data that stands in it counts")]
    File(&'static str),
    #[error("its user has a {0}; only tokens and client certificates are used")]
    Basic(&'static str),
    #[error("it acts as somebody else ({0})")]
    Impersonation(&'static str),
    #[error("it does not verify the server (insecure-skip-tls-verify)")]
    Insecure,
    #[error("its cluster has no server")]
    NoServer,
    #[error("its server is no https address")]
    NotHttps,
    #[error("its server has user information, a query or a fragment")]
    ServerParts,
    #[error("it leads through a proxy (proxy-url)")]
    Proxy,
    #[error("its cluster has no certificate-authority-data")]
    NoAuthority,
    #[error("its {0} is not base64 of PEM")]
    NotPem(&'static str),
    #[error("its user has one of client-certificate-data and client-key-data without the other")]
    HalfCertificate,
    #[error("its user has neither a token nor a client certificate")]
    NoCredential,
    #[error("its token has characters that no token has")]
    BadToken,
}

/// What is used of the kubeconfig `bytes`: one context with its cluster and its user. The second value is its context.
pub(crate) fn harmless(bytes: &[u8]) -> Result<(Kubeconfig, String), Refusal> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_KUBECONFIG) {
        return Err(Refusal::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::NotText)?;
    if text.trim().is_empty() {
        return Err(Refusal::Empty);
    }
    let given: Kubeconfig = serde_saphyr::from_str(text).map_err(|_| Refusal::NotKubeconfig)?;
    let name = match (given.current_context.as_deref().filter(|name| !name.is_empty()), given.contexts.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => &only.name,
        (None, _) => return Err(Refusal::NoContext),
    };
    let named = single(&given.contexts, |named| named.name == name, "current context", "contexts")?;
    let context = named.context.as_ref().ok_or(Refusal::Missing("current context"))?;
    let cluster = single(&given.clusters, |named| named.name == context.cluster, "cluster", "clusters")?;
    let user = context.user.as_deref().ok_or(Refusal::Missing("user"))?;
    let user = single(&given.auth_infos, |named| named.name == user, "user", "users")?;
    let cluster = harmless_cluster(cluster.cluster.as_ref().ok_or(Refusal::NoServer)?)?;
    let user = harmless_user(user.auth_info.as_ref().ok_or(Refusal::NoCredential)?)?;
    Ok((kubeconfig(name, cluster, user), name.to_owned()))
}

/// A kubeconfig of one context.
pub(crate) fn kubeconfig(name: &str, cluster: Cluster, user: AuthInfo) -> Kubeconfig {
    let context = Context { cluster: name.to_owned(), user: Some(name.to_owned()), ..Context::default() };
    Kubeconfig {
        clusters: vec![NamedCluster { name: name.to_owned(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: name.to_owned(), auth_info: Some(user), ..NamedAuthInfo::default() }],
        contexts: vec![NamedContext { name: name.to_owned(), context: Some(context), ..NamedContext::default() }],
        ..Kubeconfig::default()
    }
}

/// What is used of a cluster.
pub(crate) fn harmless_cluster(given: &Cluster) -> Result<Cluster, Refusal> {
    if given.insecure_skip_tls_verify == Some(true) {
        return Err(Refusal::Insecure);
    }
    if is_set(given.certificate_authority.as_ref()) {
        return Err(Refusal::File("certificate-authority"));
    }
    if is_set(given.proxy_url.as_ref()) {
        return Err(Refusal::Proxy);
    }
    let server = given.server.as_deref().filter(|server| !server.is_empty()).ok_or(Refusal::NoServer)?;
    check_server(server)?;
    let authority = given.certificate_authority_data.as_deref().filter(|data| !data.is_empty());
    let authority = authority.ok_or(Refusal::NoAuthority)?;
    Ok(Cluster {
        server: Some(server.to_owned()),
        certificate_authority_data: Some(certificates(authority, "certificate-authority-data")?),
        tls_server_name: given.tls_server_name.clone().filter(|name| !name.is_empty()),
        disable_compression: given.disable_compression,
        ..Cluster::default()
    })
}

fn harmless_user(given: &AuthInfo) -> Result<AuthInfo, Refusal> {
    let refused = [
        (given.exec.is_some(), Refusal::Exec),
        (given.auth_provider.is_some(), Refusal::AuthProvider),
        (is_set(given.token_file.as_ref()), Refusal::File("tokenFile")),
        (is_set(given.client_certificate.as_ref()), Refusal::File("client-certificate")),
        (is_set(given.client_key.as_ref()), Refusal::File("client-key")),
        (is_set(given.username.as_ref()), Refusal::Basic("username")),
        (is_set_secret(given.password.as_ref()), Refusal::Basic("password")),
        (is_set(given.impersonate.as_ref()), Refusal::Impersonation("as")),
        (is_set(given.impersonate_uid.as_ref()), Refusal::Impersonation("as-uid")),
        (given.impersonate_groups.as_ref().is_some_and(|all| !all.is_empty()), Refusal::Impersonation("as-groups")),
        (
            given.impersonate_user_extra.as_ref().is_some_and(|all| !all.is_empty()),
            Refusal::Impersonation("as-user-extra"),
        ),
    ];
    if let Some((_, refusal)) = refused.into_iter().find(|(is_there, _)| *is_there) {
        return Err(refusal);
    }
    let token = given.token.as_ref().filter(|token| !token.expose_secret().is_empty());
    if token.is_some_and(|token| !is_token(token.expose_secret())) {
        return Err(Refusal::BadToken);
    }
    let certificate = given.client_certificate_data.as_deref().filter(|data| !data.is_empty());
    let key = given.client_key_data.as_ref().map(ExposeSecret::expose_secret).filter(|data| !data.is_empty());
    if certificate.is_some() != key.is_some() {
        return Err(Refusal::HalfCertificate);
    }
    if token.is_none() && certificate.is_none() {
        return Err(Refusal::NoCredential);
    }
    Ok(AuthInfo {
        token: token.cloned(),
        client_certificate_data: certificate.map(|data| certificates(data, "client-certificate-data")).transpose()?,
        client_key_data: key.map(|data| private_key(data, "client-key-data")).transpose()?,
        ..AuthInfo::default()
    })
}

fn check_server(server: &str) -> Result<(), Refusal> {
    let uri: Uri = server.parse().map_err(|_| Refusal::NotHttps)?;
    let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or(Refusal::NotHttps)?;
    if uri.scheme_str() != Some("https") {
        return Err(Refusal::NotHttps);
    }
    if authority.as_str().contains('@') || uri.query().is_some() || server.contains('#') {
        return Err(Refusal::ServerParts);
    }
    Ok(())
}

/// The same data, if it is base64 of PEM certificates and of nothing else.
fn certificates(data: &str, field: &'static str) -> Result<String, Refusal> {
    let text = decoded(data).ok_or(Refusal::NotPem(field))?;
    let blocks = pem::parse_many(&text).map_err(|_| Refusal::NotPem(field))?;
    if blocks.is_empty() || blocks.iter().any(|block| block.tag() != "CERTIFICATE") {
        return Err(Refusal::NotPem(field));
    }
    Ok(STANDARD.encode(text))
}

/// The same data, if it is base64 of one PEM key.
fn private_key(data: &str, field: &'static str) -> Result<SecretString, Refusal> {
    let text = decoded(data).ok_or(Refusal::NotPem(field))?;
    let blocks = pem::parse_many(&text).map_err(|_| Refusal::NotPem(field))?;
    let keys = blocks.iter().filter(|block| KEY_TAGS.contains(&block.tag())).count();
    if keys == 1 { Ok(STANDARD.encode(text).into()) } else { Err(Refusal::NotPem(field)) }
}

/// The kinds of key that rustls reads.
const KEY_TAGS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/// As Go decodes it: line breaks do not count.
fn decoded(data: &str) -> Option<Vec<u8>> {
    STANDARD.decode(data.replace(['\r', '\n'], "")).ok()
}

fn single<'a, T>(
    all: &'a [T],
    is_meant: impl Fn(&T) -> bool,
    one: &'static str,
    many: &'static str,
) -> Result<&'a T, Refusal> {
    let mut meant = all.iter().filter(|named| is_meant(named));
    match (meant.next(), meant.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Refusal::Missing(one)),
        (Some(_), Some(_)) => Err(Refusal::Twice(many)),
    }
}

fn is_set(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

fn is_set_secret(text: Option<&SecretString>) -> bool {
    text.is_some_and(|text| !text.expose_secret().is_empty())
}

#[cfg(test)]
mod tests;
