//! D2's file and the running D2: installs or restores the file and has D2 load it without losing a request.

use super::{Evidence, Nature, Step, Undo, files, secrets};
use crate::config::{Config, Firewall, ZoneConfig};
use crate::error::{Error, Result};
use crate::model::{HostName, KeyName, KeyRef};
use crate::secret::Secret;
use crate::systems::kea::{self, d2::Installed};
use crate::world::{Digest, World};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A change of D2.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "D2Change"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Writes D2's file for this key (`None`: unsigned), after a backup, and has D2 load it without losing a request.
    InstallD2 {
        host: HostName,
        key: Option<KeyRef>,
        replaces: Option<Digest>,
        backup: PathBuf,
        /// True: DHCP is not paused while D2 reloads.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        no_pause: bool,
    },
    /// Restores the backed-up D2 file (removes the file if there was none) and has D2 load it.
    RestoreD2 {
        host: HostName,
        backup: PathBuf,
        existed: bool,
        /// True: DHCP is not paused while D2 reloads.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        no_pause: bool,
    },
    /// Replaces D2's file by a backup, after a backup of the current one, and has D2 load it.
    ReplaceD2 { host: HostName, with: PathBuf, replaces: Option<Digest>, backup: PathBuf },
    /// Waits until D2 can have no update signed with the old key in progress; on the other firewalls too.
    Drain {
        host: HostName,
        key: KeyName,
        milliseconds: u64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<HostName>,
    },
}

/// A fact about D2.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "D2Check"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// D2's file signs with this key in every domain (`None`: with none).
    D2FileUses { host: HostName, key: Option<KeyName> },
    /// The running D2 signs with this key in every domain (`None`: with none).
    D2Runs { host: HostName, key: Option<KeyName> },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        let (host, backup, no_pause) = match self {
            Self::InstallD2 { host, backup, no_pause, .. } | Self::RestoreD2 { host, backup, no_pause, .. } => {
                (host, backup, *no_pause)
            }
            Self::ReplaceD2 { host, backup, .. } => (host, backup, false),
            Self::Drain { host, key, milliseconds, also } => {
                return drain(config, world, std::iter::once(host).chain(also), key, *milliseconds).await;
            }
        };
        let firewall = config.firewall(host)?;
        let place = Replacement { firewall, backup, no_pause };
        match self {
            Self::InstallD2 { key, replaces: old, .. } => {
                let secret = match key {
                    Some(key) => Some(secrets::secret(config, world, key).await?),
                    None => None,
                };
                let text = text(config, firewall, key.as_ref().zip(secret.as_ref()))?;
                replace(world, &place, text.as_bytes(), old.clone()).await
            }
            Self::ReplaceD2 { with, replaces: old, .. } => {
                let new = zeroize::Zeroizing::new(world.host(host)?.read(with)?);
                replace(world, &place, &new, old.clone()).await
            }
            Self::RestoreD2 { existed, .. } => restore(world, &place, *existed).await,
            Self::Drain { .. } => Ok(Evidence::default()),
        }
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        match self {
            Self::InstallD2 { host, .. } | Self::RestoreD2 { host, .. } | Self::ReplaceD2 { host, .. } => {
                Nature { hosts: vec![host], writes_more_than_once: true, ..Nature::default() }
            }
            Self::Drain { host, also, .. } => {
                let hosts = std::iter::once(host).chain(also).collect();
                Nature { hosts, leaves_nothing: true, ..Nature::default() }
            }
        }
    }

    /// The same change without pausing DHCP while D2 reloads. False if it pauses none.
    pub(super) fn do_not_pause(&mut self) -> bool {
        match self {
            Self::InstallD2 { no_pause, .. } | Self::RestoreD2 { no_pause, .. } => {
                *no_pause = true;
                true
            }
            Self::ReplaceD2 { .. } | Self::Drain { .. } => false,
        }
    }
}

