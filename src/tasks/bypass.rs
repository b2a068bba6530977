//! The emergency bypass: for a limited time, updates from the listed addresses need no signature. It never allows all
//! addresses, and it restores the exact old rules. It needs no secret store.

use crate::changes::bypass::{self, Saved};
use crate::changes::{Step, d2, servers};
use crate::config::{Config, Firewall};
use crate::error::{Doing, Error, Result};
use crate::model::{KeyName, ServerName, UpdateMode, ZoneRules};
use crate::plan::{Danger, Plan};
use crate::systems::kea::d2::Installed;
use crate::systems::servers::{NameServer, Server};
use crate::world::{Digest, World};
use std::path::Path;
use std::time::Duration;

pub use crate::changes::bypass::BypassState;

/// The longest bypass: a day. Longer is a change of policy, not an emergency.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The bypass in force, if any.
pub fn state(config: &Config, world: &World) -> Result<Option<BypassState>> {
    bypass::read(config, world)
}

/// Starts the bypass on all servers except those in `without`, which may be down.
pub async fn enable(config: &Config, world: &World, time: Duration, reason: &str, without: &[String]) -> Result<Plan> {
    if let Some(state) = state(config, world)? {
        return Err(Error::new(format!("a bypass is active until {:.0}: {}", state.until, state.reason))
            .hint("`pfddns bypass disable` first"));
    }
    if time > LONGEST || time < Duration::from_secs(60) {
        return Err(Error::usage("a bypass lasts between 1m and 24h"));
    }
    if reason.trim().is_empty() {
        return Err(Error::usage("a bypass needs a reason, for the next person who finds it"));
    }
    let now = world.clock.now();
    let mut plan = Plan::new("bypass", format!("bypass TSIG at {}: {reason}", config.site), now);
    let until = now.checked_add(time).map_err(|_| Error::usage("that end is too far in the future"))?;
    let mut state = BypassState {
        run: plan.id.clone(),
        since: now,
        until,
        reason: reason.to_owned(),
        saved: snapshot(config, world, &left_out(config, without)?).await?,
        d2_backup: None,
        more_d2_backups: Vec::new(),
    };
    let mut unsigned = Vec::new();
    for firewall in config.firewalls().filter(|_| config.d2.manage) {
        let Some(step) = unsigned_d2(config, firewall, world, &plan.id)? else { continue };
        unsigned.push(step);
        let backup = d2::backup(firewall, &plan.id);
        if firewall.name == config.primary.name {
            state.d2_backup = Some(backup);
        } else {
            state.more_d2_backups.push((firewall.name.clone(), backup));
        }
    }
    plan.steps.push(bypass::note(config, &state));
    plan.steps.extend(state.saved.iter().map(bypass::open));
    plan.steps.extend(unsigned);
    plan.given = state.saved.iter().map(|it| servers::rules_are(&it.server, &it.zone, &it.before)).collect();
    plan.dangers.push(Danger {
        name: "bypass".into(),
        why: format!(
            "until {until:.0} anyone who can send from (or as) the listed addresses may write names, without a key"
        ),
    });
    Ok(plan)
}

/// Ends it: restores D2's old file, then the exact old rules. Empty if no bypass is active.
pub async fn disable(config: &Config, world: &World) -> Result<Plan> {
    let mut plan = Plan::new("bypass-end", format!("end the bypass at {}", config.site), world.clock.now());
    let Some(state) = state(config, world)? else { return Ok(plan) };
    // D2 signs again before the zones require it: an open zone accepts signed updates too, so none is refused in between.
    let first = state.d2_backup.iter().map(|backup| (&config.primary.name, backup));
    for (host, backup) in first.chain(state.more_d2_backups.iter().map(|(host, backup)| (host, backup))) {
        plan.steps.extend(signed_d2(config, config.firewall(host)?, world, backup)?);
    }
    for saved in &state.saved {
        let backend = Server::of(config, &saved.server)?;
        let found = backend.rules(world, &saved.zone).await.doing(|| format!("looking at {}", saved.server))?;
        if backend.same_rules(&found, &saved.before) {
            continue;
        }
        if !backend.same_rules(&found, &saved.during) {
            return Err(Error::new(format!(
                "{} has other rules for {} than the bypass set: {found}",
                saved.server, saved.zone
            ))
            .hint(format!(
                "somebody changed them meanwhile; set them by hand to: {} (or to the bypass's rules), then run this again",
                saved.before
            )));
        }
        plan.steps.push(bypass::close(saved));
    }
    plan.steps.push(bypass::forget(config, state));
    Ok(plan)
}

