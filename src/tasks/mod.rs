//! One file per thing an operator asks for. A task looks at the world and returns a plan, or a view; it changes nothing.

pub mod backups;
pub mod bypass;
mod config_xml;
pub mod ddns;
pub mod dhcp;
#[cfg(feature = "firewall")]
pub mod hands;
pub mod heal;
pub mod kea;
pub mod resolver;
pub mod rotate;
pub mod service;
pub mod status;
pub mod survey;
pub mod verify;
pub mod wiring;