impl Check {
    pub(super) async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        match self {
            Self::D2FileUses { host, key } => {
                let path = &config.firewall(host)?.d2.config;
                let name = path.display().to_string();
                uses(&name, &Installed::read(&world.host(host)?.read(path)?, &name)?, key.as_ref())
            }
            Self::D2Runs { host, key } => {
                let installed = kea::daemon::apply::in_use(world.host(host)?, &config.firewall(host)?.d2.socket)?;
                uses("the running D2", &installed, key.as_ref())
            }
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, key) = match self {
            Self::D2FileUses { key, .. } => ("D2's file", key),
            Self::D2Runs { key, .. } => ("the running D2", key),
        };
        match key {
            Some(key) => write!(f, "{who} signs with {key}"),
            None => write!(f, "{who} uses no key"),
        }
    }
}

/// The content of this site's file for a key (`None`: unsigned updates).
fn spec(config: &Config, firewall: &Firewall, key: Option<&KeyRef>) -> kea::d2::D2Spec {
    let domain = |zone: &ZoneConfig| kea::d2::D2Domain {
        zone: zone.name.clone(),
        reverse: zone.name.is_reverse(),
        servers: zone.servers.iter().filter_map(|name| config.server(name).ok().map(|it| it.dns)).collect(),
        key: None,
    };
    kea::d2::D2Spec {
        listen: firewall.d2.listen,
        timeout_ms: u32::try_from(config.d2.timeout.as_millis()).unwrap_or(u32::MAX),
        domains: config.zones.iter().map(domain).collect(),
        ..kea::d2::D2Spec::new(firewall.d2.socket.display().to_string(), key.map(|it| it.name.clone()))
    }
}

/// The document for a key and its secret, or without signatures.
pub fn text(
    config: &Config,
    firewall: &Firewall,
    key: Option<(&KeyRef, &Secret)>,
) -> Result<zeroize::Zeroizing<String>> {
    let keys: Vec<_> = key.into_iter().collect();
    kea::d2::render(&spec(config, firewall, key.map(|(key, _)| key)), &keys)
}

/// The firewall, the path of the old file's backup, and whether DHCP is paused meanwhile.
struct Replacement<'a> {
    firewall: &'a Firewall,
    backup: &'a Path,
    no_pause: bool,
}

fn paths(place: &Replacement<'_>) -> kea::daemon::apply::Paths {
    let d2 = &place.firewall.d2;
    let dhcp = d2.dhcp4_socket.iter().chain(&d2.dhcp6_socket).filter(|_| !place.no_pause);
    kea::daemon::apply::Paths {
        config: d2.config.clone(),
        program: d2.program.clone(),
        socket: d2.socket.clone(),
        pause: dhcp.cloned().collect(),
        backup: place.backup.to_owned(),
    }
}

/// Installs a document and has D2 load it. A repeat after a crash finds the new file, or its backup and the old file;
/// both end the same way.
async fn replace(world: &mut World, place: &Replacement<'_>, new: &[u8], replaces: Option<Digest>) -> Result<Evidence> {
    let (paths, d2, host, backup) = (paths(place), &place.firewall.d2, &place.firewall.name, place.backup);
    let clock = world.clock.clone();
    let found = world.host(host)?.read_if_there(&d2.config)?;
    world.host_mut(host)?.make_folder(&files::backups(place.firewall), 0o700)?;
    if found.as_deref() == Some(new) {
        let wanted = Installed::read(new, &d2.config.display().to_string())?;
        let held = kea::daemon::apply::reload(&clock, world.host_mut(host)?, &paths, wanted.listen).await?;
        kea::daemon::apply::verify(world.host(host)?, &d2.socket, &wanted)?;
        return Ok(held_for(held, place));
    }
    if world.host(host)?.read_if_there(backup)?.map(|old| Digest::of(&old)) == replaces {
        world.host_mut(host)?.remove(backup)?;
    }
    let outcome = kea::daemon::apply::install(world, host, &paths, new, replaces).await?;
    Ok(if outcome.reloaded {
        held_for(outcome.held, place)
    } else {
        Evidence::note("D2 does not run: it reads the file when it starts")
    })
}

