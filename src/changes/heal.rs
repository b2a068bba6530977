//! Healing: finds names of active leases that are missing in DNS, and requests them from D2. It never removes anything.

use super::{Evidence, Nature};
use crate::config::{Config, Firewall};
use crate::error::{Doing, Error, Result};
use crate::model::words::count;
use crate::model::{DomainName, HostName, ZoneName, network::reverse_name};
use crate::systems::dns::{self, Rtype};
use crate::systems::kea::leases::Leases;
use crate::systems::kea::leases::heal::{Limits, Missing, Records, Target, missing, send_all};
use crate::systems::kea::{daemon::socket, leases::pages};
use crate::world::{Host, World};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Questions to one server at a time.
const AT_ONCE: usize = 50;

/// A change of the names in DNS.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "HealChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Asks D2 to register the names of active leases that are missing in DNS; stops above this percentage.
    Heal {
        host: HostName,
        /// Their file; without one, the leases of the running DHCP servers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leases: Option<PathBuf>,
        percent: usize,
    },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        let Self::Heal { host, leases, percent } = self;
        heal(config, config.firewall(host)?, world, leases.as_deref(), *percent).await
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        let Self::Heal { host, .. } = self;
        Nature { hosts: vec![host], ..Nature::default() }
    }
}

/// Lease files, oldest first, each with its name.
type Files = Vec<(String, Vec<u8>)>;

/// The leases of the named file, or of the running DHCP servers: from their files, else by asking the servers.
fn sources(firewall: &Firewall, world: &World, file: Option<&Path>) -> Result<Files> {
    let host = world.host(&firewall.name)?;
    if let Some(file) = file {
        return files(host, file);
    }
    let servers = [(4, &firewall.d2.dhcp4_socket), (6, &firewall.d2.dhcp6_socket)];
    let mut found = Vec::new();
    for (family, control) in servers.into_iter().filter_map(|it| Some((it.0, it.1.as_ref()?))) {
        let running = socket::command(host, control, "config-get", None)?.arguments;
        match lease_file(&running, family) {
            Some(file) => found.extend(files(host, &file)?),
            None => found.push((format!("lease{family}-get-page"), pages(host, control, family)?)),
        }
    }
    if found.is_empty() {
        return Err(Error::usage("d2.dhcp4-socket is not set, so no lease file is known")
            .hint("name the file: pfddns kea heal --leases FILE"));
    }
    Ok(found)
}

fn pages(host: &Host, control: &Path, family: u8) -> Result<Vec<u8>> {
    let ask = |command: &str, arguments| socket::ask(host, control, command, Some(arguments));
    pages::read(family, pages::PAGE, ask).doing(|| format!("reading leases through {}", control.display()))
}

/// The file in which a DHCP server keeps its leases; `None` if it keeps them elsewhere.
fn lease_file(running: &serde_json::Value, family: u8) -> Option<PathBuf> {
    let database = running.pointer(&format!("/Dhcp{family}/lease-database"))?;
    let kept = database.get("persist").and_then(serde_json::Value::as_bool) != Some(false);
    let memfile = database.get("type").and_then(serde_json::Value::as_str).unwrap_or("memfile") == "memfile";
    database.get("name")?.as_str().filter(|name| kept && memfile && !name.is_empty()).map(PathBuf::from)
}

/// A lease file and, during Kea's cleanup, the file with older leases: `.completed` replaces `.2` and `.1` together.
fn files(host: &Host, file: &Path) -> Result<Files> {
    let name = file.display().to_string();
    let mut found = Vec::new();
    for end in ["completed", "2", "1"] {
        let path = format!("{name}.{end}");
        if let Some(bytes) = host.read_if_there(Path::new(&path))? {
            found.push((path, bytes));
            if end == "completed" {
                break;
            }
        }
    }
    // The older file is no longer written: if its last line has no end, leases are missing.
    if let Some((path, _)) = found.iter().find(|it| !it.1.is_empty() && !it.1.ends_with(b"\n")) {
        return Err(Error::new(format!("{path}: its last line has no end, so leases may be missing"))
            .hint("nothing was sent; try again when Kea's cleanup of leases is done"));
    }
    found.push((name, host.read(file)?));
    Ok(found)
}

