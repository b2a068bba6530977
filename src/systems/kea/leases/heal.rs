//! Heal: compares active leases with DNS and requests missing names from D2, few at a time. It never removes anything, and
//! does nothing if the leases can't be trusted: an empty or damaged source says nothing about DNS.

use super::file::{Lease, Leases, hex_bytes};
use crate::error::{Error, Result};
use crate::model::words::count;
use crate::model::{DomainName, ZoneName};
use crate::systems::kea::Version;
use crate::systems::kea::daemon::listener;
use crate::systems::kea::daemon::ncr::{Mode, Ncr, What, dhcid, send};
use crate::systems::kea::daemon::socket::Statistics;
use crate::systems::kea::lint::is_reserved;
use crate::world::{Clock, Host};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Requests in progress at once. About 170 fill D2's receive buffer on Linux, and a full queue closes its port.
const BATCH: usize = 100;

/// The DNS records of the zones that could be read completely.
#[derive(Debug, Default)]
pub struct Records {
    /// Addresses by full name in lower case with its final dot.
    pub addresses: HashMap<String, HashSet<IpAddr>>,
    /// PTR targets by address, spelled the same way.
    pub names: HashMap<IpAddr, HashSet<String>>,
    /// Zones that were read. Names in other zones are unknown, so they do not count as missing.
    pub zones: Vec<ZoneName>,
}

/// A lease whose address or PTR record is missing in DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Full name.
    pub name: DomainName,
    /// Leased address.
    pub address: IpAddr,
    /// A or AAAA is missing.
    pub forward: bool,
    /// PTR is missing.
    pub reverse: bool,
    /// Identity of the client.
    dhcid: String,
    expires: i64,
    lease_seconds: u32,
}

/// How much may be healed without a question.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most names at once.
    pub names: usize,
    /// Largest share of the active leases in percent, from ten leases up. More means that something else is wrong, such
    /// as a zone that was just loaded empty.
    pub percent: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { names: 5000, percent: 50 }
    }
}

/// What is missing in DNS. Errors: a lease source that is empty or damaged, no zone read, more missing than the limits.
pub fn missing(
    leases: &Leases<'_>,
    now: i64,
    records: &Records,
    reserved: &[String],
    limits: Limits,
) -> Result<Vec<Missing>> {
    if let Some(line) = leases.bad_lines.first() {
        let fact = format!(
            "the lease file has {} that can't be read, the first is {line}",
            count(leases.bad_lines.len(), "line")
        );
        return Err(Error::new(fact).hint("nothing was sent; check that line, Kea's own cleanup may repair it"));
    }
    let active: Vec<&Lease<'_>> = leases.active(now).collect();
    if active.is_empty() {
        return Err(Error::new("the file has no active lease")
            .hint("nothing was sent; check that this is the right lease file"));
    }
    if records.zones.is_empty() {
        return Err(Error::new("no zone could be read, so it is unknown what is missing"));
    }
    let zones: HashSet<&str> = records.zones.iter().map(ZoneName::as_str).collect();
    let found: Vec<Missing> = active
        .iter()
        .filter_map(|lease| lacking(lease, records, &zones))
        .filter(|it| !is_reserved(it.name.as_str(), reserved))
        .collect();
    let share = found.len() * 100 / active.len();
    if found.len() > limits.names || (active.len() >= 10 && share > limits.percent) {
        let fact = format!("{} of {} names are missing in DNS", found.len(), active.len());
        return Err(Error::new(fact).hint(
            "that is more than a few lost updates: check the zones first; `--max-percent 100` heals them anyway",
        ));
    }
    Ok(found)
}

