//! The emergency door: for a while, updates from the listed addresses need no signature. Never any address, never for
//! long, and the exact rules come back. Needs no secret store.

use crate::config::Config;
use crate::error::{Doing, Error, Result};
use crate::model::{KeyName, ServerName, UpdateMode, ZoneRules};
use crate::plan::bypass::{BypassState, Saved, path, read};
use crate::plan::keys::d2_backup;
use crate::plan::{Change, Check, Danger, Plan, Step, Undo};
use crate::systems::kea::d2::Installed;
use crate::systems::servers::{NameServer, Server};
use crate::world::{Digest, World};
use std::time::Duration;

/// The longest bypass: a day. Longer is a change of policy, not an emergency.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Opens the door on all servers but those in `without`, which may be down: an emergency seldom comes alone.
pub async fn enable(config: &Config, world: &World, time: Duration, reason: &str, without: &[String]) -> Result<Plan> {
    if let Some(state) = read(config, world)? {
        return Err(Error::new(format!("a bypass is in force until {:.0}: {}", state.until, state.reason))
            .hint("`pfddns bypass disable` first"));
    }
    if time > LONGEST || time < Duration::from_secs(60) {
        return Err(Error::usage("a bypass lasts between 1m and 24h"));
    }
    if reason.trim().is_empty() {
        return Err(Error::usage("a bypass needs a reason: it is read by whoever finds it at night"));
    }
    let now = world.clock.now();
    let mut plan = Plan::new("bypass", format!("bypass TSIG at {}: {reason}", config.site), now);
    let until = now.checked_add(time).map_err(|_| Error::usage("that end lies too far off"))?;
    let mut state = BypassState {
        run: plan.id.clone(),
        since: now,
        until,
        reason: reason.to_owned(),
        saved: snapshot(config, world, &left_out(config, without)?).await?,
        d2_backup: None,
        more_d2_backups: Vec::new(),
    };
    let mut d2 = Vec::new();
    for (number, config) in config.each().iter().enumerate() {
        let Some(step) = unsigned_d2(config, world, &plan.id)? else { continue };
        d2.push(step);
        let backup = d2_backup(config, &plan.id);
        match number {
            0 => state.d2_backup = Some(backup),
            _ => state.more_d2_backups.push((config.d2.host.clone(), backup)),
        }
    }
    plan.steps.push(note(config, &state));
    plan.steps.extend(state.saved.iter().map(open));
    plan.steps.extend(d2);
    plan.given = state
        .saved
        .iter()
        .map(|it| Check::RulesAre { server: it.server.clone(), zone: it.zone.clone(), rules: it.before.clone() })
        .collect();
    plan.dangers.push(Danger {
        name: "bypass".into(),
        why: format!(
            "until {until:.0} anyone who can send from (or as) the listed addresses may write names, without a key"
        ),
    });
    Ok(plan)
}

/// Closes it: the exact rules of before, then D2's file of before. Empty if no bypass is in force.
pub async fn disable(config: &Config, world: &World) -> Result<Plan> {
    let mut plan = Plan::new("bypass-end", format!("end the bypass at {}", config.site), world.clock.now());
    let Some(state) = read(config, world)? else { return Ok(plan) };
    // D2 signs again before the zones ask for it: an open zone takes signed updates too, so none is refused in between.
    let first = state.d2_backup.iter().map(|backup| (&config.d2.host, backup));
    for (host, backup) in first.chain(state.more_d2_backups.iter().map(|(host, backup)| (host, backup))) {
        plan.steps.extend(signed_d2(&*config.on(host)?, world, backup)?);
    }
    for saved in &state.saved {
        let backend = Server::of(config, &saved.server)?;
        let found = backend.rules(world, &saved.zone).await.doing(|| format!("looking at {}", saved.server))?;
        if crate::plan::check::same_rules(&found, &backend.normalise(&saved.before)) {
            continue;
        }
        if !crate::plan::check::same_rules(&found, &backend.normalise(&saved.during)) {
            return Err(Error::new(format!(
                "{} has other rules for {} than the bypass set: {found}",
                saved.server, saved.zone
            ))
            .hint(format!(
                "somebody changed them meanwhile; set them by hand to: {} — or to the bypass's, and run this again",
                saved.before
            )));
        }
        plan.steps.push(close(saved));
    }
    let end = Change::EndBypass { state: state.clone() };
    let undo = Undo::by(Change::BeginBypass { state });
    let after = vec![Check::FileIs { host: config.d2.host.clone(), path: path(config), digest: None }];
    plan.steps.push(Step::new("forget the bypass", end, after, undo));
    Ok(plan)
}

