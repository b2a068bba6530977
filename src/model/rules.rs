//! Who may update a zone, in terms that every backend can translate.

use super::name::KeyName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// From which addresses an update may come. The terms are Technitium's, which has the most modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UpdateMode {
    /// Nobody.
    Deny,
    /// Any address.
    Allow,
    /// The addresses of the zone's NS names.
    ZoneNameServers,
    /// The zone's address list.
    Acl,
    /// Name servers or address list.
    ZoneNameServersAndAcl,
}

/// One row: this key may write these types at this name or below (`*.zone`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantRow {
    /// The key.
    pub key: KeyName,
    /// `zone` for the apex alone or `*.zone` for everything below it, lower case, no final dot.
    pub name: String,
    /// Record types in upper case; `ANY` allows all of them and the removal of a whole name.
    pub types: Vec<String>,
}

/// Everything a server decides an update by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ZoneRules {
    /// Address mode.
    pub mode: UpdateMode,
    /// Address list in the server's own order and spelling (`!` denies, first match decides).
    pub acl: Vec<String>,
    /// Key rows. **Empty means that no signature is asked for at all.**
    pub rows: Vec<GrantRow>,
}

impl ZoneRules {
    /// False if an unsigned update from some address would be accepted.
    pub fn signature_required(&self) -> bool {
        self.mode == UpdateMode::Deny || !self.rows.is_empty()
    }

    /// True if the key has at least one row.
    pub fn grants(&self, key: &KeyName) -> bool {
        self.rows.iter().any(|row| &row.key == key)
    }

    /// The same rules without any row of `key`.
    #[must_use]
    pub fn without(&self, key: &KeyName) -> Self {
        Self { rows: self.rows.iter().filter(|row| &row.key != key).cloned().collect(), ..self.clone() }
    }

    /// The same rules with exactly `rows` for the key they name; rows of other keys stay as they are.
    #[must_use]
    pub fn with(&self, key: &KeyName, rows: &[GrantRow]) -> Self {
        let mut rules = self.without(key);
        rules.rows.extend_from_slice(rows);
        rules
    }
}

impl fmt::Display for ZoneRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            UpdateMode::Deny => "deny",
            UpdateMode::Allow => "any address",
            UpdateMode::ZoneNameServers => "zone name servers",
            UpdateMode::Acl => "address list",
            UpdateMode::ZoneNameServersAndAcl => "zone name servers or address list",
        };
        let keys: Vec<String> =
            self.rows.iter().map(|row| format!("{} on {} for {}", row.key, row.name, row.types.join(","))).collect();
        write!(f, "{mode} [{}]; ", self.acl.join(", "))?;
        if keys.is_empty() { f.write_str("no signature asked for") } else { f.write_str(&keys.join("; ")) }
    }
}

/// Kea's `ddns-conflict-resolution-mode` (kea-dhcp4 2.5.0 and later; `check-with-dhcid` is RFC 4703).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConflictMode {
    /// Overwrite only a name whose DHCID is the client's own.
    #[default]
    CheckWithDhcid,
    /// Overwrite a name that has some DHCID.
    CheckExistsWithDhcid,
    /// Overwrite, and write a DHCID.
    NoCheckWithDhcid,
    /// Overwrite, without DHCID.
    NoCheckWithoutDhcid,
}

impl ConflictMode {
    /// The record types a key must be granted for what D2 sends in this mode, seen with Kea 2.2, 2.6 and 3.0 against
    /// Technitium 13.6, 14.3 and 15.2: the final "delete all records of the name" needs `ANY`, which covers the rest.
    pub fn types(self, reverse: bool) -> &'static [&'static str] {
        match (self, reverse) {
            (Self::CheckWithDhcid, _) | (Self::CheckExistsWithDhcid, true) => &["ANY"],
            (Self::CheckExistsWithDhcid | Self::NoCheckWithDhcid, false) => &["A", "AAAA", "DHCID"],
            (Self::NoCheckWithoutDhcid, false) => &["A", "AAAA"],
            (Self::NoCheckWithDhcid, true) => &["PTR", "DHCID"],
            (Self::NoCheckWithoutDhcid, true) => &["PTR"],
        }
    }

    /// The word in Kea's configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::CheckWithDhcid => "check-with-dhcid",
            Self::CheckExistsWithDhcid => "check-exists-with-dhcid",
            Self::NoCheckWithDhcid => "no-check-with-dhcid",
            Self::NoCheckWithoutDhcid => "no-check-without-dhcid",
        }
    }

    /// Reads the word in Kea's configuration.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::CheckWithDhcid, Self::CheckExistsWithDhcid, Self::NoCheckWithDhcid, Self::NoCheckWithoutDhcid]
            .into_iter()
            .find(|it| it.name() == text)
    }

    /// True if an add may take two rounds (add, then replace).
    pub fn checks(self) -> bool {
        matches!(self, Self::CheckWithDhcid | Self::CheckExistsWithDhcid)
    }
}
