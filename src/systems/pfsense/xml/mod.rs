//! config.xml as pfSense's own parser reads it, generation by generation. Nothing here changes a file.

mod cuts;
mod dialect;
mod document;
mod encoding;
mod entities;
mod names;
mod prolog;
mod read;
mod scan;
mod seen;
mod texts;
mod unreadable;

pub use dialect::Dialect;
pub use document::{Document, Id, Kind};
pub use read::SIZE_LIMIT;
pub use seen::Seen;
pub use unreadable::{Consequence, Unreadable};
