//! Plain queries and zone transfers from the zones held here. Everything else is refused: recursion is off.

use super::acl;
use super::message::{Request, push};
use super::rdata::{self, Soa};
use super::state::Server;
use super::update::Asker;
use super::zone_data::Record;
use super::zones::Zone;
use domain::base::message_builder::AdditionalBuilder;

const FORMERR: u8 = 1;
const NXDOMAIN: u8 = 3;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;
const IXFR: u16 = 251;
const AXFR: u16 = 252;
const ANY: u16 = 255;
/// Records per message of a transfer: well below 64 KiB.
const PER_MESSAGE: usize = 200;

/// An answer to a query before it is signed, and its RCODE.
type Answer = (u8, AdditionalBuilder<Vec<u8>>);

fn bare(request: &Request, rcode: u8) -> Answer {
    (rcode, request.closing(request.reply(rcode).additional()))
}

impl Server {
    /// Answers a query; a transfer takes several messages.
    pub fn query(&self, request: &Request, asker: &Asker<'_>) -> Vec<Answer> {
        if request.opcode != 0 {
            return vec![bare(request, NOTIMP)];
        }
        let [(name, rtype, class)] = request.questions.as_slice() else { return vec![bare(request, FORMERR)] };
        if *class != 1 || matches!(*rtype, rdata::FWD | rdata::APP) {
            return vec![bare(request, REFUSED)];
        }
        if *rtype == AXFR && asker.transport == "UDP" {
            return vec![bare(request, FORMERR)];
        }
        let zone = self.zone_for(name).filter(|zone| !zone.disabled && !zone.expired);
        match zone {
            None => vec![bare(request, REFUSED)],
            Some(zone) if matches!(*rtype, AXFR | IXFR) => {
                let listed = self.network_listed("zoneTransferAllowedNetworks", asker.source);
                transfer(zone, request, asker, *rtype == IXFR, listed)
            }
            Some(_) if *rtype == ANY && asker.transport == "UDP" => {
                let mut builder = request.reply(0);
                builder.header_mut().set_aa(true);
                builder.header_mut().set_tc(true); // to be asked over TCP
                vec![(0, request.closing(builder.additional()))]
            }
            Some(zone) => vec![lookup(zone, request, name, *rtype)],
        }
    }
}

/// The set of NS records that delegates a name away, if one does.
fn delegation<'a>(zone: &'a Zone, name: &str) -> &'a [Record] {
    let mut rest = name;
    let mut found: &[Record] = &[];
    while !rest.eq_ignore_ascii_case(&zone.name) {
        let set = zone.set(rest, rdata::NS);
        found = if set.is_empty() { found } else { set };
        let Some((_, up)) = rest.split_once('.') else { break };
        rest = up;
    }
    found
}

fn lookup(zone: &Zone, request: &Request, name: &str, rtype: u16) -> Answer {
    let servers = delegation(zone, name);
    if !servers.is_empty() {
        let mut builder = request.reply(0).authority();
        for record in servers {
            push(&mut builder, &record.name, record.rtype, record.ttl, &record.data);
        }
        return (0, request.closing(builder.additional()));
    }
    let key = name.to_ascii_lowercase();
    let node = zone.nodes.get(&key);
    let records: Vec<&Record> = match node {
        Some(node) if rtype == ANY => node.sets.values().flatten().collect(),
        Some(node) => match node.sets.get(&rtype) {
            Some(set) => set.iter().collect(),
            None => node.sets.get(&rdata::CNAME).into_iter().flatten().collect(),
        },
        None => Vec::new(),
    };
    // A node, also a ghost, and an empty non-terminal exist: no data rather than no name.
    let below = format!(".{key}");
    let exists = node.is_some() || zone.nodes.keys().any(|other| other.ends_with(&below));
    let rcode = if exists { 0 } else { NXDOMAIN };
    let mut builder = request.reply(rcode);
    builder.header_mut().set_aa(true);
    for record in &records {
        push(&mut builder, &record.name, record.rtype, record.ttl, &record.data);
    }
    let mut builder = builder.authority();
    if records.is_empty() {
        for record in zone.set(&zone.name, rdata::SOA) {
            push(&mut builder, &record.name, record.rtype, record.ttl, &record.data);
        }
    }
    (rcode, request.closing(builder.additional()))
}

fn may_transfer(zone: &Zone, asker: &Asker<'_>) -> bool {
    let source = asker.source.ip().to_canonical();
    let listed = || acl::allows(&zone.options.transfer_acl, source);
    let server = || zone.name_server_addresses().contains(&source);
    let address = match zone.options.transfer {
        1 => true,
        2 => server(),
        3 => listed(),
        4 => listed() || server(),
        _ => false,
    };
    let keys = &zone.options.transfer_keys;
    address && (keys.is_empty() || asker.key.is_some_and(|key| keys.iter().any(|name| name == key)))
}

/// RFC 5936: the SOA, everything, the SOA again. There is no history here, so IXFR gives the SOA alone to who is up to
/// date, and everything else to who is not.
fn transfer(zone: &Zone, request: &Request, asker: &Asker<'_>, incremental: bool, listed: bool) -> Vec<Answer> {
    let apex = request.questions.first().is_some_and(|(name, _, _)| name.eq_ignore_ascii_case(&zone.name));
    if !apex || !(listed || may_transfer(zone, asker)) {
        return vec![bare(request, REFUSED)];
    }
    let soa = zone.set(&zone.name, rdata::SOA);
    let have = match request.authority.as_slice() {
        [rr] if rr.rtype == rdata::SOA => Soa::from_wire(&rr.data).map(|soa| soa.serial),
        _ => None,
    };
    match have {
        None if incremental => return vec![bare(request, FORMERR)],
        // Over UDP only the SOA fits for sure: who needs more asks over TCP.
        Some(have) if incremental && (zone.serial().wrapping_sub(have) as i32 <= 0 || asker.transport == "UDP") => {
            return vec![records(request, soa.iter())];
        }
        _ => (),
    }
    let rest = zone.records().filter(|record| record.rtype != rdata::SOA);
    let all: Vec<&Record> = soa.iter().chain(rest).chain(soa).collect();
    all.chunks(PER_MESSAGE).map(|part| records(request, part.iter().copied())).collect()
}

fn records<'a>(request: &Request, records: impl Iterator<Item = &'a Record>) -> Answer {
    let mut builder = request.reply(0);
    builder.header_mut().set_aa(true);
    for record in records {
        push(&mut builder, &record.name, record.rtype, record.ttl, &record.data);
    }
    (0, request.closing(builder.additional()))
}
