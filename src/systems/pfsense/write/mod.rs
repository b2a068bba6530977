//! A changed config.xml onto the disk, by us or by pfSense's own PHP, and into the daemons.

mod by_php;
mod rebuild;
mod save;

pub use by_php::save_by_php;
pub use rebuild::{Rebuild, rebuild};
pub use save::{Moment, Paths, Save, Saved, read, restore, same_but_revision, save, save_watched};