fn held_for(held: Option<Duration>, place: &Replacement<'_>) -> Evidence {
    Evidence::note(match held {
        Some(time) => format!("DHCP was paused for {} ms", time.as_millis()),
        None if place.no_pause => "reloaded without pausing DHCP".into(),
        None if place.firewall.d2.dhcp4_socket.is_none() && place.firewall.d2.dhcp6_socket.is_none() => {
            "reloaded without pausing DHCP (d2.dhcp4-socket is not set)".into()
        }
        None => "reloaded without pausing DHCP: no DHCP server answers".into(),
    })
}

async fn restore(world: &mut World, place: &Replacement<'_>, existed: bool) -> Result<Evidence> {
    let (firewall, host, backup) = (place.firewall, &place.firewall.name, place.backup);
    if !existed {
        world.host_mut(host)?.remove(&firewall.d2.config)?;
        return Ok(Evidence::note(
            "there was no such file before; a running D2 keeps its configuration until it is restarted",
        ));
    }
    // No backup yet: the step was cut off before it had replaced anything.
    let Some(old) = world.host(host)?.read_if_there(backup)? else {
        return Ok(Evidence::note("it was not replaced yet"));
    };
    let old = zeroize::Zeroizing::new(old);
    let found = world.host(host)?.read_if_there(&firewall.d2.config)?.map(|it| Digest::of(&it));
    let aside = aside(world, host, backup)?;
    // Undo must not wait for a DHCP server that does not answer.
    let no_pause = place.no_pause || !kea::daemon::apply::can_pause(world.host(host)?, &paths(place));
    replace(world, &Replacement { backup: &aside, firewall, no_pause }, &old, found).await
}

/// A name for the backup that an undo makes: a run may be undone, resumed and undone again.
fn aside(world: &World, host: &HostName, backup: &Path) -> Result<PathBuf> {
    for number in 1..1000 {
        let path = PathBuf::from(format!("{}.undone{number}", backup.display()));
        if world.host(host)?.mode(&path)?.is_none() {
            return Ok(path);
        }
    }
    Err(Error::new(format!("{}: this run has a thousand backups already", backup.display())))
}

/// D2 finishes each update with the key with which it started. After the bound no update can be in progress; D2's
/// counters must confirm this.
async fn drain(
    config: &Config,
    world: &World,
    hosts: impl Iterator<Item = &HostName>,
    key: &KeyName,
    milliseconds: u64,
) -> Result<Evidence> {
    let mut running = Vec::new();
    for host in hosts {
        let firewall = config.firewall(host)?;
        // On undo, D2 may have ended: that may be the reason for the undo.
        if kea::daemon::apply::running(world.host(host)?, &firewall.d2.socket)? {
            running.push(firewall);
        }
    }
    if running.is_empty() {
        return Ok(Evidence::note("no D2 is running"));
    }
    let sent = |on: &Firewall| -> Result<i64> {
        Ok(kea::daemon::socket::Statistics::read(world.host(&on.name)?, &on.d2.socket)?.of_key(key, "sent"))
    };
    world.clock.sleep(Duration::from_millis(milliseconds)).await;
    let before: Vec<i64> = running.iter().map(|on| sent(on)).collect::<Result<_>>()?;
    world.clock.sleep(Duration::from_millis(200)).await;
    for (on, before) in running.iter().zip(before) {
        if sent(on)? != before {
            return Err(Error::new(format!("D2{} still sends updates with {key}", config.on(on)))
                .hint("check its file for a per-server key-name; `pfddns tsig status` shows the keys it uses"));
        }
    }
    Ok(Evidence::note(format!("waited {milliseconds} ms; no update with {key} is in progress")))
}

