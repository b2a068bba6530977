//! Proof through D2: a name registered with a request of our own, seen in DNS with the right signature, and removed.

use super::Evidence;
use crate::config::{Config, D2_PROBE_LABEL, Firewall, ServerConfig};
use crate::error::{Doing, Error, Result};
use crate::model::{DomainName, KeyName, Network, ZoneName};
use crate::systems::dns::{self, Rtype};
use crate::systems::kea::{
    self,
    daemon::ncr::{Ncr, What},
};
use crate::world::World;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Registers a probe name through D2 and sees A and PTR appear on the first server of each zone, then removes it.
pub(super) async fn probe(
    config: &Config,
    firewall: &Firewall,
    world: &mut World,
    key: &KeyName,
    zone: &ZoneName,
) -> Result<Evidence> {
    let (name, host, d2) = (zone.child(D2_PROBE_LABEL)?, &firewall.name, &firewall.d2);
    let sent = |world: &World| -> Result<i64> {
        Ok(kea::daemon::socket::Statistics::read(world.host(host)?, &d2.socket)?.of_key(key, "sent"))
    };
    let version = kea::daemon::socket::version(world.host(host)?, &d2.socket)?;
    let before = sent(world)?;
    let add = request(config, world, &name, What::Add);
    kea::daemon::ncr::send(world.host_mut(host)?, d2.listen, &add, version)?;
    let arrived = seen(config, world, zone, &name, Rtype::A, true).await;
    // Removed even if the look-up failed.
    let remove = request(config, world, &name, What::Remove);
    kea::daemon::ncr::send(world.host_mut(host)?, d2.listen, &remove, version)?;
    // D2 removes the address first and its DHCID in a second update: the name is free when both are gone.
    let gone = match seen(config, world, zone, &name, Rtype::A, false).await {
        Ok(()) => seen(config, world, zone, &name, Rtype::Dhcid, false).await,
        Err(error) => Err(error),
    };
    arrived.doing(|| "waiting for the record that D2 was asked to write")?;
    gone.doing(|| "waiting for its removal")?;
    let after = sent(world)?;
    if after <= before {
        return Err(Error::new(format!("D2 wrote the probe name, but not with {key}"))
            .hint("another D2 may update the same zone; `pfddns tsig status` shows the keys"));
    }
    Ok(Evidence { arrived: 1, note: format!("{} updates with {key}", after - before), ..Evidence::default() })
}

/// Removes a probe name that a cut-off run left.
pub(super) async fn forget(
    config: &Config,
    firewall: &Firewall,
    world: &mut World,
    zone: &ZoneName,
) -> Result<Evidence> {
    let (name, host, d2) = (zone.child(D2_PROBE_LABEL)?, &firewall.name, &firewall.d2);
    let at = first_server(config, zone)?.dns;
    if dns::held(world, at, &name, Rtype::A).await?.is_empty() {
        return Ok(Evidence::default());
    }
    let version = kea::daemon::socket::version(world.host(host)?, &d2.socket)?;
    let remove = request(config, world, &name, What::Remove);
    kea::daemon::ncr::send(world.host_mut(host)?, d2.listen, &remove, version)?;
    seen(config, world, zone, &name, Rtype::A, false).await?;
    Ok(Evidence::note("removed a probe name that was left"))
}

/// The server D2 asks first for a zone.
fn first_server<'a>(config: &'a Config, zone: &ZoneName) -> Result<&'a ServerConfig> {
    let first = config.zone(zone)?.servers.first();
    config.server(first.ok_or_else(|| Error::new(format!("no server accepts updates for {zone}")))?)
}

/// A request for the probe name: the network address of the first IPv4 subnet, which is never leased.
fn request(config: &Config, world: &World, name: &DomainName, what: What) -> Ncr {
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

/// Waits until the name exists (or not) on the first of the zone's servers that D2 uses.
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
