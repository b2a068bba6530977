//! Names, normalised once at the edge: domain-like names are lower case with one trailing dot.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Normalises a domain name: lower case, one trailing dot, labels of 1 to 63 letters, digits, `-`, `_` or `/`
/// (RFC 1035 §2.3.4 lengths; `/` for RFC 2317 zones).
fn normalise(text: &str) -> std::result::Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() {
        return Err("a name must not be empty".into());
    }
    if name.len() > 253 {
        return Err(format!("a name must not be longer than 253 characters, this one has {}", name.len()));
    }
    for label in name.split('.') {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/');
        if label.is_empty() || label.len() > 63 {
            return Err(format!("`{text}` has an empty label or one longer than 63 characters"));
        }
        if !label.bytes().all(allowed) {
            return Err(format!("`{text}` has a character that does not belong in a name (label `{label}`)"));
        }
    }
    Ok(name + ".")
}

macro_rules! domain_like {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads a name with or without its final dot, in any case. Bad names are a usage error.
            pub fn new(text: &str) -> Result<Self> {
                normalise(text).map(Self).map_err(Error::usage)
            }

            /// With the final dot: `lan.example.`
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Without the final dot: `lan.example`
            pub fn without_dot(&self) -> &str {
                self.0.strip_suffix('.').unwrap_or(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> std::result::Result<Self, String> {
                normalise(&text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

domain_like!(
    /// A DNS zone: `lan.example.` or `10.0.10.in-addr.arpa.`
    ZoneName
);
domain_like!(
    /// The name of a TSIG key (RFC 8945 §4.2: a domain name).
    KeyName
);
domain_like!(
    /// Any owner name.
    DomainName
);

impl ZoneName {
    /// True for zones below `in-addr.arpa.` and `ip6.arpa.`
    pub fn is_reverse(&self) -> bool {
        [".in-addr.arpa.", ".ip6.arpa."].iter().any(|suffix| self.0.ends_with(suffix))
    }

    /// True if `name` is this zone's apex or below it.
    pub fn covers(&self, name: &DomainName) -> bool {
        name.0 == self.0 || name.0.ends_with(&format!(".{}", self.0))
    }

    /// `label.<zone>`
    pub fn child(&self, label: &str) -> Result<DomainName> {
        DomainName::new(&format!("{label}.{}", self.0))
    }
}

macro_rules! plain_word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// 1 to 63 letters, digits, `-`, `_` or `.`; case is kept.
            pub fn new(text: &str) -> Result<Self> {
                Self::try_from(text.to_owned()).map_err(Error::usage)
            }

            /// As written in the configuration.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> std::result::Result<Self, String> {
                let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
                if text.is_empty() || text.len() > 63 || !text.bytes().all(good) {
                    return Err(format!("`{text}` is not a short name (1 to 63 letters, digits, `-`, `_`, `.`)"));
                }
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

plain_word!(
    /// A DNS server, by its name in the configuration.
    ServerName
);
plain_word!(
    /// A firewall, by its name in the configuration.
    HostName
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_once() {
        assert_eq!(ZoneName::new("Lan.Example").unwrap().as_str(), "lan.example.");
        assert_eq!(ZoneName::new("lan.example.").unwrap().without_dot(), "lan.example");
        assert!(ZoneName::new("10.0.10.in-addr.arpa").unwrap().is_reverse());
    }

    #[test]
    fn bad_names_are_refused_with_a_reason() {
        for bad in ["", ".", "a..b", "a b.example", &"x".repeat(64), &"abc.".repeat(64), "käse.example", "a.example.."]
        {
            assert!(KeyName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_zone_covers_its_apex_and_what_is_below() {
        let zone = ZoneName::new("lan.example").unwrap();
        assert!(zone.covers(&DomainName::new("a.b.lan.example").unwrap()));
        assert!(zone.covers(&DomainName::new("lan.example").unwrap()));
        assert!(!zone.covers(&DomainName::new("wlan.example").unwrap()));
    }
}
