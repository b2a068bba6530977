//! Kea's DDNS side: the D2 document (render, read, check), the control channel, and changing a running D2 without
//! losing an update. Not for: when to do so, and DNS servers; those are in `tasks` and `systems::servers`.

pub mod answer;
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
mod lint_members;
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
mod version;

pub use installed::Installed;
pub use version::Version;

use crate::world::Program;

/// What is run on a firewall: the daemons' version and their check of a file, and the script that starts D2.
pub const PROGRAMS: [Program; 3] = [
    Program { name: "kea-dhcp-ddns", shapes: &[&["-v"], &["-t", "*"]] },
    Program { name: "kea-dhcp4", shapes: &[&["-v"], &["-t", "*"]] },
    Program { name: "*.sh", shapes: &[&["start"], &["stop"]] },
];
