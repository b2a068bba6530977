//! Nouns without I/O, clock or randomness: names, networks, keys, update rules.
//! Not for: how a product spells them; that is in `systems`.

pub mod destination;
pub mod key;
pub mod name;
pub mod network;
pub mod rules;
pub mod words;

pub use destination::Destination;
pub use key::{Algorithm, KeyRef};
pub use name::{DomainName, HostName, KeyName, ServerName, ZoneName};
pub use network::Network;
pub use rules::{GrantRow, UpdateMode, ZoneRules};