fn lacking(lease: &Lease<'_>, records: &Records, zones: &HashSet<&str>) -> Option<Missing> {
    if lease.name.is_empty() || !(lease.forward || lease.reverse) {
        return None;
    }
    let name = DomainName::new(&lease.name).ok()?;
    let known = |name: &str| {
        std::iter::successors(Some(name), |it| it.split_once('.').map(|cut| cut.1)).any(|it| zones.contains(it))
    };
    let has_address = || records.addresses.get(name.as_str()).is_some_and(|it| it.contains(&lease.address));
    let has_name = || records.names.get(&lease.address).is_some_and(|it| it.contains(name.as_str()));
    // The fast check first: nearly all names exist.
    let forward = lease.forward && !has_address() && known(name.as_str());
    let owner = || crate::model::network::reverse_name(lease.address);
    let reverse = lease.reverse && !has_name() && owner().is_ok_and(|it| known(it.as_str()));
    if !forward && !reverse {
        return None;
    }
    let dhcid = identity(lease, &name)?;
    let (address, expires, lease_seconds) = (lease.address, lease.expires, lease.valid_seconds);
    Some(Missing { name, address, forward, reverse, dhcid, expires, lease_seconds })
}

/// The DHCID Kea makes for a lease: of the client identifier, of the DUID inside it (RFC 4361), or of the hardware
/// address (RFC 4701 §3.3; type 1, Ethernet, is what the lease file can't tell).
fn identity(lease: &Lease<'_>, name: &DomainName) -> Option<String> {
    if lease.address.is_ipv6() {
        return Some(dhcid(2, &hex_bytes(lease.client)?, name));
    }
    match hex_bytes(lease.client) {
        Some(client) if client.first() == Some(&255) => {
            Some(dhcid(2, client.get(5..).filter(|it| !it.is_empty())?, name))
        }
        Some(client) => Some(dhcid(1, &client, name)),
        None => Some(dhcid(0, &[&[1], hex_bytes(lease.hardware)?.as_slice()].concat(), name)),
    }
}

/// The D2 that gets the requests.
pub struct Target<'a> {
    /// D2's control socket.
    pub socket: &'a Path,
    /// D2's UDP port.
    pub listen: SocketAddr,
    /// D2's version.
    pub version: Version,
    /// Conflict mode of the subnets.
    pub mode: Mode,
}

/// Sends a request for each, at most `BATCH` in progress. Returns how many D2 has received; calls `done` for each batch.
pub async fn send_all(
    clock: &Clock,
    host: &mut Host,
    target: &Target<'_>,
    missing: &[Missing],
    mut done: impl FnMut(usize),
) -> Result<usize> {
    listener::knock(clock, host, target.socket, target.listen).await?;
    let mut received = 0;
    for batch in missing.chunks(BATCH) {
        let before = Statistics::read(host, target.socket)?.get("ncr-received");
        for it in batch {
            send(host, target.listen, &request(it, target.mode), target.version)?;
        }
        let arrived = settle(clock, host, target.socket, before, batch.len()).await?;
        received += arrived;
        done(received);
    }
    Ok(received)
}

/// The TTL of a record, which D2 takes from the request: a third of the lease as kea-dhcp4 does from 2.3.6 on, at most a
/// day. Above EXPIRE of the zone's SOA Technitium stores the record but never answers it, and a lease may have no end.
fn ttl(lease: u32) -> u32 {
    (lease / 3).max(600).min(lease).min(86_400)
}

fn request(it: &Missing, mode: Mode) -> Ncr {
    Ncr {
        what: What::Add,
        forward: it.forward,
        reverse: it.reverse,
        name: it.name.clone(),
        address: it.address,
        dhcid: it.dhcid.clone(),
        expires: it.expires,
        lease_seconds: ttl(it.lease_seconds),
        mode,
    }
}

