//! Every kubeconfig here holds a canary, and no refusal may show it.

use super::*;

const CANARY: &str = "c4n4ry";

/// PEM of no certificate at all: whether it is one is for TLS to find out.
fn pem_of(tag: &str) -> String {
    STANDARD.encode(pem::encode(&pem::Pem::new(tag, CANARY)))
}

fn authority() -> String {
    pem_of("CERTIFICATE")
}

fn cluster() -> String {
    format!("server: https://{CANARY}.example:6443, certificate-authority-data: {}", authority())
}

fn of(cluster: &str, user: &str) -> String {
    format!(
        "current-context: one\ncontexts: [{{name: one, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
    )
}

fn of_user(user: &str) -> String {
    of(&cluster(), user)
}

fn of_cluster(cluster: &str) -> String {
    of(cluster, &format!("token: {CANARY}"))
}

#[test]
fn a_plain_kubeconfig_is_used_and_nothing_but_its_credentials_is_kept() {
    let user = format!("token: {CANARY}, extensions: [{{name: x, extension: {{a: 1}}}}], shell: \"rm -rf\"");
    let text = of(&format!("{}, tls-server-name: api.example, exec: evil", cluster()), &user);
    let (kept, context) = harmless(text.as_bytes()).unwrap();
    assert_eq!(context, "one");
    let user = kept.auth_infos[0].auth_info.as_ref().unwrap();
    assert_eq!(user.token.as_ref().unwrap().expose_secret(), CANARY);
    assert!(user.extensions.is_none() && user.other.is_empty());
    let cluster = kept.clusters[0].cluster.as_ref().unwrap();
    assert_eq!(cluster.tls_server_name.as_deref(), Some("api.example"));
    assert!(cluster.other.is_empty());
}

#[test]
fn client_certificates_are_used_also_where_base64_is_cut_into_lines() {
    let (certificate, key) = (pem_of("CERTIFICATE"), pem_of("EC PRIVATE KEY"));
    let (first, rest) = certificate.split_at(20);
    let user = format!("client-certificate-data: \"{first}\\n{rest}\", client-key-data: {key}");
    let (kept, _) = harmless(of_user(&user).as_bytes()).unwrap();
    let user = kept.auth_infos[0].auth_info.as_ref().unwrap();
    assert_eq!(user.client_certificate_data.as_ref(), Some(&certificate));
    assert_eq!(user.client_key_data.as_ref().unwrap().expose_secret(), key);
}

#[test]
fn the_current_context_counts_and_else_the_only_one() {
    let text = of_user(&format!("token: {CANARY}"));
    let without_current = text.replace("current-context: one\n", "");
    assert!(harmless(without_current.as_bytes()).is_ok());
    let more = text
        .replace("contexts: [", "contexts: [{name: two, context: {cluster: d, user: v}}, ")
        .replace("users: [", "users: [{name: v, user: {exec: {command: evil}}}, ");
    let (kept, context) = harmless(more.as_bytes()).unwrap();
    assert_eq!((context.as_str(), kept.contexts.len(), kept.auth_infos.len()), ("one", 1, 1));
    let ambiguous = more.replace("current-context: one\n", "");
    assert_eq!(harmless(ambiguous.as_bytes()).unwrap_err(), Refusal::NoContext);
}

