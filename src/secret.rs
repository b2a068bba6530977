//! Secrets and references to them. A `Secret` can't be printed, logged, serialised or cloned by accident;
//! a `SecretRef` is the only thing about it that may enter a plan, a journal or a report.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Secret text (a TSIG secret in base64, an API token). Wiped from memory when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Only `systems` and `world` may call this; `tests/leaks.rs` looks.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A short name for the value that does not give it away: the first 12 hex digits of its SHA-256.
    /// Meaningful only for values with full entropy (generated keys), not for passwords.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::digest(self.0.as_bytes());
        Fingerprint(digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// First 12 hex digits of the SHA-256 of a secret's text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Fingerprint(String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a secret is stored: path and version in the secret store, and the field inside. Printed as `dns/ddns#8`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// Path in the store, without mount.
    pub path: String,
    /// Version of the whole secret at which the field was written (KV v2 counts per secret).
    pub version: u64,
    /// Field of the secret: the key's name.
    pub field: String,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.path, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("c2VjcmV0");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.fingerprint().to_string().len(), 12);
        assert_ne!(secret.fingerprint(), Secret::new("c2VjcmV1").fingerprint());
    }
}
