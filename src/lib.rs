//! pfddns: TSIG keys, Kea DDNS and DNS servers around a pfSense firewall; planned, proven, undoable.
//!
//! The layers, each using only what stands to its right (`tests/layers.rs` holds the code to it):
//!
//! ```text
//! main     cli, config, tasks, plan, report, world
//! report   plan, model                       tasks    plan, systems, config, model
//! plan     systems, config, model            systems  world, config, model
//! config   model                             world    model
//! model, secret, error: used by all, use nothing of ours
//! ```

pub mod error;
pub mod model;
pub mod secret;
pub mod systems;
pub mod world;
