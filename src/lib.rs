//! pfddns: TSIG keys, Kea DDNS and DNS servers around a pfSense firewall; planned, proven, undoable.
//!
//! A command becomes a [`plan::Plan`] (`tasks`), which is printed, saved, or applied step by step with a journal
//! (`plan`), through the products we talk to (`systems`), over the one seam to the outside (`world`).
//!
//! The layers. Each uses only those to its right (`tests/layers.rs` checks this); `main` is `main.rs` and `run.rs`, and
//! `report` uses only the views of `tasks`:
//!
//! ```text
//! main     cli, config, tasks, plan, report, world
//! report   plan, changes, tasks, model       tasks    plan, changes, systems, config, model, world
//! plan     changes, config, model, world     changes  systems, config, model, world
//! systems  world, config, model              config   model
//! world    model
//! model, secret, error, diff, text: used by all, use nothing of ours
//! ```

pub mod changes;
pub mod cli;
pub mod config;
pub mod diff;
pub mod error;
pub mod model;
pub mod plan;
pub mod report;
mod run;
pub mod secret;
pub mod systems;
pub mod tasks;
pub mod text;
pub mod world;

pub use run::{Answer, Environment, TEMPLATE, run};
