//! The changes on the firewall's D2: its file, its reload, and proof through it.

use super::{Evidence, keys};
use crate::config::{Config, D2_PROBE_LABEL, ServerConfig, ZoneConfig};
use crate::error::{Doing, Error, Result};
use crate::model::{DomainName, HostName, KeyName, KeyRef, Network, ZoneName};
use crate::secret::Secret;
use crate::systems::dns::{self, Rtype};
use crate::systems::kea::{
    self,
    d2::Installed,
    daemon::ncr::{Ncr, What},
};
use crate::world::{Digest, World};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the file of this site says for a key (`None`: unsigned updates).
pub fn d2_spec(config: &Config, key: Option<&KeyRef>) -> kea::d2::D2Spec {
    let domain = |zone: &ZoneConfig| kea::d2::D2Domain {
        zone: zone.name.clone(),
        reverse: zone.name.is_reverse(),
        servers: zone.servers.iter().filter_map(|name| config.server(name).ok().map(|it| it.dns)).collect(),
        key: None,
    };
    kea::d2::D2Spec {
        listen: config.d2.listen,
        timeout_ms: u32::try_from(config.d2.timeout.as_millis()).unwrap_or(u32::MAX),
        domains: config.zones.iter().map(domain).collect(),
        ..kea::d2::D2Spec::new(config.d2.socket.display().to_string(), key.map(|it| it.name.clone()))
    }
}

/// The document for a key and its secret, or without signatures.
pub fn d2_text(config: &Config, key: Option<(&KeyRef, &Secret)>) -> Result<zeroize::Zeroizing<String>> {
    let keys: Vec<_> = key.into_iter().collect();
    kea::d2::render(&d2_spec(config, key.map(|(key, _)| key)), &keys)
}

/// Where D2's file goes, what of before is kept, and whether DHCP is held meanwhile.
pub(super) struct D2Place<'a> {
    pub host: &'a HostName,
    pub backup: &'a Path,
    pub no_pause: bool,
}

fn paths(config: &Config, place: &D2Place<'_>) -> kea::daemon::apply::Paths {
    let dhcp = config.d2.dhcp4_socket.iter().chain(&config.d2.dhcp6_socket).filter(|_| !place.no_pause);
    kea::daemon::apply::Paths {
        config: config.d2.config.clone(),
        program: config.d2.program.clone(),
        socket: config.d2.socket.clone(),
        pause: dhcp.cloned().collect(),
        backup: place.backup.to_owned(),
    }
}

/// Puts a document in place and has D2 take it over. A repeat after a crash finds the file there already, or its backup
/// made and the file not yet replaced; both end the same way.
async fn install(
    config: &Config,
    world: &mut World,
    place: &D2Place<'_>,
    new: &[u8],
    replaces: Option<Digest>,
) -> Result<Evidence> {
    let (paths, host, backup) = (paths(config, place), place.host, place.backup);
    let clock = world.clock.clone();
    let found = world.host(host)?.read_if_there(&config.d2.config)?;
    world.host_mut(host)?.make_folder(&keys::backups(config), 0o700)?;
    if found.as_deref() == Some(new) {
        let wanted = Installed::read(new, &config.d2.config.display().to_string())?;
        let held = kea::daemon::apply::reload(&clock, world.host_mut(host)?, &paths, wanted.listen).await?;
        kea::daemon::apply::verify(world.host(host)?, &config.d2.socket, &wanted)?;
        return Ok(held_for(config, held, place));
    }
    if world.host(host)?.read_if_there(backup)?.map(|old| Digest::of(&old)) == replaces {
        world.host_mut(host)?.remove(backup)?;
    }
    let outcome = kea::daemon::apply::install(world, host, &paths, new, replaces).await?;
    Ok(if outcome.reloaded {
        held_for(config, outcome.held, place)
    } else {
        Evidence::note("no D2 is running: the file waits for it")
    })
}

fn held_for(config: &Config, held: Option<Duration>, place: &D2Place<'_>) -> Evidence {
    Evidence::note(match held {
        Some(time) => format!("DHCP was held for {} ms", time.as_millis()),
        None if place.no_pause => "reloaded without holding DHCP".into(),
        None if config.d2.dhcp4_socket.is_none() && config.d2.dhcp6_socket.is_none() => {
            "reloaded without holding DHCP (d2.dhcp4-socket is not set)".into()
        }
        None => "reloaded without holding DHCP: no DHCP server answers".into(),
    })
}

