//! The names that kea-dhcp4 sends to D2: checks the running daemon. For a pfSense that can't store our keys (2.7), adds them
//! to the file that pfSense generates, and removes them, under pfSense's lock.

use super::{Evidence, Nature, Step, Undo, files, firewall};
use crate::config::{Config, Firewall};
use crate::error::{Doing, Error, Result};
use crate::model::HostName;
use crate::systems::kea;
use crate::systems::kea::dhcp::generated::{Generated, Wiring};
use crate::world::{Digest, NewFile, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// pfSense holds its lock from killing kea-dhcp4 (up to ten seconds) to starting the new one.
const LOCK_LIMIT: Duration = Duration::from_secs(60);

/// A change of the generated file.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "WiringChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Adds our keys to the file that pfSense generates for kea-dhcp4 (`None`: removes them), after a backup, and has it
    /// loaded.
    RewireDhcp { host: HostName, wiring: Option<Box<Wiring>>, replaces: Option<Digest>, backup: PathBuf },
}

/// A fact about the wiring.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "WiringCheck"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// The running kea-dhcp4 sends names to D2 (true), or does not (false).
    DhcpSends { host: HostName, sends: bool },
    /// The file that pfSense generates for kea-dhcp4 has these keys of ours (`None`: none).
    DhcpFileHas { host: HostName, wiring: Option<Box<Wiring>> },
    /// The running kea-dhcp4 sends names to D2 as this says.
    DhcpUses { host: HostName, wiring: Box<Wiring> },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        let Self::RewireDhcp { host, wiring, replaces, backup } = self;
        rewire(config.firewall(host)?, world, wiring.as_deref(), replaces.as_ref(), backup)
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        let Self::RewireDhcp { host, .. } = self;
        Nature { hosts: vec![host], writes_more_than_once: true, ..Nature::default() }
    }
}

impl Check {
    pub(super) async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        match self {
            Self::DhcpSends { host, sends } => dhcp_sends(config.firewall(host)?, world, *sends),
            Self::DhcpFileHas { host, wiring } => file_has(config.firewall(host)?, world, wiring.as_deref()),
            Self::DhcpUses { host, wiring } => uses(config.firewall(host)?, world, Some(wiring)),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DhcpSends { sends: true, .. } | Self::DhcpUses { .. } => "the running kea-dhcp4 sends names to D2",
            Self::DhcpSends { sends: false, .. } => "the running kea-dhcp4 sends no names to D2",
            Self::DhcpFileHas { wiring: Some(_), .. } => "kea-dhcp4's generated file has pfddns's settings",
            Self::DhcpFileHas { wiring: None, .. } => "kea-dhcp4's generated file has no pfddns settings",
        })
    }
}

/// Reads the generated file; `None` if there is none.
pub fn read(firewall: &Firewall, world: &World) -> Result<Option<(Vec<u8>, Generated)>> {
    let path = &firewall.pfsense.kea_dhcp4_config;
    let Some(bytes) = world.host(&firewall.name)?.read_if_there(path)? else { return Ok(None) };
    let file = Generated::read(&bytes, &path.display().to_string())?;
    Ok(Some((bytes, file)))
}

fn read_there(firewall: &Firewall, world: &World) -> Result<(Vec<u8>, Generated)> {
    read(firewall, world)?.ok_or_else(|| {
        Error::new(format!("{}: no such file", firewall.pfsense.kea_dhcp4_config.display()))
            .hint("pfSense writes it when it starts Kea's DHCP server")
    })
}

/// The file with these keys of ours (`None`: with none); returns nothing if it needs no change.
fn rewired(file: &Generated, wiring: Option<&Wiring>) -> Result<Option<Vec<u8>>> {
    match wiring {
        Some(wiring) => file.with(wiring),
        None => file.without(),
    }
}