/// Ok if every domain, and every server in it, uses this key (`None`: no key).
pub fn uses(who: &str, installed: &Installed, key: Option<&KeyName>) -> Result<()> {
    if installed.domains.is_empty() && key.is_some() {
        return Err(Error::new(format!("{who} has no domain at all")));
    }
    for domain in &installed.domains {
        // A server's own key-name overrides its domain's, so the servers' keys count.
        for (_, found) in &domain.servers {
            let same = match (found.as_deref().filter(|it| !it.is_empty()), key) {
                (None, None) => true,
                (Some(found), Some(key)) => kea::d2::installed::same_key(found, key),
                _ => false,
            };
            if !same {
                let found = found.clone().unwrap_or_else(|| "no key".to_owned());
                return Err(Error::new(format!("{who} signs updates of {} with {found}", domain.zone)));
            }
        }
    }
    Ok(())
}

/// Where a run keeps the D2 file that it replaces.
pub fn backup(firewall: &Firewall, run: &str) -> PathBuf {
    files::backup(firewall, "kea-dhcp-ddns.conf", run)
}

/// File and daemon sign with this key (`None`: with none).
pub fn signs(host: &HostName, key: Option<&KeyName>) -> Vec<super::Check> {
    let (file, running) = (host.clone(), host.clone());
    vec![
        Check::D2FileUses { host: file, key: key.cloned() }.into(),
        Check::D2Runs { host: running, key: key.cloned() }.into(),
    ]
}

/// The step that makes D2 sign with this key (`None`: send unsigned updates), in place of the file of that digest.
pub fn install(config: &Config, firewall: &Firewall, key: Option<&KeyRef>, old: Option<Digest>, run: &str) -> Step {
    let (host, backup, existed, no_pause) = (firewall.name.clone(), backup(firewall, run), old.is_some(), false);
    let on = config.on(firewall);
    let title = match key {
        Some(key) => format!("make D2{on} sign with {}", key.name),
        None => format!("make D2{on} send unsigned updates"),
    };
    let undo = Change::RestoreD2 { host: host.clone(), backup: backup.clone(), existed, no_pause };
    let before = files::is(&host, &firewall.d2.config, old.clone());
    let after = signs(&host, key.map(|it| &it.name));
    let change = Change::InstallD2 { host, key: key.cloned(), replaces: old, backup, no_pause };
    Step::new(title, change, after, Undo::by(undo)).given(vec![before])
}

/// The step that ends unsigned updates: it restores the file in `backup`, which signs with `key`. `old` is its digest.
pub fn sign_again(config: &Config, firewall: &Firewall, backup: &Path, old: Digest, key: Option<&KeyName>) -> Step {
    let (host, no_pause, aside) = (firewall.name.clone(), false, backup.with_extension("again"));
    let undo = Change::InstallD2 { host: host.clone(), key: None, replaces: Some(old), backup: aside, no_pause };
    let after = signs(&host, key);
    let change = Change::RestoreD2 { host, backup: backup.to_owned(), existed: true, no_pause };
    Step::new(format!("make D2{} sign again", config.on(firewall)), change, after, Undo::by(undo))
}

/// The step that restores a kept file of D2.
pub fn put_kept(config: &Config, firewall: &Firewall, kept: (PathBuf, &[u8]), old: Option<Digest>, run: &str) -> Step {
    let (host, path, (with, bytes)) = (firewall.name.clone(), &firewall.d2.config, kept);
    let name = with.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (aside, existed) = (backup(firewall, run), old.is_some());
    let undo = Change::RestoreD2 { host: host.clone(), backup: aside.clone(), existed, no_pause: false };
    let (before, after) = (files::is(&host, path, old.clone()), files::is(&host, path, Some(Digest::of(bytes))));
    let change = Change::ReplaceD2 { host, with, replaces: old, backup: aside };
    let title = format!("restore {name}{}", config.on(firewall));
    Step::new(title, change, vec![after], Undo::by(undo)).given(vec![before])
}

/// Waits until no D2 can have an update signed with this key in progress.
pub fn drained(config: &Config, key: &KeyName) -> Change {
    let bound = config.in_flight_bound() + Duration::from_millis(500);
    let milliseconds = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
    let also = config.others.iter().map(|it| it.name.clone()).collect();
    Change::Drain { host: config.primary.name.clone(), key: key.clone(), milliseconds, also }
}
