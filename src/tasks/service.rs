//! D2 as a service of the firewall: its start script, its entries in config.xml, and seeing that it runs. What config.xml
//! says survives a restore; so its entry decides whether D2 should run, and everything else is built anew from it.

use super::ddns::hosts;
use super::firewall::{parse, read};
use crate::config::Config;
use crate::diff::unified;
use crate::error::{Error, Result};
use crate::model::{HostName, KeyName};
use crate::plan::supervise::{names, script_backup, script_seen};
use crate::plan::{Change, Check, Plan, Step, Undo};
use crate::systems::kea::{self, daemon::rc};
use crate::systems::pfsense::{Document, Edit, services};
use crate::world::{Digest, World};
use serde::Serialize;

/// Where the service stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceView {
    /// The script's path.
    pub script: String,
    /// `in place`, `not there`, `old`, `somebody else's`, `not executable`.
    pub script_state: &'static str,
    /// Status > Services has an entry for it.
    pub service: bool,
    /// D2 is started at boot before DHCP.
    pub early: bool,
    /// The Shellcmd package owns the early commands, and has (true) or lacks (false) this one.
    pub shellcmd_package: Option<bool>,
    /// D2's file is there.
    pub file: bool,
    /// D2 answers. `None`: it could not be asked, for the reason in `problems`.
    pub running: Option<bool>,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
    /// Script and entries are all there.
    pub installed: bool,
}

/// True if config.xml names D2 as a service: then it should run, whatever else is lost.
pub fn wanted(config: &Config, world: &World) -> Result<bool> {
    let path = &config.pfsense.config;
    if !config.d2.manage || world.host(&config.d2.host)?.mode(path)?.is_none() {
        return Ok(false);
    }
    let bytes = read(config, world)?;
    Ok(services::entries(&parse(config, &bytes)?, &config.pfsense.d2_script).service)
}

/// What is wrong if D2 should run and does not; empty otherwise.
pub fn down(config: &Config, world: &World) -> Result<Option<String>> {
    if !wanted(config, world)? || kea::daemon::apply::running(world.host(&config.d2.host)?, &config.d2.socket)? {
        return Ok(None);
    }
    Ok(Some(format!("D2 should run (config.xml names it as a service) and does not: {}", remedy(config, world)?)))
}

/// What brings it back, by what is there.
fn remedy(config: &Config, world: &World) -> Result<&'static str> {
    let file = world.host(&config.d2.host)?.mode(&config.d2.config)?.is_some();
    let script = matches!(script_seen(config, world)?, Some((rc::Whose::Ours, ..)));
    Ok(if file && script { "`pfddns kea service ensure`" } else { "`pfddns apply` builds what is missing" })
}

fn managed(config: &Config) -> Result<()> {
    if config.d2.manage {
        return Ok(());
    }
    Err(Error::usage("this site has no D2 to keep running: d2.manage is false in pfddns.toml"))
}

/// The step that puts the script in place, if it is not.
pub(super) fn script_step(config: &Config, world: &World, run: &str) -> Result<Option<Step>> {
    let path = &config.pfsense.d2_script;
    let seen = script_seen(config, world)?;
    match &seen {
        Some((rc::Whose::Ours, mode, _)) if mode & 0o111 == 0o111 => return Ok(None),
        Some((rc::Whose::Foreign, ..)) => {
            return Err(Error::new(format!("{} is somebody else's script", path.display()))
                .hint("move it aside, or name another one: pfsense.d2-script in pfddns.toml"));
        }
        _ => {}
    }
    let host = config.d2.host.clone();
    let (mode, digest) = seen.map(|(_, mode, digest)| (mode, digest)).unzip();
    let backup = script_backup(config, run);
    let change = Change::PutScript { host: host.clone(), replaces: digest.clone(), backup: backup.clone() };
    let undo = Undo::by(Change::RestoreScript { host: host.clone(), backup, mode });
    let after = vec![Check::ScriptStands { host: host.clone(), stands: true }];
    let before = Check::FileIs { host, path: path.clone(), digest };
    let title = format!("put D2's start script at {}{}", path.display(), config.on_whom());
    let old = world.host(&config.d2.host)?.read_if_there(path)?.unwrap_or_default();
    let new = rc::script(&names(config));
    let diff = unified(&String::from_utf8_lossy(&old), &new, 1, ("before", "after"));
    // A whole new script is not worth sixty lines.
    let diff = if old.is_empty() { format!("+ {} lines, mode 0755\n", new.lines().count()) } else { diff };
    Ok(Some(Step::new(title, change, after, undo).given(vec![before]).showing(diff)))
}

