//! Healing: which names of active leases DNS lacks, and requests to D2 for them. Nothing is ever removed.

use super::Evidence;
use crate::config::Config;
use crate::error::{Doing, Error, Result};
use crate::model::{DomainName, HostName, ZoneName, network::reverse_name};
use crate::systems::dns::{self, Rtype};
use crate::systems::kea::heal::{Limits, Missing, Records, Target, missing, send_all};
use crate::systems::kea::leases::Leases;
use crate::systems::kea::socket;
use crate::world::World;
use futures::future::join_all;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Questions to one server at a time.
const AT_ONCE: usize = 50;

/// The lease file the running DHCP server names.
pub fn lease_file(config: &Config, world: &World) -> Result<PathBuf> {
    let hint = "name the file: pfddns kea heal --leases FILE";
    let control = config.d2.dhcp4_socket.as_ref();
    let control =
        control.ok_or_else(|| Error::usage("d2.dhcp4-socket is not set, so no lease file is known").hint(hint))?;
    let answer = socket::command(world.host(&config.d2.host)?, control, "config-get", None)?;
    let name = answer.arguments.pointer("/Dhcp4/lease-database/name").and_then(serde_json::Value::as_str);
    name.map(PathBuf::from).ok_or_else(|| Error::new("the DHCP server does not say where its lease file is").hint(hint))
}

/// What DNS lacks of the leases in a file, as the first server of each zone tells.
pub async fn lost(config: &Config, world: &World, file: &Path, percent: usize) -> Result<Vec<Missing>> {
    let host = world.host(&config.d2.host)?;
    let name = file.display().to_string();
    let older: Vec<(String, Vec<u8>)> = ["completed", "2", "1"]
        .iter()
        .map(|end| format!("{name}.{end}"))
        .filter_map(|path| Some((path.clone(), host.read_if_there(Path::new(&path)).ok().flatten()?)))
        .collect();
    let newest = host.read(file)?;
    let mut leases = Leases::default();
    // During its cleanup Kea keeps the older half beside: `.completed` stands for `.2` and `.1` together.
    let finished = older.first().is_some_and(|it| it.0.ends_with(".completed"));
    for (path, bytes) in older.iter().filter(|it| !finished || it.0.ends_with(".completed")) {
        leases.add(bytes, path)?;
    }
    leases.add(&newest, &name)?;
    let now = world.clock.now().as_second();
    let records = ask(config, world, &leases, now).await?;
    missing(&leases, now, &records, &config.d2.reserved_names, Limits { percent, ..Limits::default() })
}

/// Asks for each leased name and address that one of our zones covers.
async fn ask(config: &Config, world: &World, leases: &Leases<'_>, now: i64) -> Result<Records> {
    let zones: Vec<ZoneName> = config.zones.iter().map(|zone| zone.name.clone()).collect();
    let mut records = Records { zones, ..Records::default() };
    let mut questions: Vec<(SocketAddr, DomainName, Rtype, IpAddr)> = Vec::new();
    for lease in leases.active(now) {
        let Ok(name) = DomainName::new(&lease.name) else { continue };
        let kind = if lease.address.is_ipv4() { Rtype::A } else { Rtype::Aaaa };
        if let Some(server) = server(config, &name).filter(|_| lease.forward) {
            questions.push((server, name, kind, lease.address));
        }
        let owner = reverse_name(lease.address)?;
        if let Some(server) = server(config, &owner).filter(|_| lease.reverse) {
            questions.push((server, owner, Rtype::Ptr, lease.address));
        }
    }
    for some in questions.chunks(AT_ONCE) {
        let answers =
            join_all(some.iter().map(|(server, name, kind, _)| dns::lookup(world, *server, name, *kind))).await;
        for ((_, name, kind, address), answer) in some.iter().zip(answers) {
            let answer = answer.doing(|| "asking for the names of active leases")?;
            // Anything but "here it is" and "no such name" says nothing about the name.
            if ![0, 3].contains(&answer.rcode) || !answer.aa {
                return Err(Error::new(format!("no authoritative answer for {name} (RCODE {})", answer.rcode))
                    .hint("nothing was sent; is the zone loaded on its first server?"));
            }
            for data in answer.records {
                match kind {
                    Rtype::Ptr => {
                        records.names.entry(*address).or_default().insert(data.to_ascii_lowercase());
                    }
                    _ => {
                        let found = data.parse::<IpAddr>().ok();
                        records.addresses.entry(name.to_string()).or_default().extend(found);
                    }
                }
            }
        }
    }
    Ok(records)
}

/// The first server of the longest zone that covers a name.
fn server(config: &Config, name: &DomainName) -> Option<SocketAddr> {
    let zone = config.zones.iter().filter(|it| it.name.covers(name)).max_by_key(|it| it.name.as_str().len())?;
    zone.servers.first().and_then(|it| config.server(it).ok()).map(|it| it.dns)
}

/// Sends the requests and asks again: what is there now has arrived, what is still missing is lost.
pub(super) async fn heal(
    config: &Config,
    world: &mut World,
    host: &HostName,
    file: &Path,
    percent: usize,
) -> Result<Evidence> {
    let before = lost(config, world, file, percent).await?;
    if before.is_empty() {
        return Ok(Evidence::note("DNS has them all"));
    }
    let clock = world.clock.clone();
    let target = Target {
        socket: &config.d2.socket,
        listen: config.d2.listen,
        version: socket::version(world.host(host)?, &config.d2.socket)?,
        mode: config.d2.conflict_mode,
    };
    let sent = send_all(&clock, world.host_mut(host)?, &target, &before, |_| {}).await?;
    let after = lost(config, world, file, 100).await?;
    let still = |it: &&Missing| after.iter().any(|other| other.name == it.name && other.address == it.address);
    let left: Vec<&Missing> = before.iter().filter(still).collect();
    let arrived = before.len().saturating_sub(left.len());
    let mut note = format!("{sent} requests reached D2");
    if let Some(first) = left.first() {
        note = format!("{note}; {} names are still missing, the first is {}", left.len(), first.name);
    }
    // A name that a server refuses (another client's, a static one) stays missing: told, and no failure of healing.
    Ok(Evidence { arrived: u64::try_from(arrived).unwrap_or(u64::MAX), note, ..Evidence::default() })
}
