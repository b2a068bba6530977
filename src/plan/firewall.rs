//! pfSense's configuration in plans: writing it, having pfSense take it over, and looking whether it did.
//! After a rebuild the process and its socket are asked; pfSense's own exit codes say little.

use super::{Evidence, keys};
use crate::config::{Config, Writer};
use crate::error::{Doing, Error, Result};
use crate::model::{DomainName, HostName};
use crate::systems::dns;
use crate::systems::kea;
use crate::systems::pfsense::dhcp::{Backend, backend, is_ha_primary};
use crate::systems::pfsense::{self, Edit, Paths, Save, unbound};
use crate::systems::pfsense::{Rebuild, rebuild};
use crate::world::{Digest, World};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// pfSense waits ten seconds for the old kea-dhcp4 to end, then starts the new one in the background.
const START: Duration = Duration::from_secs(30);

/// Where pfSense's files and our backups lie.
pub fn paths(config: &Config) -> Paths {
    let it = &config.pfsense;
    Paths {
        config: it.config.clone(),
        lock: it.lock.clone(),
        cache: it.cache.clone(),
        own_backups: keys::backups(config),
        restore_points: it.restore_points.clone(),
    }
}

pub(super) async fn edit(
    config: &Config,
    world: &mut World,
    host: &HostName,
    what: &Save<'_>,
    then: Option<Rebuild>,
) -> Result<Evidence> {
    let now = world.clock.now();
    let paths = paths(config);
    let host_mut = world.host_mut(host)?;
    let saved = match config.pfsense.writer {
        Writer::Pfddns => pfsense::save(host_mut, &paths, what, now)?,
        Writer::Pfsense => pfsense::save_by_php(host_mut, &paths, &config.pfsense.php, what)?,
    };
    let mut evidence = match &saved.backup {
        Some(backup) => Evidence::note(format!("backup {}", backup.display())),
        None => Evidence::note("it was there already"),
    };
    if let Some(what) = then {
        take_over(config, world, host, what).await?;
    }
    evidence.note.push_str(if then.is_some() { ", pfSense has taken it over" } else { "" });
    Ok(evidence)
}

/// Runs pfSense's PHP with no lock held, then waits for the daemon.
async fn take_over(config: &Config, world: &mut World, host: &HostName, what: Rebuild) -> Result<()> {
    let bytes = world.host(host)?.read(&config.pfsense.config)?;
    let document = pfsense::read(&bytes)?;
    let (sync, kea) = (is_ha_primary(&document), backend(&document) == Backend::Kea);
    let asked = unbound::listens(&document);
    rebuild(world.host_mut(host)?, &config.pfsense.php, what, sync)?;
    if what == Rebuild::Dhcp && kea {
        let up = async |world: &World| Ok(dhcp_runs(config, world, host).is_ok());
        world.until(START, Duration::from_millis(250), "kea-dhcp4 answers after its restart", up).await?;
    }
    if let (Rebuild::Resolver, Some(at)) = (what, asked) {
        let up = async |world: &World| Ok(answers(world, at).await.is_ok());
        world.until(START, Duration::from_millis(250), "the DNS Resolver answers after its restart", up).await?;
    }
    Ok(())
}

/// Any answer counts: what it says of a name is not the question.
async fn answers(world: &World, at: SocketAddr) -> Result<()> {
    dns::lookup(world, at, &DomainName::new("localhost.")?, dns::Rtype::A).await.map(|_| ())
}

pub(super) async fn resolver_runs(config: &Config, world: &World, host: &HostName) -> Result<()> {
    let bytes = world.host(host)?.read(&config.pfsense.config)?;
    match unbound::listens(&pfsense::read(&bytes)?) {
        None => Ok(()),
        Some(at) => answers(world, at).await.map_err(|error| {
            error.hint(
                "Status > System Logs > DNS Resolver says why it did not start; `unbound-checkconf` finds the line",
            )
        }),
    }
}

