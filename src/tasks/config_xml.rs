//! config.xml for the tasks that change it: read by pfSense's rules, and a plan of one edit.

use crate::changes::files;
use crate::changes::firewall::{self, Check};
use crate::config::{Config, Firewall, Writer};
use crate::error::{Doing, Error, Result};
use crate::plan::Plan;
use crate::systems::pfsense::dhcp::{self, Backend};
use crate::systems::pfsense::{self, Document, Edit, Rebuild};
use crate::world::{Digest, World};

/// The bytes of config.xml.
pub(super) fn read(firewall: &Firewall, world: &World) -> Result<Vec<u8>> {
    let path = &firewall.pfsense.config;
    world.host(&firewall.name)?.read_if_there(path)?.ok_or_else(|| {
        Error::usage(format!("{}: not found; is this a pfSense firewall?", path.display()))
            .hint("pfsense.config in pfddns.toml says where it is")
    })
}

/// Reads config.xml by pfSense's rules.
pub(super) fn parse<'a>(firewall: &Firewall, bytes: &'a [u8]) -> Result<Document<'a>> {
    pfsense::read(bytes).doing(|| format!("reading {}", firewall.pfsense.config.display()))
}

/// A plan of one edit on the first firewall, planned from what it has now. Empty if it is so already.
pub(super) fn plan_edit(
    config: &Config,
    world: &World,
    document: &Document<'_>,
    task: &str,
    title: &str,
    edits: Vec<Edit>,
    rebuild: Rebuild,
) -> Result<Plan> {
    let on = &config.primary;
    let mut plan = Plan::new(task, format!("{title} on {}", on.name), world.clock.now());
    let php = world.host(&on.name)?.mode(&on.pfsense.php)?.is_some();
    let rebuilt = Some(rebuild).filter(|_| php);
    let Some(mut step) = firewall::edit(on, document, &plan.id, title, &edits, rebuilt)? else { return Ok(plan) };
    let host = on.name.clone();
    match rebuilt {
        Some(Rebuild::Dhcp) if dhcp::backend(document) == Backend::Kea => {
            step.after.push(Check::DhcpRuns { host }.into());
        }
        Some(Rebuild::Resolver) => step.after.push(Check::ResolverRuns { host }.into()),
        _ => {}
    }
    let by = match on.pfsense.writer {
        Writer::Pfddns => "",
        Writer::Pfsense => ", written by pfSense's own PHP",
    };
    step.title = match rebuilt {
        Some(what) => format!("{title}{by}, and have pfSense rebuild {what}"),
        None => format!(
            "{title}{by} (written only: {} does not exist, so it takes effect when pfSense next rebuilds)",
            on.pfsense.php.display()
        ),
    };
    plan.given.push(files::is(&on.name, &on.pfsense.config, Some(Digest::of(document.bytes()))));
    plan.steps.push(step);
    Ok(plan)
}