/// Waits until a batch has arrived and its updates are done: idle in two readings 20 ms apart.
async fn settle(clock: &Clock, host: &Host, socket: &Path, before: i64, count: usize) -> Result<usize> {
    let wanted = i64::try_from(count).unwrap_or(i64::MAX);
    let mut last = Statistics::default();
    // A silent server costs 3 tries per update and server: up to a minute for a batch, then it is an error.
    for _ in 0..3000 {
        let now = Statistics::read(host, socket)?;
        let arrived = now.get("ncr-received").saturating_sub(before);
        if now.at_rest() && now == last {
            return Ok(usize::try_from(arrived.clamp(0, wanted)).unwrap_or(0));
        }
        last = now;
        clock.sleep(Duration::from_millis(20)).await;
    }
    Err(Error::new("D2 did not finish a batch of updates within a minute")
        .hint("check that its DNS servers are up, and read its log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n";

    fn file(lines: &[&str]) -> String {
        HEADER.to_owned() + &lines.join("\n") + "\n"
    }

    fn records(zones: &[&str]) -> Records {
        let mut records =
            Records { zones: zones.iter().map(|it| ZoneName::new(it).unwrap()).collect(), ..Records::default() };
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        records.addresses.insert("a.lan.example.".into(), [address].into());
        records.names.insert(address, ["a.lan.example.".to_owned()].into());
        records
    }

    fn found(lines: &[&str], zones: &[&str]) -> Vec<(String, bool, bool)> {
        let text = file(lines);
        let leases = Leases::read(text.as_bytes(), "f").unwrap();
        let all = missing(&leases, 1000, &records(zones), &["nas".into()], Limits::default()).unwrap();
        all.iter().map(|it| (it.name.to_string(), it.forward, it.reverse)).collect()
    }

    const ZONES: [&str; 2] = ["lan.example", "2.0.192.in-addr.arpa"];
    const A: &str = "192.0.2.1,aa:bb:cc:00:00:01,,3600,2000,1,1,1,a.lan.example.,0,";
    const B: &str = "192.0.2.2,aa:bb:cc:00:00:02,,3600,2000,1,1,1,b.lan.example,0,";

    #[test]
    fn only_what_dhcp_asked_for_and_dns_lacks_is_missing() {
        assert_eq!(found(&[A], &ZONES), []);
        assert_eq!(found(&[A, B], &ZONES), [("b.lan.example.".to_owned(), true, true)]);
        assert_eq!(found(&[A, B], &ZONES[..1]), [("b.lan.example.".to_owned(), true, false)]);
        for not in [
            B.replace(",1,1,1,b", ",1,0,0,b"),
            B.replace("b.lan.example", ""),
            B.replace("2000", "999"),
            B.replace(",0,", ",2,"),
            B.replace("b.lan", "nas.lan"),
            B.replace("b.lan", "wpad.lan"),
            B.replace("lan.example", "other.example").replace("192.0.2.2", "198.51.100.2"),
        ] {
            assert_eq!(found(&[A, &not], &ZONES), [], "{not}");
        }
    }

    #[test]
    fn a_source_that_proves_nothing_heals_nothing() {
        let check = |text: String, zones: &[&str]| {
            let leases = Leases::read(text.as_bytes(), "f").unwrap();
            missing(&leases, 1000, &records(zones), &[], Limits::default()).unwrap_err().what().to_owned()
        };
        assert!(check(file(&[]), &ZONES).contains("no active lease"));
        assert!(check(file(&["nonsense", A]), &ZONES).contains("can't be read, the first is 2"));
        assert!(check(file(&[A]), &[]).contains("no zone could be read"));
        let many: Vec<String> = (10..30).map(|it| B.replace("192.0.2.2", &format!("192.0.2.{it}"))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(check(file(&many), &ZONES).contains("20 of 20 names are missing"));
    }

    #[test]
    fn no_record_outlives_its_zone() {
        assert_eq!([300, 900, 7200, 604_800, u32::MAX].map(ttl), [300, 600, 2400, 86_400, 86_400]);
    }

    #[test]
    fn the_identity_is_the_one_kea_makes() {
        let text = file(&[
            "192.0.2.2,01:02:03:04:05:06,,3600,2000,1,1,1,client.example.com,0,",
            "192.0.2.3,01:02:03:04:05:06,01:07:08:09:0a:0b:0c,3600,2000,1,1,1,chi.example.com,0,",
            "192.0.2.4,aa,ff:00:00:00:01:00:01:00:06:41:2d:f1:66:01:02:03:04:05:06,3600,2000,1,1,1,chi6.example.com,0,",
        ]);
        let leases = Leases::read(text.as_bytes(), "f").unwrap();
        let identity = |at: usize| identity(&leases.all[at], &DomainName::new(&leases.all[at].name).unwrap()).unwrap();
        // RFC 4701 §3.6: the same examples as in `ncr`.
        assert!(identity(0).starts_with("000001C4B9A5B24965"));
        assert!(identity(1).starts_with("0001013920FE5D1DCE"));
        assert!(identity(2).starts_with("000201636FC0B8271C"));
    }
}