pub(super) fn restore(
    config: &Config,
    world: &mut World,
    host: &HostName,
    backup: &Path,
    run: &str,
    replaces: Option<&Digest>,
) -> Result<Evidence> {
    let now = world.clock.now();
    let host = world.host_mut(host)?;
    let bytes = host.read(backup)?;
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    let reason = format!("restored from {name}");
    let what = Save { edits: &[], reason: &reason, replaces, run };
    let saved = pfsense::restore(host, &paths(config), &bytes, &what, now)?;
    let by_itself = "pfSense's services follow at their next rebuild: a reboot, or saving their pages";
    Ok(Evidence::note(match saved.backup {
        _ if saved.before.as_ref() == Some(&saved.after) => "it was there already".to_owned(),
        Some(backup) => format!("backup of what it replaced: {}; {by_itself}", backup.display()),
        None => by_itself.to_owned(),
    }))
}

pub(super) fn remove_backups(world: &mut World, host: &HostName, files: &[PathBuf]) -> Result<Evidence> {
    let host = world.host_mut(host)?;
    files.iter().try_for_each(|file| host.remove(file))?;
    Ok(Evidence::default())
}

pub(super) fn says(config: &Config, world: &World, host: &HostName, what: &str, edits: &[Edit]) -> Result<()> {
    let path = &config.pfsense.config;
    let bytes = world.host(host)?.read(path)?;
    let document = pfsense::read(&bytes).doing(|| format!("reading {}", path.display()))?;
    if document.holds(edits)? {
        return Ok(());
    }
    Err(Error::new(format!("{} does not say: {what}", path.display())).hint(
        "somebody saved a page in pfSense's web interface that was opened before our change; run the command again",
    ))
}

pub(super) fn is(config: &Config, world: &World, host: &HostName, backup: &Path) -> Result<()> {
    let host = world.host(host)?;
    let (now, old) = (host.read(&config.pfsense.config)?, host.read(backup)?);
    if pfsense::same_but_revision(&pfsense::read(&now)?, &pfsense::read(&old)?) {
        return Ok(());
    }
    Err(Error::new(format!("{} is not what {} holds", config.pfsense.config.display(), backup.display())))
}

/// The socket kea-dhcp4 listens on, as pfSense wrote it; it moved between versions, so it is never assumed.
pub fn dhcp_socket(config: &Config, world: &World, host: &HostName) -> Result<PathBuf> {
    let path = &config.pfsense.kea_dhcp4_config;
    let bytes = world.host(host)?.read(path)?;
    let document = kea::text::Document::parse(&bytes, &path.display().to_string())?;
    let socket = document.root().at(&["Dhcp4"]).and_then(kea::d2::installed::socket);
    socket.map(PathBuf::from).ok_or_else(|| {
        Error::new(format!("{} names no control socket", path.display())).hint("is DHCP on, and is Kea the backend?")
    })
}

/// What the running kea-dhcp4 works with.
pub fn dhcp_config(config: &Config, world: &World, host: &HostName) -> Result<Value> {
    let socket = dhcp_socket(config, world, host)?;
    let answer = kea::daemon::socket::command(world.host(host)?, &socket, "config-get", None)?;
    Ok(answer.arguments)
}

pub(super) fn dhcp_runs(config: &Config, world: &World, host: &HostName) -> Result<()> {
    let socket = dhcp_socket(config, world, host)?;
    match kea::daemon::apply::running(world.host(host)?, &socket)? {
        true => Ok(()),
        false => Err(Error::new(format!("kea-dhcp4 does not answer on {}", socket.display()))
            .hint("Status > System Logs > DHCP says why it did not start")),
    }
}

pub(super) fn dhcp_sends(config: &Config, world: &World, host: &HostName, sends: bool) -> Result<()> {
    let running = dhcp_config(config, world, host)?;
    let found = running.pointer("/Dhcp4/dhcp-ddns/enable-updates") == Some(&Value::Bool(true));
    if found == sends {
        return Ok(());
    }
    let does = if found { "sends" } else { "does not send" };
    Err(Error::new(format!("the running kea-dhcp4 {does} names to D2"))
        .hint("pfSense drops all custom Kea JSON when `kea-dhcp4 -t` fails: Status > System Logs > DHCP"))
}
