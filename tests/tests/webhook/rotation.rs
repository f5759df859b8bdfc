//! Certificates that change while everybody deploys.

use std::num::NonZeroU32;

use mesh_testkit::callers::{Asking, Pace, Protocol, served_certificate};
use mesh_testkit::servers::until;

use super::alone::{cluster, honest, is_kept, webhook};
use super::authority::{Authority, Mounted, Pair};
use super::process::{Certificates, SOON, Webhook};

const ROTATIONS: usize = 1_000;
/// After so many, the other authority signs.
const OF_ONE_AUTHORITY: usize = 250;
/// Of each protocol: a new connection after four questions, which sees what is shown now.
const OFTEN_ANEW: Pace = Pace { callers: 4, per_second: NonZeroU32::new(80), per_connection: Some(4) };
/// And some that keep the connection that they have, as API servers do.
const ALWAYS_ONE: Pace = Pace { callers: 4, per_second: NonZeroU32::new(40), per_connection: None };

#[test]
fn a_thousand_rotations_fail_no_review_and_bad_pairs_change_nothing() {
    let server = cluster();
    let mut webhook = webhook(&server, Certificates::Folder);
    webhook.gets_ready();
    let (first, mut mounted) = webhook.own.take().unwrap();
    let second = Authority::new("webhook's other");
    // Both are told before either shows.
    webhook.ca_pem = first.pem() + &second.pem();
    let address = webhook.address;
    let reloads = |result| webhook.metric("mesh_tls_reloads_total", result);
    let before = reloads("\"ok\"");
    let askings = [Protocol::Http1, Protocol::Http2].map(|protocol| {
        [OFTEN_ANEW, ALWAYS_ONE].map(|pace| {
            Asking::start(protocol, &webhook.ca_pem, pace, vec![honest(), honest().to_mutate()], move || vec![address])
        })
    });
    for rotation in 0..ROTATIONS {
        let authority = if (rotation / OF_ONE_AUTHORITY).is_multiple_of(2) { &first } else { &second };
        let pair = authority.pair();
        mounted.put(&pair);
        assert!(until(SOON, || is_served(&webhook, &pair)), "rotation {rotation} is not seen\n{}", webhook.log());
    }
    let tallies = askings.into_iter().flatten().map(Asking::stop);
    for (tally, is_anew) in tallies.zip([true, false].into_iter().cycle()) {
        assert!(tally.failed.is_empty(), "{} of {}: {:?}", tally.failed.len(), tally.took.len(), tally.failed.first());
        if is_anew {
            assert!(tally.connections > 100, "else nobody has seen the certificates: {}", tally.connections);
        } else {
            assert_eq!(tally.connections, ALWAYS_ONE.callers, "connections go on");
        }
    }
    assert_eq!((reloads("\"ok\"") - before, reloads("refused"), reloads("unreadable")), (1_000.0, 0.0, 0.0));
    bad_pairs_change_nothing(&webhook, &first, &mut mounted);
}

fn is_served(webhook: &Webhook, pair: &Pair) -> bool {
    served_certificate(webhook.address, &webhook.ca_pem).is_ok_and(|shown| shown == pair.certificate_der)
}

fn bad_pairs_change_nothing(webhook: &Webhook, authority: &Authority, mounted: &mut Mounted) {
    let good = authority.pair();
    mounted.put(&good);
    assert!(until(SOON, || is_served(webhook, &good)), "{}", webhook.log());
    let (other, expired) = (authority.pair(), authority.expired_pair());
    let half = &good.certificate_pem[..good.certificate_pem.len() / 2];
    let huge = good.certificate_pem.repeat(10 << 20 >> 9);
    for (certificate, key, words) in [
        (good.certificate_pem.as_str(), other.key_pem.as_str(), "not that of the certificate"),
        (&expired.certificate_pem, &expired.key_pem, "counts from 2020-01-01"),
        ("", "", "tls.crt has no certificate"),
        (half, &good.key_pem, "tls.crt"),
        (&other.certificate_pem, &other.key_pem[..other.key_pem.len() / 2], "tls.key has no private key"),
        (&huge, &good.key_pem, "bytes"),
    ] {
        let bad = || {
            webhook.metric("mesh_tls_reloads_total", "refused") + webhook.metric("mesh_tls_reloads_total", "unreadable")
        };
        let before = bad();
        mounted.put_files(certificate.as_bytes(), key.as_bytes());
        assert!(until(SOON, || bad() > before), "{words}: {}", webhook.log());
        assert!(until(SOON, || webhook.log().contains(words)), "{words}: {}", webhook.log());
        assert!(is_served(webhook, &good), "{words}: another certificate is shown");
        assert!(is_kept(webhook), "{words}");
        assert!(!webhook.log().contains("PRIVATE KEY"), "a key is in the log");
    }
    mounted.put(&other);
    assert!(until(SOON, || is_served(webhook, &other)), "a good pair is taken up again\n{}", webhook.log());
}
