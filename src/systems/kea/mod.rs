//! Kea's DDNS side: the D2 document (render, read, check), the control channel, and changing a running D2 without
//! losing an update. Not for: when to do so, and DNS servers; those are in `tasks` and `systems::servers`.

pub mod apply;
pub mod check;
pub mod d2;
pub mod dhcp;
pub mod explain;
mod forms;
pub mod generated;
pub mod heal;
pub mod installed;
pub mod lease_pages;
pub mod leases;
pub mod lex;
pub mod lint;
pub mod lint_scopes;
pub mod listener;
pub mod ncr;
mod parse;
pub mod rc;
pub mod redact;
pub mod routes;
mod rules;
mod rules_keys;
mod rules_paths;
mod rules_sockets;
mod schema;
pub mod socket;
pub mod text;

pub use installed::Installed;

use crate::world::hands::Program;
use std::fmt;

/// What is run on a firewall: the daemons' version and their check of a file, and the script that starts D2.
pub const PROGRAMS: [Program; 3] = [
    Program { name: "kea-dhcp-ddns", shapes: &[&["-v"], &["-t", "*"]] },
    Program { name: "kea-dhcp4", shapes: &[&["-v"], &["-t", "*"]] },
    Program { name: "*.sh", shapes: &[&["start"], &["stop"]] },
];

/// A version of Kea.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// Reads `2.6.3` at the start of a text, whatever follows (`2.6.3 (tarball)`, `3.0.4-git`).
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.trim().split(|char: char| !char.is_ascii_digit() && char != '.').next()?;
        let mut parts = first.split('.').map(|part| part.parse().ok());
        Some(Self(parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}
