//! TSIG keys without their secrets.

use super::name::KeyName;
use crate::secret::SecretRef;
use serde::{Deserialize, Serialize};
use std::fmt;

/// TSIG algorithms that work on every server we talk to (RFC 8945 §6). HMAC-SHA224 is left out on purpose:
/// Technitium accepts it and then answers BADKEY to every request; MD5 and SHA-1 are obsolete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// HMAC-SHA256, the default everywhere.
    #[default]
    HmacSha256,
    /// HMAC-SHA384
    HmacSha384,
    /// HMAC-SHA512
    HmacSha512,
}

impl Algorithm {
    /// As in DNS and in most APIs: `hmac-sha256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    /// Length of a new secret in bytes: that of the hash (RFC 2104 §3).
    pub fn secret_bytes(self) -> usize {
        match self {
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }

    /// Reads `hmac-sha256` or Kea's `HMAC-SHA256`, any case, with or without a final dot.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        [Self::HmacSha256, Self::HmacSha384, Self::HmacSha512].into_iter().find(|it| it.name() == text)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key and where its secret is stored: a plan may know no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyRef {
    /// Name on the wire.
    pub name: KeyName,
    /// Algorithm on every side.
    pub algorithm: Algorithm,
    /// Where the secret is stored.
    pub secret: SecretRef,
}
