//! One module per product we talk to. A system knows its product and nothing of the others; where two meet, that is a task.

pub mod dns;
pub mod kea;
pub mod pfsense;
pub mod servers;
pub mod store;