/// The servers that stay as they are. D2 tries a zone's servers in turn, so each zone needs one of the others.
fn left_out(config: &Config, without: &[String]) -> Result<Vec<ServerName>> {
    let known = |name: &String| -> Result<ServerName> {
        let found = config.servers.iter().find(|it| it.name.as_str() == name);
        found.map(|it| it.name.clone()).ok_or_else(|| Error::usage(format!("--without: no server is called `{name}`")))
    };
    let out = without.iter().map(known).collect::<Result<Vec<_>>>()?;
    match config.zones.iter().find(|zone| zone.servers.iter().all(|server| out.contains(server))) {
        None => Ok(out),
        Some(zone) => {
            Err(Error::usage(format!("without {} nothing takes updates for {}", without.join(", "), zone.name)))
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
            .map_err(|error| error.and_hint(format!("`--without {}` opens the other servers only", server.name)))?;
        if !before.signature_required() {
            return Err(Error::new(format!(
                "{} asks for no signature in {} as it is: {before}",
                server.name, zone.name
            ))
            .hint("`pfddns plan` shows how to close it"));
        }
        // The addresses that may update today, not more; if today's mode uses none, those of the configuration.
        let listed =
            matches!(before.mode, UpdateMode::Acl | UpdateMode::ZoneNameServersAndAcl) && !before.acl.is_empty();
        let acl = if listed { before.acl.clone() } else { zone.sources.clone() };
        let during = backend.normalise(&ZoneRules { mode: UpdateMode::Acl, acl, rows: Vec::new() });
        saved.push(Saved { server: server.name.clone(), zone: zone.name.clone(), before, during });
    }
    Ok(saved)
}

fn note(config: &Config, state: &BypassState) -> Step {
    let change = Change::BeginBypass { state: state.clone() };
    let undo = Undo::by(Change::EndBypass { state: state.clone() });
    let before = Check::FileIs { host: config.d2.host.clone(), path: path(config), digest: None };
    Step::new(format!("note the rules to go back to at {:.0}", state.until), change, Vec::new(), undo)
        .given(vec![before])
}

fn open(saved: &Saved) -> Step {
    let (server, zone) = (saved.server.clone(), saved.zone.clone());
    let is = |rules: &ZoneRules| Check::RulesAre { server: server.clone(), zone: zone.clone(), rules: rules.clone() };
    let there = Change::OpenZone {
        server: server.clone(),
        zone: zone.clone(),
        replaces: saved.before.clone(),
        rules: saved.during.clone(),
    };
    let back = Change::SetRules {
        server: server.clone(),
        zone: zone.clone(),
        replaces: saved.during.clone(),
        rules: saved.before.clone(),
    };
    Step::new(
        format!("open {zone} on {server} to {}", saved.during.acl.join(", ")),
        there,
        vec![is(&saved.during)],
        Undo::by(back),
    )
    .given(vec![is(&saved.before)])
    .showing(format!("- {}\n+ {}\n", saved.before, saved.during))
}

fn close(saved: &Saved) -> Step {
    let (server, zone) = (saved.server.clone(), saved.zone.clone());
    let is = |rules: &ZoneRules| Check::RulesAre { server: server.clone(), zone: zone.clone(), rules: rules.clone() };
    let there = Change::SetRules {
        server: server.clone(),
        zone: zone.clone(),
        replaces: saved.during.clone(),
        rules: saved.before.clone(),
    };
    let back = Change::OpenZone {
        server: server.clone(),
        zone: zone.clone(),
        replaces: saved.before.clone(),
        rules: saved.during.clone(),
    };
    let after = vec![is(&saved.before), Check::UnsignedRefused { server: server.clone(), zones: vec![zone.clone()] }];
    Step::new(format!("put back the rules of {zone} on {server}"), there, after, Undo::by(back))
        .given(vec![is(&saved.during)])
        .showing(format!("- {}\n+ {}\n", saved.during, saved.before))
}

/// D2 must stop signing too: a server answers BADKEY to a signature it can't check, whatever the zone's rules.
fn unsigned_d2(config: &Config, world: &World, run: &str) -> Result<Option<Step>> {
    let host = world.host(&config.d2.host)?;
    if !config.d2.manage {
        return Ok(None);
    }
    let Some(old) = host.read_if_there(&config.d2.config)? else { return Ok(None) };
    Installed::read(&old, &config.d2.config.display().to_string())?;
    let (name, backup, digest) = (config.d2.host.clone(), d2_backup(config, run), Some(Digest::of(&old)));
    let change = Change::InstallD2 {
        host: name.clone(),
        key: None,
        replaces: digest.clone(),
        backup: backup.clone(),
        no_pause: false,
    };
    let undo = Undo::by(Change::RestoreD2 { host: name.clone(), backup, existed: true, no_pause: false });
    let before = Check::FileIs { host: name.clone(), path: config.d2.config.clone(), digest };
    let after = vec![Check::D2FileUses { host: name.clone(), key: None }, Check::D2Runs { host: name, key: None }];
    Ok(Some(
        Step::new(format!("make D2{} send unsigned updates", config.on_whom()), change, after, undo)
            .given(vec![before]),
    ))
}

fn signed_d2(config: &Config, world: &World, backup: &std::path::Path) -> Result<Option<Step>> {
    let host = world.host(&config.d2.host)?;
    let old = host.read(backup).doing(|| "looking for D2's file of before the bypass")?;
    let name = config.d2.host.clone();
    let found = host.read_if_there(&config.d2.config)?;
    if found.as_deref() == Some(old.as_slice()) {
        return Ok(None);
    }
    let installed = Installed::read(&old, &backup.display().to_string())?;
    let key = installed.used_keys().first().map(|name| KeyName::new(name)).transpose()?;
    let change = Change::RestoreD2 { host: name.clone(), backup: backup.to_owned(), existed: true, no_pause: false };
    let aside = backup.with_extension("again");
    let undo = Undo::by(Change::InstallD2 {
        host: name.clone(),
        key: None,
        replaces: Some(Digest::of(&old)),
        backup: aside,
        no_pause: false,
    });
    let after = vec![Check::D2FileUses { host: name.clone(), key: key.clone() }, Check::D2Runs { host: name, key }];
    Ok(Some(Step::new(format!("make D2{} sign as before", config.on_whom()), change, after, undo)))
}
