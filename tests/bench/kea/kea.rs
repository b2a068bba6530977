//! Rendering and lease reading for the bench, as a process of its own: `kea render DOMAINS`, `kea leases FILE`.
//! Prints microseconds, the best of seven, and a count to compare with the peer's.

use pfddns::error::{Error, Result};
use pfddns::model::{Algorithm, DomainName, KeyName, KeyRef, ZoneName};
use pfddns::secret::{Secret, SecretRef};
use pfddns::systems::kea::d2::{D2Domain, D2Spec, render};
use pfddns::systems::kea::leases::Leases;
use pfddns::systems::kea::leases::heal::{Limits, Records, missing};
use pfddns::systems::kea::text::Document;
use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = match words.as_slice() {
        ["render", count] => measure_render(count.parse().map_err(|_| Error::usage("a number of domains"))?)?,
        ["leases", file] => measure_leases(file)?,
        _ => return Err(Error::usage("kea render DOMAINS | kea leases FILE")),
    };
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}

fn best(mut work: impl FnMut() -> Result<usize>) -> Result<(u128, usize)> {
    let mut best = (u128::MAX, 0);
    for _ in 0..7 {
        let start = Instant::now();
        let count = work()?;
        best = best.min((start.elapsed().as_micros(), count));
    }
    Ok(best)
}

fn measure_render(count: usize) -> Result<String> {
    let name = KeyName::new("ddns-2026a")?;
    let secret = SecretRef { path: "dns/ddns".into(), version: 1, field: name.to_string() };
    let key = KeyRef { name: name.clone(), algorithm: Algorithm::HmacSha256, secret };
    let value = Secret::new("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=");
    let servers: Vec<SocketAddr> = (53..56).map(|host| ([192, 0, 2, host], 53).into()).collect();
    let mut spec = D2Spec::new("/run/kea/kea-ddns-ctrl-socket", Some(name));
    for number in 0..count {
        let reverse = number % 2 == 1;
        let text = match reverse {
            true => format!("{}.{}.10.in-addr.arpa", number % 256, number / 256),
            false => format!("z{number}.lan.example"),
        };
        spec.domains.push(D2Domain { zone: ZoneName::new(&text)?, reverse, servers: servers.clone(), key: None });
    }
    let (render_time, bytes) = best(|| Ok(render(&spec, &[(&key, &value)])?.len()))?;
    let text = render(&spec, &[(&key, &value)])?;
    let (read_time, _) = best(|| Ok(Document::parse(text.as_bytes(), "f")?.root().members().len()))?;
    Ok(format!("render {render_time} read {read_time} bytes {bytes}"))
}

/// Reads the file and compares every active lease with what DNS has, of which one in a hundred is missing.
fn measure_leases(file: &str) -> Result<String> {
    let bytes = std::fs::read(file).map_err(|error| Error::new(format!("{file}: {error}")))?;
    let zones = ["lan.example", "10.in-addr.arpa"].map(ZoneName::new).into_iter().collect::<Result<Vec<_>>>()?;
    let mut records = Records { zones, ..Records::default() };
    {
        let leases = Leases::read(&bytes, file)?;
        let mut addresses: HashMap<String, _> = HashMap::new();
        for (index, lease) in leases.active(0).enumerate().filter(|it| it.0 % 100 != 0) {
            let name = DomainName::new(&lease.name)?.to_string();
            addresses.insert(name.clone(), [lease.address].into());
            records.names.insert(lease.address, [name].into());
            let _ = index;
        }
        records.addresses = addresses;
    }
    let (read_time, count) = best(|| Ok(Leases::read(&bytes, file)?.all.len()))?;
    let limits = Limits { names: usize::MAX, percent: 100 };
    let (time, lost) = best(|| Ok(missing(&Leases::read(&bytes, file)?, 0, &records, &[], limits)?.len()))?;
    Ok(format!("leases {read_time} diff {time} count {count} missing {lost}"))
}
