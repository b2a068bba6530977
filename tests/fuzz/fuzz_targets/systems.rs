#[path = "pfsense.rs"]
pub mod pfsense;
