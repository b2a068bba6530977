//! pfSense: its config.xml, read by its own rules and edited without moving a foreign byte.
//! Not for: Kea's own files; those are another system's.

mod dialect;
mod document;
mod entities;
mod names;
mod prolog;
mod read;
mod scan;
mod seen;

pub use dialect::Dialect;
pub use document::{Consequence, Document, Id, Kind, Refusal, SIZE_LIMIT};
pub use seen::Seen;