fn rewire(
    firewall: &Firewall,
    world: &mut World,
    wiring: Option<&Wiring>,
    replaces: Option<&Digest>,
    backup: &Path,
) -> Result<Evidence> {
    let (host, path) = (&firewall.name, &firewall.pfsense.kea_dhcp4_config);
    let _lock =
        world.host(host)?.lock(&firewall.pfsense.dhcp_lock, LOCK_LIMIT).doing(|| "waiting for pfSense's DHCP lock")?;
    let (old, file) = read_there(firewall, world)?;
    let runs = firewall::dhcp_runs(firewall, world);
    if wiring.is_some() {
        runs.clone().doing(|| "changing a file that pfSense writes again each time it starts kea-dhcp4")?;
    }
    let new = rewired(&file, wiring)?;
    if let Some(new) = &new {
        let seen = Digest::of(&old);
        if replaces.is_some_and(|it| *it != seen) {
            return Err(Error::stale(path.display()));
        }
        kea::daemon::apply::test_dhcp4(world.host(host)?, &firewall.pfsense.kea_dhcp4_program, new)?;
        files::keep(world, firewall, &old, backup).doing(|| "keeping a backup")?;
        let file = NewFile { bytes: new, replaces: Some(seen), mode: 0o644, keep_mode: true };
        world.host_mut(host)?.write(path, &file)?;
    }
    if runs.is_err() {
        return Ok(Evidence::note("kea-dhcp4 does not run, so there is nothing to reload"));
    }
    // Also if the file needs no change: a run that was cut off may have written it without loading it.
    if new.is_none() && uses(firewall, world, wiring).is_ok() {
        return Ok(Evidence::note("it existed already"));
    }
    let socket = firewall::dhcp_socket(firewall, world)?;
    kea::daemon::socket::command(world.host(host)?, &socket, "config-reload", None).doing(|| "reloading kea-dhcp4")?;
    Ok(Evidence::note(if new.is_some() { format!("backup {}", backup.display()) } else { "reloaded".to_owned() }))
}

/// Ok if the file has these keys of ours and no others.
fn file_has(firewall: &Firewall, world: &World, wiring: Option<&Wiring>) -> Result<()> {
    let path = firewall.pfsense.kea_dhcp4_config.display();
    let (_, file) = read_there(firewall, world)?;
    match (rewired(&file, wiring)?, wiring) {
        (None, _) => Ok(()),
        (Some(_), Some(_)) => Err(Error::new(format!("{path} does not have pfddns's settings"))
            .hint("pfSense has written it again: run `pfddns dhcp ddns enable --until-regenerated` again")),
        (Some(_), None) => Err(Error::new(format!("{path} has pfddns's settings"))),
    }
}

/// Ok if the running kea-dhcp4 uses this wiring; without wiring, if it sends no names.
fn uses(firewall: &Firewall, world: &World, wiring: Option<&Wiring>) -> Result<()> {
    let Some(wiring) = wiring else { return dhcp_sends(firewall, world, false) };
    match wiring.missing_in(&firewall::dhcp_config(firewall, world)?) {
        None => Ok(()),
        Some(what) => Err(Error::new(format!("the running kea-dhcp4 {what}"))
            .hint("pfSense drops all custom Kea JSON when `kea-dhcp4 -t` fails: Status > System Logs > DHCP")),
    }
}

fn dhcp_sends(firewall: &Firewall, world: &World, sends: bool) -> Result<()> {
    let running = firewall::dhcp_config(firewall, world)?;
    let found = running.pointer("/Dhcp4/dhcp-ddns/enable-updates") == Some(&Value::Bool(true));
    if found == sends {
        return Ok(());
    }
    let does = if found { "sends" } else { "does not send" };
    Err(Error::new(format!("the running kea-dhcp4 {does} names to D2"))
        .hint("pfSense drops all custom Kea JSON when `kea-dhcp4 -t` fails: Status > System Logs > DHCP"))
}

/// kea-dhcp4 sends names to D2 as this says.
pub fn used(firewall: &Firewall, wiring: &Wiring) -> super::Check {
    Check::DhcpUses { host: firewall.name.clone(), wiring: Box::new(wiring.clone()) }.into()
}

/// kea-dhcp4 sends no names to D2.
pub fn silent(firewall: &Firewall) -> super::Check {
    Check::DhcpSends { host: firewall.name.clone(), sends: false }.into()
}

/// The step that makes the generated file hold these keys of ours (`None`: none).
pub fn put(
    firewall: &Firewall,
    (bytes, file): (&[u8], &Generated),
    wiring: Option<&Wiring>,
    run: &str,
    title: &str,
    mut after: Vec<super::Check>,
) -> Step {
    let host = || firewall.name.clone();
    let has = |wiring: Option<&Wiring>| Check::DhcpFileHas { host: host(), wiring: wiring.cloned().map(Box::new) };
    let change = |wiring: Option<&Wiring>, replaces, run: &str| {
        let backup = files::backup(firewall, "kea-dhcp4.conf", run);
        Change::RewireDhcp { host: host(), wiring: wiring.cloned().map(Box::new), replaces, backup }
    };
    let before = file.ours();
    after.insert(0, has(wiring).into());
    let there = change(wiring, Some(Digest::of(bytes)), run);
    let back = change(before.as_ref(), None, &format!("{run}-back"));
    Step::new(title, there, after, Undo::by(back)).given(vec![has(before.as_ref()).into()])
}
