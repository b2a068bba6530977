//! `kea heal`: a plan with one step that registers lost names again, or an empty plan.

use crate::changes::{
    Step, Undo,
    heal::{self, Change},
};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::words::count;
use crate::plan::Plan;
use crate::world::World;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Names shown in a plan.
const SHOWN: usize = 20;

/// Looks at the leases and at DNS; plans what is missing.
pub async fn heal(config: &Config, world: &World, leases: Option<PathBuf>, percent: usize) -> Result<Plan> {
    if !config.d2.manage {
        return Err(Error::usage("this site has no D2 that could register names: d2.manage is false in pfddns.toml"));
    }
    let missing = heal::lost(config, &config.primary, world, leases.as_deref(), percent).await?;
    let title = format!("names of active leases that are missing in DNS at {}", config.site);
    let mut plan = Plan::new("heal", title, world.clock.now());
    if missing.is_empty() {
        return Ok(plan);
    }
    let mut shown = String::new();
    for it in missing.iter().take(SHOWN) {
        let kind = match (it.forward, it.reverse) {
            (true, true) => "address and PTR",
            (true, false) => "address",
            _ => "PTR",
        };
        let _ = writeln!(shown, "+ {} {} ({kind})", it.name, it.address);
    }
    if missing.len() > SHOWN {
        let _ = writeln!(shown, "+ and {} more", missing.len() - SHOWN);
    }
    let change = Change::Heal { host: config.primary.name.clone(), leases, percent };
    // Undo must not remove a name that a client has leased.
    let step = Step::new(
        format!("register {} through D2{}", count(missing.len(), "name"), config.on(&config.primary)),
        change,
        Vec::new(),
        Undo::NotNeeded,
    );
    plan.steps.push(step.showing(shown));
    Ok(plan)
}
