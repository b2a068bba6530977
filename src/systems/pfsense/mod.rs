//! pfSense: its config.xml, read by its own rules and edited without moving a foreign byte.
//! Not for: Kea's own files; those are another system's.

pub mod apply;
mod by_php;
pub mod custom_kea;
mod cuts;
pub mod ddns;
pub mod dhcp;
mod dialect;
mod document;
mod edit;
mod encoding;
mod entities;
pub mod hidden;
mod inverse;
mod names;
mod prolog;
mod proof;
mod read;
mod render;
mod save;
mod scan;
mod seen;
pub mod services;
mod texts;

pub mod unbound;

pub use by_php::save_by_php;
pub use dialect::Dialect;
pub use document::{Consequence, Document, Id, Kind, Refusal, SIZE_LIMIT};
pub use edit::Edit;
pub use save::{Paths, Save, Saved, Step, read, restore, same_but_revision, save, save_watched};
pub use seen::Seen;

/// What is run on a firewall: PHP, with its script on standard input.
pub const PROGRAMS: [crate::world::Program; 1] = [crate::world::Program { name: "php", shapes: &[&[]] }];
