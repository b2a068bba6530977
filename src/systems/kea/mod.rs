//! Kea's DDNS side: its JSON dialect (`text`), the documents of D2 and of the DHCP servers (`d2`, `dhcp`), what is wrong with
//! them (`lint`), the way of an update (`explain`), running daemons (`daemon`), leases and healing (`leases`).
//! Not for: when to do so, and DNS servers; those are in `tasks` and `systems::servers`.

pub mod d2;
pub mod daemon;
pub mod dhcp;
pub mod explain;
pub mod leases;
pub mod lint;
pub mod text;
mod version;

pub use version::Version;

use crate::world::Program;

/// The programs that run on a firewall: the daemons for their version and check of a file, and D2's start script.
pub const PROGRAMS: [Program; 3] = [
    Program { name: "kea-dhcp-ddns", shapes: &[&["-v"], &["-t", "*"]] },
    Program { name: "kea-dhcp4", shapes: &[&["-v"], &["-t", "*"]] },
    Program { name: "*.sh", shapes: &[&["start"], &["stop"]] },
];