#[test]
fn what_is_not_harmless_is_refused_with_its_own_reason_and_never_shown() {
    let token = format!("token: {CANARY}");
    let plain = of_user(&token);
    let secure = cluster();
    let ca = authority();
    let cert = pem_of("CERTIFICATE");
    let key = pem_of("PRIVATE KEY");
    let with = |more: &str| of_user(&format!("{token}, {more}"));
    let at = |server: &str| of_cluster(&format!("server: \"{server}\", certificate-authority-data: {ca}"));
    let also = |more: &str| of_cluster(&format!("{secure}, {more}"));
    let by_certificate =
        |cert: &str, key: &str| of_user(&format!("client-certificate-data: {cert}, client-key-data: {key}"));
    let table: Vec<(String, Refusal)> = vec![
        (String::new(), Refusal::Empty),
        (" \n\t".to_owned(), Refusal::Empty),
        (format!("# {CANARY}\n"), Refusal::NoContext),
        (format!("{}# {}", plain, CANARY.repeat(1 << 20)), Refusal::TooLarge),
        (format!("{CANARY}: [unclosed"), Refusal::NotKubeconfig),
        (CANARY.to_owned(), Refusal::NotKubeconfig),
        (format!("[{CANARY}]"), Refusal::NotKubeconfig),
        (format!("clusters: {CANARY}"), Refusal::NotKubeconfig),
        (format!("{plain}---\n{plain}"), Refusal::NotKubeconfig),
        (plain.replace("users:", "contexts:"), Refusal::NotKubeconfig),
        (
            plain.replace("current-context: one", &format!("current-context: {CANARY}")),
            Refusal::Missing("current context"),
        ),
        (plain.replace("{cluster: c, user: u}", "null"), Refusal::Missing("current context")),
        (plain.replace("{cluster: c,", &format!("{{cluster: {CANARY},")), Refusal::Missing("cluster")),
        (plain.replace("user: u}", &format!("user: {CANARY}}}")), Refusal::Missing("user")),
        (plain.replace(", user: u}", "}"), Refusal::Missing("user")),
        (
            plain.replace("contexts: [", "contexts: [{name: one, context: {cluster: d, user: v}}, "),
            Refusal::Twice("contexts"),
        ),
        (
            plain.replace("clusters: [", &format!("clusters: [{{name: c, cluster: {{server: {CANARY}}}}}, ")),
            Refusal::Twice("clusters"),
        ),
        (
            plain.replace("users: [", &format!("users: [{{name: u, user: {{token: {CANARY}}}}}, ")),
            Refusal::Twice("users"),
        ),
        (with(&format!("exec: {{command: {CANARY}, apiVersion: client.authentication.k8s.io/v1}}")), Refusal::Exec),
        (with(&format!("auth-provider: {{name: gcp, config: {{cmd-path: {CANARY}}}}}")), Refusal::AuthProvider),
        (with(&format!("tokenFile: /{CANARY}")), Refusal::File("tokenFile")),
        (with(&format!("client-certificate: /{CANARY}")), Refusal::File("client-certificate")),
        (with(&format!("client-key: /{CANARY}")), Refusal::File("client-key")),
        (with(&format!("username: {CANARY}")), Refusal::Basic("username")),
        (with(&format!("password: {CANARY}")), Refusal::Basic("password")),
        (with(&format!("as: {CANARY}")), Refusal::Impersonation("as")),
        (with(&format!("as-uid: {CANARY}")), Refusal::Impersonation("as-uid")),
        (with(&format!("as-groups: [{CANARY}]")), Refusal::Impersonation("as-groups")),
        (with(&format!("as-user-extra: {{a: [{CANARY}]}}")), Refusal::Impersonation("as-user-extra")),
        (also("insecure-skip-tls-verify: true"), Refusal::Insecure),
        (also(&format!("certificate-authority: /{CANARY}")), Refusal::File("certificate-authority")),
        (also(&format!("proxy-url: \"http://{CANARY}\"")), Refusal::Proxy),
        (of_cluster(&format!("certificate-authority-data: {ca}")), Refusal::NoServer),
        (plain.replace(&format!("{{{secure}}}"), "null"), Refusal::NoServer),
        (at(&format!("http://{CANARY}.example")), Refusal::NotHttps),
        (at(&format!("{CANARY}.example:6443")), Refusal::NotHttps),
        (at(&format!("/{CANARY}")), Refusal::NotHttps),
        (at(&format!("unix:///{CANARY}")), Refusal::NotHttps),
        (at(&format!("https://{CANARY} x")), Refusal::NotHttps),
        (at(&format!("https://me:{CANARY}@example")), Refusal::ServerParts),
        (at(&format!("https://example/?a={CANARY}")), Refusal::ServerParts),
        (at(&format!("https://example/#{CANARY}")), Refusal::ServerParts),
        (of_cluster("server: https://example"), Refusal::NoAuthority),
        (
            of_cluster(&format!("server: https://example, certificate-authority-data: {CANARY}!")),
            Refusal::NotPem("certificate-authority-data"),
        ),
        (
            of_cluster(&format!("server: https://example, certificate-authority-data: {}", STANDARD.encode(CANARY))),
            Refusal::NotPem("certificate-authority-data"),
        ),
        (
            of_cluster(&format!("server: https://example, certificate-authority-data: {key}")),
            Refusal::NotPem("certificate-authority-data"),
        ),
        (by_certificate(&key, &key), Refusal::NotPem("client-certificate-data")),
        (by_certificate(&cert, &cert), Refusal::NotPem("client-key-data")),
        (by_certificate(&cert, &pem_of("ENCRYPTED PRIVATE KEY")), Refusal::NotPem("client-key-data")),
        (of_user(&format!("client-certificate-data: {cert}")), Refusal::HalfCertificate),
        (of_user(&format!("client-key-data: {key}")), Refusal::HalfCertificate),
        (of_user(&format!("shell: {CANARY}")), Refusal::NoCredential),
        (of_user("token: \"\""), Refusal::NoCredential),
        (plain.replace(&format!("{{{token}}}"), "null"), Refusal::NoCredential),
        (of_user(&format!("token: \"{CANARY} x\"")), Refusal::BadToken),
        (of_user(&format!("token: \"{CANARY}\\n\"")), Refusal::BadToken),
    ];
    for (text, wanted) in &table {
        let shown = &text[..text.len().min(300)];
        let refusal = harmless(text.as_bytes()).err().unwrap_or_else(|| panic!("{shown} is used"));
        assert_eq!(refusal, *wanted, "{shown}");
        assert!(!refusal.to_string().contains(CANARY) && !format!("{refusal:?}").contains(CANARY), "{refusal}");
    }
    let no_text = [plain.as_bytes(), &[0xff]].concat();
    assert_eq!(harmless(&no_text).unwrap_err(), Refusal::NotText);
}