/// The leases' names that are missing on the first server of each zone.
pub async fn lost(
    config: &Config,
    firewall: &Firewall,
    world: &World,
    file: Option<&Path>,
    percent: usize,
) -> Result<Vec<Missing>> {
    let files = sources(firewall, world, file)?;
    let mut leases = Leases::default();
    for (name, bytes) in &files {
        leases.add(bytes, name)?;
    }
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
            // Any answer except "here it is" and "no such name" says nothing about the name.
            if ![0, 3].contains(&answer.rcode) || !answer.aa {
                return Err(Error::new(format!("no authoritative answer for {name} (RCODE {})", answer.rcode))
                    .hint("nothing was sent; check that the zone is loaded on its first server"));
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

/// Sends the requests and asks again: names that exist now have arrived, names that are still missing are lost.
async fn heal(
    config: &Config,
    firewall: &Firewall,
    world: &mut World,
    file: Option<&Path>,
    percent: usize,
) -> Result<Evidence> {
    let before = lost(config, firewall, world, file, percent).await?;
    if before.is_empty() {
        return Ok(Evidence::note("no name is missing in DNS"));
    }
    let (clock, host) = (world.clock.clone(), &firewall.name);
    let target = Target {
        socket: &firewall.d2.socket,
        listen: firewall.d2.listen,
        version: socket::version(world.host(host)?, &firewall.d2.socket)?,
        mode: config.d2.conflict_mode,
    };
    let sent = send_all(&clock, world.host_mut(host)?, &target, &before, |_| {}).await?;
    let after = lost(config, firewall, world, file, 100).await?;
    let still = |it: &&Missing| after.iter().any(|other| other.name == it.name && other.address == it.address);
    let left: Vec<&Missing> = before.iter().filter(still).collect();
    let arrived = before.len().saturating_sub(left.len());
    let mut note = format!("{} reached D2", count(sent, "request"));
    if let Some(first) = left.first() {
        note = format!("{note}; still missing: {}, the first is {}", count(left.len(), "name"), first.name);
    }
    // A name that a server refuses (another client's, a static one) stays missing: it is reported, and healing did not fail.
    Ok(Evidence { arrived: u64::try_from(arrived).unwrap_or(u64::MAX), note, ..Evidence::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_file_that_is_kept_is_read() {
        let of = |database: serde_json::Value| lease_file(&json!({"Dhcp4": {"lease-database": database}}), 4);
        assert_eq!(of(json!({"type": "memfile", "name": "/l"})), Some("/l".into()));
        assert_eq!(of(json!({"type": "memfile", "persist": false, "name": "/l"})), None);
        assert_eq!(of(json!({"type": "mysql", "name": "kea"})), None);
        assert_eq!(of(json!({"type": "memfile"})), None);
    }

    #[test]
    fn an_older_half_that_is_torn_or_unreadable_stops_it() {
        let host = Host::Local(crate::world::local::Local);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("leases.csv");
        let write = |end: &str, text: &str| std::fs::write(format!("{}{end}", file.display()), text).unwrap();
        let names = || {
            let found = files(&host, &file).map_err(|error| error.to_string())?;
            Ok(found.into_iter().map(|it| it.0.rsplit('/').next().unwrap_or_default().to_owned()).collect())
        };
        let all = |expected: &[&str]| Ok::<Vec<String>, String>(expected.iter().map(ToString::to_string).collect());
        write("", "torn");
        assert_eq!(names(), all(&["leases.csv"]));
        write(".1", "a\n");
        write(".2", "b\n");
        assert_eq!(names(), all(&["leases.csv.2", "leases.csv.1", "leases.csv"]));
        write(".completed", "c\n");
        assert_eq!(names(), all(&["leases.csv.completed", "leases.csv"]));
        write(".completed", "c");
        assert!(names().unwrap_err().contains("its last line has no end"));
        std::fs::remove_file(format!("{}.completed", file.display())).unwrap();
        std::fs::remove_file(format!("{}.1", file.display())).unwrap();
        std::fs::create_dir(format!("{}.1", file.display())).unwrap();
        assert!(names().is_err());
    }
}
