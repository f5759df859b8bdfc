//! Tokens and UIDs: what no two clusters may share.

use data_encoding::HEXLOWER;
use rustls::crypto::aws_lc_rs;

/// 32 hexadecimal digits that nobody can guess.
pub(crate) fn token() -> String {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::default_provider().secure_random.fill(&mut bytes).expect("the machine has randomness");
    HEXLOWER.encode(&bytes)
}

/// A random UUID as Kubernetes writes it.
pub(crate) fn uid() -> String {
    let hex = token();
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