pub(super) async fn install_d2(
    config: &Config,
    world: &mut World,
    place: &D2Place<'_>,
    key: Option<&KeyRef>,
    replaces: Option<&Digest>,
) -> Result<Evidence> {
    let secret = match key {
        Some(key) => Some(keys::secret(config, world, key).await?),
        None => None,
    };
    let text = d2_text(config, key.zip(secret.as_ref()))?;
    install(config, world, place, text.as_bytes(), replaces.cloned()).await
}

pub(super) async fn replace_d2(
    config: &Config,
    world: &mut World,
    place: &D2Place<'_>,
    with: &Path,
    replaces: Option<&Digest>,
) -> Result<Evidence> {
    let new = zeroize::Zeroizing::new(world.host(place.host)?.read(with)?);
    install(config, world, place, &new, replaces.cloned()).await
}

pub(super) async fn restore_d2(
    config: &Config,
    world: &mut World,
    place: &D2Place<'_>,
    existed: bool,
) -> Result<Evidence> {
    let (host, backup) = (place.host, place.backup);
    if !existed {
        world.host_mut(host)?.remove(&config.d2.config)?;
        return Ok(Evidence::note(
            "there was no such file before; a running D2 keeps what it has until it is restarted",
        ));
    }
    // No backup yet: the step was cut off before it had replaced anything.
    let Some(old) = world.host(host)?.read_if_there(backup)? else {
        return Ok(Evidence::note("it was not replaced yet"));
    };
    let old = zeroize::Zeroizing::new(old);
    let found = world.host(host)?.read_if_there(&config.d2.config)?.map(|it| Digest::of(&it));
    let aside = aside(world, host, backup)?;
    // The way back must not hang on a DHCP server that does not answer.
    let no_pause = place.no_pause || !kea::daemon::apply::can_pause(world.host(host)?, &paths(config, place));
    install(config, world, &D2Place { backup: &aside, host, no_pause }, &old, found).await
}

/// A name for the backup of what is put away on the way back: the run may be taken back, redone and taken back again.
fn aside(world: &World, host: &HostName, backup: &Path) -> Result<PathBuf> {
    for number in 1..1000 {
        let path = PathBuf::from(format!("{}.undone{number}", backup.display()));
        if world.host(host)?.mode(&path)?.is_none() {
            return Ok(path);
        }
    }
    Err(Error::new(format!("{}: there are a thousand backups of this run", backup.display())))
}

/// Registers a probe name through D2 and sees A and PTR appear on the first server of each zone, then removes it.
pub(super) async fn probe_d2(
    config: &Config,
    world: &mut World,
    host: &HostName,
    key: &KeyName,
    zone: &ZoneName,
) -> Result<Evidence> {
    let name = zone.child(D2_PROBE_LABEL)?;
    let sent = |world: &World| -> Result<i64> {
        Ok(kea::daemon::socket::Statistics::read(world.host(host)?, &config.d2.socket)?.of_key(key, "sent"))
    };
    let version = kea::daemon::socket::version(world.host(host)?, &config.d2.socket)?;
    let before = sent(world)?;
    let add = probe(config, world, &name, What::Add);
    kea::daemon::ncr::send(world.host_mut(host)?, config.d2.listen, &add, version)?;
    let arrived = seen(config, world, zone, &name, Rtype::A, true).await;
    // Taken away whatever the look-up said.
    let remove = probe(config, world, &name, What::Remove);
    kea::daemon::ncr::send(world.host_mut(host)?, config.d2.listen, &remove, version)?;
    // D2 takes away the address first and its mark in a second update: the name is free when both are gone.
    let gone = match seen(config, world, zone, &name, Rtype::A, false).await {
        Ok(()) => seen(config, world, zone, &name, Rtype::Dhcid, false).await,
        Err(error) => Err(error),
    };
    arrived.doing(|| "waiting for the record that D2 was asked to write")?;
    gone.doing(|| "waiting for its removal")?;
    let after = sent(world)?;
    if after <= before {
        return Err(Error::new(format!("D2 wrote the probe name, but not with {key}"))
            .hint("another D2 may be feeding the same zone; `pfddns tsig status` shows the keys"));
    }
    Ok(Evidence { arrived: 1, note: format!("{} updates with {key}", after - before), ..Evidence::default() })
}

