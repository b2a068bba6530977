//! kea-dhcp4's DDNS keys in the file that pfSense generates for it, where pfSense has no hook for lasting ones (2.7):
//! put in and taken out under pfSense's lock, loaded, and looked for in the running daemon.

use super::{Evidence, firewall, supervise};
use crate::config::Config;
use crate::error::{Doing, Error, Result};
use crate::model::HostName;
use crate::systems::kea;
use crate::systems::kea::dhcp::generated::{Generated, Wiring};
use crate::world::{Digest, NewFile, World};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// pfSense holds its lock from killing kea-dhcp4 (up to ten seconds) to starting the new one.
const LOCK_LIMIT: Duration = Duration::from_secs(60);

/// Where the file that a run replaces is kept.
pub fn backup(config: &Config, run: &str) -> PathBuf {
    super::keys::backups(config).join(format!("kea-dhcp4.conf.{run}"))
}

/// Reads the generated file; `None` if there is none.
pub fn read(config: &Config, world: &World, host: &HostName) -> Result<Option<(Vec<u8>, Generated)>> {
    let path = &config.pfsense.kea_dhcp4_config;
    let Some(bytes) = world.host(host)?.read_if_there(path)? else { return Ok(None) };
    let file = Generated::read(&bytes, &path.display().to_string())?;
    Ok(Some((bytes, file)))
}

fn read_there(config: &Config, world: &World, host: &HostName) -> Result<(Vec<u8>, Generated)> {
    read(config, world, host)?.ok_or_else(|| {
        Error::new(format!("{}: no such file", config.pfsense.kea_dhcp4_config.display()))
            .hint("pfSense writes it when it starts Kea's DHCP server")
    })
}

/// The file with these keys of ours (`None`: with none); no answer if it is so already.
pub fn rewired(file: &Generated, wiring: Option<&Wiring>) -> Result<Option<Vec<u8>>> {
    match wiring {
        Some(wiring) => file.with(wiring),
        None => file.without(),
    }
}

pub(super) fn rewire(
    config: &Config,
    world: &mut World,
    host: &HostName,
    wiring: Option<&Wiring>,
    replaces: Option<&Digest>,
    backup: &Path,
) -> Result<Evidence> {
    let path = &config.pfsense.kea_dhcp4_config;
    let _lock =
        world.host(host)?.lock(&config.pfsense.dhcp_lock, LOCK_LIMIT).doing(|| "waiting for pfSense's DHCP lock")?;
    let (old, file) = read_there(config, world, host)?;
    let runs = firewall::dhcp_runs(config, world, host);
    if wiring.is_some() {
        runs.clone().doing(|| "changing a file that pfSense writes anew whenever it starts kea-dhcp4")?;
    }
    let new = rewired(&file, wiring)?;
    if let Some(new) = &new {
        let seen = Digest::of(&old);
        if replaces.is_some_and(|it| *it != seen) {
            return Err(Error::stale(path.display()));
        }
        kea::daemon::apply::test_dhcp4(world.host(host)?, &config.pfsense.kea_dhcp4_program, new)?;
        supervise::keep(world, host, &old, backup, config).doing(|| "keeping a backup")?;
        let file = NewFile { bytes: new, replaces: Some(seen), mode: 0o644, keep_mode: true };
        world.host_mut(host)?.write(path, &file)?;
    }
    if runs.is_err() {
        return Ok(Evidence::note("kea-dhcp4 does not run, so there is nothing to reload"));
    }
    // Also if the file is so already: a run that was cut off may have written it and not come to this.
    if new.is_none() && uses(config, world, host, wiring).is_ok() {
        return Ok(Evidence::note("it was there already"));
    }
    let socket = firewall::dhcp_socket(config, world, host)?;
    kea::daemon::socket::command(world.host(host)?, &socket, "config-reload", None).doing(|| "reloading kea-dhcp4")?;
    Ok(Evidence::note(if new.is_some() { format!("backup {}", backup.display()) } else { "reloaded".to_owned() }))
}

/// Ok if the file has these keys of ours and no others.
pub(super) fn file_has(config: &Config, world: &World, host: &HostName, wiring: Option<&Wiring>) -> Result<()> {
    let path = config.pfsense.kea_dhcp4_config.display();
    let (_, file) = read_there(config, world, host)?;
    match (rewired(&file, wiring)?, wiring) {
        (None, _) => Ok(()),
        (Some(_), Some(_)) => Err(Error::new(format!("{path} lacks our keys"))
            .hint("pfSense has written it anew: run `pfddns dhcp ddns enable --until-regenerated` again")),
        (Some(_), None) => Err(Error::new(format!("{path} has our keys"))),
    }
}

/// Ok if the running kea-dhcp4 works with this wiring; with none, if it sends no names.
pub(super) fn uses(config: &Config, world: &World, host: &HostName, wiring: Option<&Wiring>) -> Result<()> {
    let Some(wiring) = wiring else { return firewall::dhcp_sends(config, world, host, false) };
    match wiring.missing_in(&firewall::dhcp_config(config, world, host)?) {
        None => Ok(()),
        Some(what) => Err(Error::new(format!("the running kea-dhcp4 {what}"))
            .hint("pfSense drops all custom Kea JSON when `kea-dhcp4 -t` fails: Status > System Logs > DHCP")),
    }
}
