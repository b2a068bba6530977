//! One module per product we talk to. A system knows only its own product; a task combines several.

use crate::world::Program;

/// Every program that is run on a firewall, for `pfddns hands`.
pub fn programs() -> Vec<Program> {
    [&kea::PROGRAMS[..], &pfsense::PROGRAMS, &servers::bind::PROGRAMS].concat()
}

pub mod dns;
pub mod kea;
pub mod pfsense;
pub mod servers;
pub mod store;