/// Takes a probe name away that a cut-off run left behind.
pub(super) async fn forget_d2_probe(
    config: &Config,
    world: &mut World,
    host: &HostName,
    zone: &ZoneName,
) -> Result<Evidence> {
    let name = zone.child(D2_PROBE_LABEL)?;
    let at = first_server(config, zone)?.dns;
    if dns::held(world, at, &name, Rtype::A).await?.is_empty() {
        return Ok(Evidence::default());
    }
    let version = kea::daemon::socket::version(world.host(host)?, &config.d2.socket)?;
    let remove = probe(config, world, &name, What::Remove);
    kea::daemon::ncr::send(world.host_mut(host)?, config.d2.listen, &remove, version)?;
    seen(config, world, zone, &name, Rtype::A, false).await?;
    Ok(Evidence::note("removed a probe name that was left"))
}

/// The server D2 asks first for a zone.
fn first_server<'a>(config: &'a Config, zone: &ZoneName) -> Result<&'a ServerConfig> {
    let first = config.zone(zone)?.servers.first();
    config.server(first.ok_or_else(|| Error::new(format!("no server takes updates for {zone}")))?)
}

/// A request for the probe name: the network address of the first IPv4 subnet, which is never leased.
fn probe(config: &Config, world: &World, name: &DomainName, what: What) -> Ncr {
    let subnet = config.subnets.iter().map(Network::first).find(IpAddr::is_ipv4);
    let now = world.clock.now().as_second();
    Ncr {
        what,
        forward: true,
        reverse: subnet.is_some(),
        name: name.clone(),
        address: subnet.unwrap_or_else(|| Ipv4Addr::new(192, 0, 2, 1).into()),
        dhcid: kea::daemon::ncr::dhcid(1, b"pfddns-probe", name),
        expires: now + 600,
        lease_seconds: 600,
        mode: kea::daemon::ncr::Mode::parse(config.d2.conflict_mode.name()).unwrap_or_default(),
    }
}

/// Waits until the name is there (or not) on the first of the zone's servers that D2 uses.
async fn seen(
    config: &Config,
    world: &World,
    zone: &ZoneName,
    name: &DomainName,
    kind: Rtype,
    wanted: bool,
) -> Result<()> {
    let first = first_server(config, zone)?;
    let (at, first) = (first.dns, &first.name);
    let deadline = config.in_flight_bound() + Duration::from_secs(2);
    let what = if wanted { format!("{name} on {first}") } else { format!("{name} gone from {first}") };
    world
        .until(deadline, Duration::from_millis(50), &what, async |world| {
            Ok(dns::held(world, at, name, kind).await?.is_empty() != wanted)
        })
        .await
}

/// D2 finishes what it began with the key it began with. After the bound nothing can be under way; its counters must
/// agree that nothing is.
pub(super) async fn drain(
    config: &Config,
    world: &mut World,
    hosts: &[&HostName],
    key: &KeyName,
    milliseconds: u64,
) -> Result<Evidence> {
    let mut running = Vec::new();
    for host in hosts {
        let config = config.on(host)?;
        // On the way back it may be D2's end that turned us round.
        if kea::daemon::apply::running(world.host(host)?, &config.d2.socket)? {
            running.push(config);
        }
    }
    if running.is_empty() {
        return Ok(Evidence::note("no D2 is running"));
    }
    let sent = |world: &World, on: &Config| -> Result<i64> {
        Ok(kea::daemon::socket::Statistics::read(world.host(&on.d2.host)?, &on.d2.socket)?.of_key(key, "sent"))
    };
    world.clock.sleep(Duration::from_millis(milliseconds)).await;
    let before: Vec<i64> = running.iter().map(|on| sent(world, on)).collect::<Result<_>>()?;
    world.clock.sleep(Duration::from_millis(200)).await;
    for (on, before) in running.iter().zip(before) {
        if sent(world, on)? != before {
            return Err(Error::new(format!("D2{} still sends updates with {key}", on.on_whom()))
                .hint("is there a per-server key-name in its file? `pfddns tsig status` shows what it uses"));
        }
    }
    Ok(Evidence::note(format!("waited {milliseconds} ms; {key} at rest")))
}
