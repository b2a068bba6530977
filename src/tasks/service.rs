//! D2 as a service of the firewall: its start script, its entries in config.xml, and checks that it runs. config.xml
//! survives a restore, so its entry decides whether D2 should run, and everything else is built again from it.

use super::config_xml::{parse, read};
use crate::changes::service::{self, names, script_seen};
use crate::changes::{Step, files, firewall};
use crate::config::{Config, Firewall};
use crate::diff::unified;
use crate::error::{Error, Result};
use crate::model::HostName;
use crate::plan::Plan;
use crate::systems::kea::{self, daemon::rc};
use crate::systems::pfsense::{Document, Edit, services};
use crate::world::{Digest, World};
use serde::Serialize;

/// The state of the service.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ServiceView {
    /// The firewall it is on.
    pub firewall: HostName,
    /// The script's path.
    pub script: String,
    /// `in place`, `not there`, `old`, `foreign`, `not executable`.
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

/// True if config.xml names D2 as a service: then it should run, even if all else is lost.
pub fn wanted(config: &Config, firewall: &Firewall, world: &World) -> Result<bool> {
    let path = &firewall.pfsense.config;
    if !config.d2.manage || world.host(&firewall.name)?.mode(path)?.is_none() {
        return Ok(false);
    }
    let bytes = read(firewall, world)?;
    Ok(services::entries(&parse(firewall, &bytes)?, &firewall.pfsense.d2_script).service)
}

/// What is wrong if D2 should run and does not; empty otherwise.
pub fn down(config: &Config, firewall: &Firewall, world: &World) -> Result<Option<String>> {
    let host = world.host(&firewall.name)?;
    if !wanted(config, firewall, world)? || kea::daemon::apply::running(host, &firewall.d2.socket)? {
        return Ok(None);
    }
    Ok(Some(format!("D2 should run (config.xml names it as a service) and does not: {}", remedy(firewall, world)?)))
}

/// What starts it again; this depends on which files are left.
fn remedy(firewall: &Firewall, world: &World) -> Result<&'static str> {
    let file = world.host(&firewall.name)?.mode(&firewall.d2.config)?.is_some();
    let script = matches!(script_seen(firewall, world)?, Some((rc::Whose::Ours, ..)));
    Ok(if file && script { "`pfddns kea service ensure`" } else { "`pfddns apply` builds what is missing" })
}

fn managed(config: &Config) -> Result<()> {
    if config.d2.manage {
        return Ok(());
    }
    Err(Error::usage("this site has no D2 to keep running: d2.manage is false in pfddns.toml"))
}

/// The step that puts the script in place, if it is not.
pub(super) fn script_step(config: &Config, firewall: &Firewall, world: &World, run: &str) -> Result<Option<Step>> {
    let path = &firewall.pfsense.d2_script;
    let seen = script_seen(firewall, world)?;
    match &seen {
        Some((rc::Whose::Ours, mode, _)) if mode & 0o111 == 0o111 => return Ok(None),
        Some((rc::Whose::Foreign, ..)) => {
            return Err(Error::new(format!("{} is not pfddns's script", path.display()))
                .hint("move it aside, or set another path: pfsense.d2-script in pfddns.toml"));
        }
        _ => {}
    }
    let step = service::put(config, firewall, seen.map(|(_, mode, digest)| (mode, digest)), run);
    let old = world.host(&firewall.name)?.read_if_there(path)?.unwrap_or_default();
    let new = rc::script(&names(firewall));
    let diff = unified(&String::from_utf8_lossy(&old), &new, 1, ("before", "after"));
    // A new script needs no diff of sixty lines.
    Ok(Some(step.showing(if old.is_empty() { format!("+ {} lines, mode 0755\n", new.lines().count()) } else { diff })))
}

/// The step that edits config.xml; pfSense reads these entries when it needs them, so nothing is rebuilt.
fn entries_step(
    config: &Config,
    firewall: &Firewall,
    document: &Document<'_>,
    plan: &mut Plan,
    title: &str,
    edits: &[Edit],
) -> Result<()> {
    let title = format!("{title}{}", config.on(firewall));
    if let Some(step) = firewall::edit(firewall, document, &plan.id, &title, edits, None)? {
        let digest = Some(Digest::of(document.bytes()));
        plan.given.push(files::is(&firewall.name, &firewall.pfsense.config, digest));
        plan.steps.push(step);
    }
    Ok(())
}

/// Script, entries, and D2 started if its file is there; on each firewall, since pfSense syncs none of it.
pub fn install(config: &Config, world: &World) -> Result<Plan> {
    managed(config)?;
    let title = format!("D2 as a service on {}", config.names());
    let mut plan = Plan::new("kea-service", title, world.clock.now());
    for firewall in config.firewalls() {
        install_on(config, firewall, world, &mut plan).map_err(|error| config.named(firewall, error))?;
    }
    Ok(plan)
}

