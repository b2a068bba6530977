//! Leases of a DHCP server, from its file or page by page, and healing: names that are missing in DNS.

pub mod file;
pub mod heal;
pub mod pages;

pub use file::Leases;