/// The servers that are left out. D2 tries a zone's servers in turn, so each zone needs one of the others.
fn left_out(config: &Config, without: &[String]) -> Result<Vec<ServerName>> {
    let known = |name: &String| -> Result<ServerName> {
        let found = config.servers.iter().find(|it| it.name.as_str() == name);
        found.map(|it| it.name.clone()).ok_or_else(|| Error::usage(format!("--without: no server is called `{name}`")))
    };
    let out = without.iter().map(known).collect::<Result<Vec<_>>>()?;
    match config.zones.iter().find(|zone| zone.servers.iter().all(|server| out.contains(server))) {
        None => Ok(out),
        Some(zone) => {
            Err(Error::usage(format!("without {} no server accepts updates for {}", without.join(", "), zone.name)))
        }
    }
}

async fn snapshot(config: &Config, world: &World, without: &[ServerName]) -> Result<Vec<Saved>> {
    let mut saved = Vec::new();
    for (server, zone) in config.pairs().filter(|(server, _)| !without.contains(&server.name)) {
        let backend = Server::of(config, &server.name)?;
        let before = backend
            .rules(world, &zone.name)
            .await
            .doing(|| format!("looking at {}", server.name))
            .map_err(|error| error.and_hint(format!("`--without {}` leaves this server out", server.name)))?;
        if !before.signature_required() {
            return Err(Error::new(format!(
                "{} already requires no signature in {}: {before}",
                server.name, zone.name
            ))
            .hint("`pfddns plan` shows how to close it"));
        }
        // Only the addresses that may update today; if today's mode uses no address list, those of the configuration.
        let listed =
            matches!(before.mode, UpdateMode::Acl | UpdateMode::ZoneNameServersAndAcl) && !before.acl.is_empty();
        let acl = if listed { before.acl.clone() } else { zone.sources.clone() };
        let during = backend.normalise(&ZoneRules { mode: UpdateMode::Acl, acl, rows: Vec::new() });
        saved.push(Saved { server: server.name.clone(), zone: zone.name.clone(), before, during });
    }
    Ok(saved)
}

/// D2 must stop signing too: a server answers BADKEY to a signature it can't check, under any rules of the zone.
fn unsigned_d2(config: &Config, firewall: &Firewall, world: &World, run: &str) -> Result<Option<Step>> {
    let path = &firewall.d2.config;
    let Some(old) = world.host(&firewall.name)?.read_if_there(path)? else { return Ok(None) };
    Installed::read(&old, &path.display().to_string())?;
    Ok(Some(d2::install(config, firewall, None, Some(Digest::of(&old)), run)))
}

fn signed_d2(config: &Config, firewall: &Firewall, world: &World, backup: &Path) -> Result<Option<Step>> {
    let host = world.host(&firewall.name)?;
    let old = host.read(backup).doing(|| "looking for D2's file from before the bypass")?;
    if host.read_if_there(&firewall.d2.config)?.as_deref() == Some(old.as_slice()) {
        return Ok(None);
    }
    let installed = Installed::read(&old, &backup.display().to_string())?;
    let key = installed.used_keys().first().map(|name| KeyName::new(name)).transpose()?;
    Ok(Some(d2::sign_again(config, firewall, backup, Digest::of(&old), key.as_ref())))
}