/// The step that starts D2. `key`: what it must sign with then, where that is known.
pub(super) fn start_step(config: &Config, key: Option<&KeyName>) -> Step {
    let host = config.d2.host.clone();
    let mut after = vec![Check::D2Up { host: host.clone(), up: true }];
    after.extend(key.map(|key| Check::D2Runs { host: host.clone(), key: Some(key.clone()) }));
    let undo = Undo::by(Change::StopD2 { host: host.clone() });
    let before = vec![Check::D2Up { host: host.clone(), up: false }];
    Step::new(format!("start D2{}", config.on_whom()), Change::StartD2 { host }, after, undo).given(before)
}

/// The step that edits config.xml; pfSense reads these entries when it needs them, so nothing is rebuilt.
fn entries_step(
    config: &Config,
    (bytes, document): (&[u8], &Document<'_>),
    plan: &mut Plan,
    title: &str,
    edits: Vec<Edit>,
) -> Result<()> {
    if document.holds(&edits)? {
        return Ok(());
    }
    let title = &format!("{title}{}", config.on_whom());
    let host = config.d2.host.clone();
    let diff = document.preview(&edits)?;
    let digest = Digest::of(bytes);
    let change = |edits: &[Edit], reason: String, replaces| Change::EditFirewall {
        host: host.clone(),
        edits: edits.to_vec(),
        reason,
        run: plan.id.clone(),
        replaces,
        rebuild: None,
    };
    let says = |what: String, edits: &[Edit]| Check::FirewallSays { host: host.clone(), what, edits: edits.to_vec() };
    let back = document.inverse(&edits);
    let there = change(&edits, title.to_owned(), Some(digest.clone()));
    let undo = Undo::by(change(&back, format!("no more: {title}"), None));
    let step = Step::new(title.as_str(), there, vec![says(title.to_owned(), &edits)], undo)
        .given(vec![says(format!("not yet: {title}"), &back)])
        .showing(diff);
    let path = config.pfsense.config.clone();
    plan.given.push(Check::FileIs { host: host.clone(), path, digest: Some(digest) });
    plan.steps.push(step);
    Ok(())
}

/// Script, entries, and D2 started if its file is there; on each firewall, since pfSense syncs none of it.
pub fn install(config: &Config, world: &World) -> Result<Plan> {
    managed(config)?;
    let title = format!("D2 as a service on {}", hosts(config));
    let mut plan = Plan::new("kea-service", title, world.clock.now());
    for config in &config.each() {
        install_on(config, world, &mut plan).map_err(|error| config.named(error))?;
    }
    Ok(plan)
}

fn install_on(config: &Config, world: &World, plan: &mut Plan) -> Result<()> {
    let bytes = read(config, world)?;
    let document = parse(config, &bytes)?;
    let edits = services::install(&document, &config.pfsense.d2_script)?;
    plan.steps.extend(script_step(config, world, &plan.id)?);
    let title = "name D2 in Status > Services, and start it at boot before DHCP";
    entries_step(config, (&bytes, &document), plan, title, edits)?;
    let host = world.host(&config.d2.host)?;
    if host.mode(&config.d2.config)?.is_some() && !kea::daemon::apply::running(host, &config.d2.socket)? {
        plan.steps.push(start_step(config, None));
    }
    Ok(())
}

/// Takes out the entries and the script that `install` put there. A running D2 is left running: ending it loses names.
pub fn remove(config: &Config, world: &World) -> Result<Plan> {
    managed(config)?;
    let title = format!("D2 no more a service on {}", hosts(config));
    let mut plan = Plan::new("kea-service-off", title, world.clock.now());
    for config in &config.each() {
        remove_on(config, world, &mut plan).map_err(|error| config.named(error))?;
    }
    Ok(plan)
}

fn remove_on(config: &Config, world: &World, plan: &mut Plan) -> Result<()> {
    let bytes = read(config, world)?;
    let document = parse(config, &bytes)?;
    let path = &config.pfsense.d2_script;
    let edits = services::remove(&document, path)?;
    let title = "take D2 out of Status > Services and of the commands at boot";
    entries_step(config, (&bytes, &document), plan, title, edits)?;
    let host = config.d2.host.clone();
    let text = world.host(&host)?.read_if_there(path)?;
    if let (Some(text), Some(mode)) = (text.filter(|it| rc::is_ours(it)), world.host(&host)?.mode(path)?) {
        let backup = script_backup(config, &plan.id);
        let change = Change::RemoveScript { host: host.clone(), backup: backup.clone() };
        let undo = Undo::by(Change::RestoreScript { host: host.clone(), backup, mode: Some(mode) });
        let after = vec![Check::ScriptStands { host: host.clone(), stands: false }];
        let before = Check::FileIs { host, path: path.clone(), digest: Some(Digest::of(&text)) };
        let title = format!("remove {}{}; a D2 that runs goes on", path.display(), config.on_whom());
        plan.steps.push(Step::new(title, change, after, undo).given(vec![before]));
    }
    Ok(())
}

/// What is there, and whether D2 runs; on each firewall.
pub fn status(config: &Config, world: &World) -> Result<Vec<(HostName, ServiceView)>> {
    managed(config)?;
    let all = config.each();
    let views = all.iter().map(|config| {
        let view = status_on(config, world).map_err(|error| config.named(error))?;
        Ok((config.d2.host.clone(), view))
    });
    views.collect()
}

fn status_on(config: &Config, world: &World) -> Result<ServiceView> {
    let bytes = read(config, world)?;
    let entries = services::entries(&parse(config, &bytes)?, &config.pfsense.d2_script);
    let host = world.host(&config.d2.host)?;
    let mut problems = Vec::new();
    let running = match kea::daemon::apply::running(host, &config.d2.socket) {
        Ok(running) => Some(running),
        Err(error) => {
            problems.push(format!("D2: {}", error.what()));
            None
        }
    };
    if entries.service && running == Some(false) {
        problems.extend(down(config, world)?);
    }
    let (script_state, stands) = match script_seen(config, world)? {
        None => ("not there", false),
        Some((rc::Whose::Foreign, ..)) => ("somebody else's", false),
        Some((rc::Whose::Old, ..)) => ("old", false),
        Some((_, mode, _)) if mode & 0o111 != 0o111 => ("not executable", false),
        Some((rc::Whose::Ours, ..)) => ("in place", true),
    };
    Ok(ServiceView {
        script: config.pfsense.d2_script.display().to_string(),
        script_state,
        service: entries.service,
        early: entries.early,
        shellcmd_package: entries.package.then_some(entries.in_package),
        file: host.mode(&config.d2.config)?.is_some(),
        running,
        problems,
        installed: stands && entries.all(),
    })
}

/// The firewalls where D2 is down, though it should run. An error if nothing says that it should, or if it could not be
/// started anyway.
pub fn need_start(config: &Config, world: &World) -> Result<Vec<HostName>> {
    managed(config)?;
    let mut down = Vec::new();
    for config in &config.each() {
        if needs_start(config, world).map_err(|error| config.named(error))? {
            down.push(config.d2.host.clone());
        }
    }
    Ok(down)
}

fn needs_start(config: &Config, world: &World) -> Result<bool> {
    if !wanted(config, world)? {
        read(config, world)?;
        return Err(Error::usage("config.xml does not name D2 as a service, so nothing says that it should run")
            .hint("`pfddns kea service install` makes it one"));
    }
    let host = world.host(&config.d2.host)?;
    if kea::daemon::apply::running(host, &config.d2.socket)? {
        return Ok(false);
    }
    let script = &config.pfsense.d2_script;
    let lost = match (host.mode(&config.d2.config)?, script_seen(config, world)?) {
        (None, _) => Some(format!("D2's file {} is gone", config.d2.config.display())),
        (_, None) => Some(format!("D2's start script {} is gone", script.display())),
        (_, Some((rc::Whose::Foreign, ..))) => Some(format!("{} is somebody else's script", script.display())),
        _ => None,
    };
    match lost {
        None => Ok(true),
        Some(lost) => Err(Error::new(lost)
            .hint("`pfddns apply` builds D2's file, its script and its start anew")
            .while_doing("looking whether D2 can be started")),
    }
}
