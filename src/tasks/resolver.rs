//! What pfSense's resolver knows of our zones: a view of it, and plans that make it ask for them or keep a copy.

use super::config_xml::{parse, plan_edit, read};
use crate::config::Config;
use crate::error::Result;
use crate::model::ZoneName;
use crate::plan::Plan;
use crate::systems::pfsense::{Rebuild, unbound};
use crate::world::World;
use std::net::IpAddr;

pub use crate::systems::pfsense::unbound::Resolver;

/// The resolver as config.xml has it.
pub fn view(config: &Config, world: &World) -> Result<Resolver> {
    let bytes = read(&config.primary, world)?;
    Ok(unbound::show(&parse(&config.primary, &bytes)?))
}

/// How the resolver gets a zone's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// It asks the servers.
    Forward,
    /// It keeps a copy.
    Copy,
}

/// Makes the resolver use these servers for the zones; without servers: removes what pfddns added.
pub fn resolve(config: &Config, world: &World, how: Knowledge, zones: &[ZoneName], servers: &[IpAddr]) -> Result<Plan> {
    let bytes = read(&config.primary, world)?;
    let mut text = bytes.clone();
    // Each zone's edit is based on the previous one; together they are one change.
    for zone in zones {
        let document = parse(&config.primary, &text)?;
        let edits = match how {
            Knowledge::Forward => unbound::forward(&document, zone, servers)?,
            Knowledge::Copy => unbound::auth_zone(&document, zone, servers)?,
        };
        text = document.edited(&edits)?;
    }
    let document = parse(&config.primary, &bytes)?;
    let edits = unbound::differences(&document, &parse(&config.primary, &text)?);
    let names: Vec<String> = zones.iter().map(ToString::to_string).collect();
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let title = match (how, servers.is_empty()) {
        (_, true) => format!("remove {} from the resolver", names.join(", ")),
        (Knowledge::Forward, _) => format!("make the resolver ask {} for {}", servers.join(", "), names.join(", ")),
        (Knowledge::Copy, _) => {
            format!("make the resolver keep copies of {} from {}", names.join(", "), servers.join(", "))
        }
    };
    plan_edit(config, world, &document, "unbound", &title, edits, Rebuild::Resolver)
}
