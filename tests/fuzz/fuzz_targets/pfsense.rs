#[path = "../../../src/systems/pfsense/cuts.rs"]
mod cuts;
#[path = "../../../src/systems/pfsense/dialect.rs"]
mod dialect;
#[path = "../../../src/systems/pfsense/document.rs"]
mod document;
#[path = "../../../src/systems/pfsense/edit.rs"]
mod edit;
#[path = "../../../src/systems/pfsense/encoding.rs"]
mod encoding;
#[path = "../../../src/systems/pfsense/entities.rs"]
mod entities;
#[path = "../../../src/systems/pfsense/inverse.rs"]
mod inverse;
#[path = "../../../src/systems/pfsense/names.rs"]
mod names;
#[path = "../../../src/systems/pfsense/prolog.rs"]
mod prolog;
#[path = "../../../src/systems/pfsense/proof.rs"]
mod proof;
#[path = "../../../src/systems/pfsense/read.rs"]
mod read;
#[path = "../../../src/systems/pfsense/render.rs"]
mod render;
#[path = "../../../src/systems/pfsense/scan.rs"]
mod scan;
#[path = "../../../src/systems/pfsense/seen.rs"]
mod seen;
#[path = "../../../src/systems/pfsense/texts.rs"]
mod texts;

pub use dialect::Dialect;
pub use document::{Document, Kind};
pub use edit::Edit;
pub use seen::Seen;
