//! pfSense: its config.xml, read by its own rules and edited without changing a foreign byte.
//! `xml` reads, `edit` changes bytes, `write` saves; the other files each know one part of the configuration.
//! Not for: Kea's own files; they belong to another system.

pub mod custom_kea;
pub mod ddns;
pub mod dhcp;
mod edit;
pub mod hidden;
pub mod services;
pub mod unbound;
mod write;
mod xml;

pub use edit::Edit;
pub use write::{
    Moment, Paths, Rebuild, Save, Saved, read, rebuild, restore, same_but_revision, save, save_by_php, save_watched,
};
pub use xml::{Consequence, Dialect, Document, Id, Kind, SIZE_LIMIT, Seen, Unreadable};

/// The program that runs on a firewall: PHP, with its script on standard input.
pub const PROGRAMS: [crate::world::Program; 1] = [crate::world::Program { name: "php", shapes: &[&[]] }];