fn install_on(config: &Config, firewall: &Firewall, world: &World, plan: &mut Plan) -> Result<()> {
    let bytes = read(firewall, world)?;
    let document = parse(firewall, &bytes)?;
    let edits = services::install(&document, &firewall.pfsense.d2_script)?;
    plan.steps.extend(script_step(config, firewall, world, &plan.id)?);
    let title = "add D2 to Status > Services, and start it at boot before DHCP";
    entries_step(config, firewall, &document, plan, title, &edits)?;
    let host = world.host(&firewall.name)?;
    if host.mode(&firewall.d2.config)?.is_some() && !kea::daemon::apply::running(host, &firewall.d2.socket)? {
        plan.steps.push(service::start(config, firewall, None));
    }
    Ok(())
}

/// Removes the entries and the script that `install` added. A running D2 keeps running: stopping it would lose names.
pub fn remove(config: &Config, world: &World) -> Result<Plan> {
    managed(config)?;
    let title = format!("remove D2 as a service on {}", config.names());
    let mut plan = Plan::new("kea-service-off", title, world.clock.now());
    for firewall in config.firewalls() {
        remove_on(config, firewall, world, &mut plan).map_err(|error| config.named(firewall, error))?;
    }
    Ok(plan)
}

fn remove_on(config: &Config, firewall: &Firewall, world: &World, plan: &mut Plan) -> Result<()> {
    let bytes = read(firewall, world)?;
    let document = parse(firewall, &bytes)?;
    let path = &firewall.pfsense.d2_script;
    let edits = services::remove(&document, path)?;
    let title = "remove D2 from Status > Services and from the boot commands";
    entries_step(config, firewall, &document, plan, title, &edits)?;
    let host = world.host(&firewall.name)?;
    let text = host.read_if_there(path)?.filter(|it| rc::is_ours(it));
    if let (Some(text), Some(mode)) = (text, host.mode(path)?) {
        plan.steps.push(service::remove(config, firewall, (mode, &text), &plan.id));
    }
    Ok(())
}

/// Script, entries and file, and whether D2 runs; on each firewall.
pub fn status(config: &Config, world: &World) -> Result<Vec<ServiceView>> {
    managed(config)?;
    let on = |firewall| status_on(config, firewall, world).map_err(|error| config.named(firewall, error));
    config.firewalls().map(on).collect()
}

fn status_on(config: &Config, firewall: &Firewall, world: &World) -> Result<ServiceView> {
    let bytes = read(firewall, world)?;
    let entries = services::entries(&parse(firewall, &bytes)?, &firewall.pfsense.d2_script);
    let host = world.host(&firewall.name)?;
    let mut problems = Vec::new();
    let running = match kea::daemon::apply::running(host, &firewall.d2.socket) {
        Ok(running) => Some(running),
        Err(error) => {
            problems.push(format!("D2: {}", error.what()));
            None
        }
    };
    if entries.service && running == Some(false) {
        problems.extend(down(config, firewall, world)?);
    }
    let (script_state, stands) = match script_seen(firewall, world)? {
        None => ("not there", false),
        Some((rc::Whose::Foreign, ..)) => ("foreign", false),
        Some((rc::Whose::Old, ..)) => ("old", false),
        Some((_, mode, _)) if mode & 0o111 != 0o111 => ("not executable", false),
        Some((rc::Whose::Ours, ..)) => ("in place", true),
    };
    Ok(ServiceView {
        firewall: firewall.name.clone(),
        script: firewall.pfsense.d2_script.display().to_string(),
        script_state,
        service: entries.service,
        early: entries.early,
        shellcmd_package: entries.package.then_some(entries.in_package),
        file: host.mode(&firewall.d2.config)?.is_some(),
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
    for firewall in config.firewalls() {
        if needs_start(config, firewall, world).map_err(|error| config.named(firewall, error))? {
            down.push(firewall.name.clone());
        }
    }
    Ok(down)
}

fn needs_start(config: &Config, firewall: &Firewall, world: &World) -> Result<bool> {
    if !wanted(config, firewall, world)? {
        read(firewall, world)?;
        return Err(Error::usage("config.xml does not name D2 as a service, so D2 does not have to run")
            .hint("`pfddns kea service install` makes it a service"));
    }
    let host = world.host(&firewall.name)?;
    if kea::daemon::apply::running(host, &firewall.d2.socket)? {
        return Ok(false);
    }
    let script = &firewall.pfsense.d2_script;
    let lost = match (host.mode(&firewall.d2.config)?, script_seen(firewall, world)?) {
        (None, _) => Some(format!("D2's file {} is gone", firewall.d2.config.display())),
        (_, None) => Some(format!("D2's start script {} is gone", script.display())),
        (_, Some((rc::Whose::Foreign, ..))) => Some(format!("{} is not pfddns's script", script.display())),
        _ => None,
    };
    match lost {
        None => Ok(true),
        Some(lost) => Err(Error::new(lost)
            .hint("`pfddns apply` builds D2's file, its script and its start again")
            .while_doing("checking whether D2 can be started")),
    }
}

/// Starts D2 on a firewall, without a journal (`changes::service::ensure`).
pub async fn ensure(config: &Config, world: &mut World, host: &HostName) -> Result<()> {
    service::ensure(config, world, host).await.map(|_| ())
}
