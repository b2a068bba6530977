//! Leases of a DHCP server, from its file or page by page, and healing: what DNS lacks of them.

pub mod file;
pub mod heal;
pub mod pages;

pub use file::Leases;
