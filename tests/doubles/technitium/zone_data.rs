//! The records of one zone and the four ways to change them, each stepping the SOA serial by itself as the product does.

use super::names;
use super::rdata::{self, Soa};
use super::state::{Version, timestamp};
use super::zones::{Kind, Zone};
use std::collections::BTreeMap;

/// Types that DNSSEC makes and nobody may add or delete.
pub const DNSSEC: [u16; 5] = [46, 47, 48, 50, 51];
const COEXISTS: &str = "InvalidOperationException: Cannot add record: a CNAME record cannot exists with other record \
                        types for the same name.";

/// An exception inside the product: logged, and for an UPDATE no answer at all.
pub type Exception = String;

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Owner as it was written.
    pub name: String,
    /// Type.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// Uncompressed. Empty for a known type: 13.6's record without data.
    pub data: Vec<u8>,
    /// RDLENGTH as it came on the wire; 0 for records made by API or import, until a restart.
    pub wire_len: u16,
    /// Shown in `records/get`.
    pub comments: String,
    /// `lastModified`.
    pub modified: String,
    /// `expiryTtl`.
    pub expiry_ttl: u32,
}

impl Record {
    /// A record that did not come over the wire.
    pub fn made(name: &str, rtype: u16, ttl: u32, data: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            rtype,
            ttl,
            data,
            wire_len: 0,
            comments: String::new(),
            modified: timestamp(),
            expiry_ttl: 0,
        }
    }

    fn same_data(&self, other: &Self) -> bool {
        rdata::same(self.rtype, &self.data, &other.data)
    }
}

/// One name. A node without sets is a ghost: NODATA instead of NXDOMAIN, and "in use".
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// RRsets by type.
    pub sets: BTreeMap<u16, Vec<Record>>,
}

impl Zone {
    /// The records of one name and type.
    pub fn set(&self, name: &str, rtype: u16) -> &[Record] {
        self.nodes.get(&name.to_ascii_lowercase()).and_then(|node| node.sets.get(&rtype)).map_or(&[], Vec::as_slice)
    }

    /// Does a node exist? An empty non-terminal has none, a ghost has.
    pub fn name_exists(&self, name: &str) -> bool {
        self.nodes.contains_key(&name.to_ascii_lowercase())
    }

    /// All records, by name, then type.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.nodes.values().flat_map(|node| node.sets.values()).flatten()
    }

    /// Puts a record there without any check or serial.
    pub fn put(&mut self, record: Record) {
        let node = self.nodes.entry(record.name.to_ascii_lowercase()).or_default();
        node.sets.entry(record.rtype).or_default().push(record);
    }

    fn soa_record(&self) -> Option<&Record> {
        self.set(&self.name, rdata::SOA).first()
    }

    /// The SOA's fields.
    pub fn soa(&self) -> Soa {
        self.soa_record().and_then(|record| Soa::from_wire(&record.data)).unwrap_or_default()
    }

    /// The SOA serial.
    pub fn serial(&self) -> u32 {
        self.soa().serial
    }

    /// Steps the serial: plus one, or by date.
    pub fn bump(&mut self) {
        let mut soa = self.soa();
        soa.serial = soa.serial.wrapping_add(1);
        if self.date_serial {
            let day: u32 = jiff::Timestamp::now().strftime("%Y%m%d").to_string().parse().unwrap_or(0);
            soa.serial = soa.serial.max(day.wrapping_mul(100).wrapping_add(1));
        }
        self.put_soa(&soa);
    }

    /// Replaces the SOA's fields.
    pub fn put_soa(&mut self, soa: &Soa) {
        let name = self.name.clone();
        let record =
            self.nodes.get_mut(&name).and_then(|node| node.sets.get_mut(&rdata::SOA)).and_then(|set| set.first_mut());
        if let Some(record) = record {
            record.data = soa.to_wire();
            record.wire_len = 0;
        }
        self.modified = timestamp();
    }

    fn refuses(&self, record: &Record) -> Option<Exception> {
        let apex = record.name.eq_ignore_ascii_case(&self.name);
        if DNSSEC.contains(&record.rtype) || (record.rtype == rdata::DS && self.kind == Kind::Forwarder) {
            return Some("InvalidOperationException: Cannot add DNSSEC record.".into());
        }
        if record.rtype == rdata::DS && apex {
            return Some("InvalidOperationException: Cannot set DS record at zone apex.".into());
        }
        if record.rtype == rdata::FWD && self.kind != Kind::Forwarder {
            return Some("DnsServerException: The record type is not supported by primary zones.".into());
        }
        if record.rtype == rdata::APP {
            return Some("InvalidOperationException: Cannot add record: use SetRecords() for APP record".into());
        }
        if record.ttl > self.soa().expire {
            return Some("DnsServerException: Cannot add record: TTL cannot be greater than SOA EXPIRE.".into());
        }
        None
    }

    /// Adds one record. True if anything changed. The node is made first, so an exception leaves a ghost behind.
    pub fn add(&mut self, version: Version, record: Record) -> Result<bool, Exception> {
        let key = record.name.to_ascii_lowercase();
        self.nodes.entry(key.clone()).or_default();
        if let Some(exception) = self.refuses(&record) {
            return Err(exception);
        }
        let Some(node) = self.nodes.get_mut(&key) else { return Ok(false) };
        if node.sets.contains_key(&rdata::CNAME) {
            return Err(COEXISTS.into());
        }
        let set = node.sets.entry(record.rtype).or_default();
        match set.iter().position(|old| old.same_data(&record)) {
            // Another TTL for the same data: taken since 15, ignored before.
            Some(at) if version < Version::V15_2 || set.get(at).is_some_and(|old| old.ttl == record.ttl) => {
                return Ok(false);
            }
            Some(_) => (),
            None => set.push(record.clone()),
        }
        set.iter_mut().for_each(|old| old.ttl = record.ttl);
        self.bump();
        Ok(true)
    }

    /// Replaces a whole set (CNAME, DNAME, SOA, and what is put back after an exception).
    pub fn replace(&mut self, name: &str, rtype: u16, records: Vec<Record>) -> Result<(), Exception> {
        if rtype == rdata::SOA {
            return self.replace_soa(records);
        }
        let key = name.to_ascii_lowercase();
        self.nodes.entry(key.clone()).or_default();
        if DNSSEC.contains(&rtype) {
            return Err("InvalidOperationException: Cannot set DNSSEC records.".into());
        }
        if rtype == rdata::CNAME && key == self.name {
            return Err("InvalidOperationException: Cannot set CNAME record at zone apex.".into());
        }
        let expire = self.soa().expire;
        if records.iter().any(|record| record.ttl > expire) {
            return Err("DnsServerException: Cannot set records: TTL cannot be greater than SOA EXPIRE.".into());
        }
        let Some(node) = self.nodes.get_mut(&key) else { return Ok(()) };
        let alias = node.sets.contains_key(&rdata::CNAME);
        if alias != (rtype == rdata::CNAME) && (alias || !node.sets.is_empty()) {
            return Err(COEXISTS.into());
        }
        node.sets.insert(rtype, records);
        self.bump();
        Ok(())
    }

    fn replace_soa(&mut self, records: Vec<Record>) -> Result<(), Exception> {
        let Some(record) = records.into_iter().next() else { return Ok(()) };
        let Some(mut soa) = Soa::from_wire(&record.data) else { return Err("NullReferenceException".into()) };
        if record.ttl > soa.expire {
            return Err("DnsServerException: Cannot set record: TTL cannot be greater than SOA EXPIRE.".into());
        }
        if soa.retry > soa.refresh {
            return Err("DnsServerException: Cannot set record: SOA RETRY cannot be greater than SOA REFRESH.".into());
        }
        if soa.refresh > soa.expire {
            return Err("DnsServerException: Cannot set record: SOA REFRESH cannot be greater than SOA EXPIRE.".into());
        }
        let old = self.serial();
        // A serial that is not ahead is not taken: the old one goes one step on.
        let ahead = soa.serial.wrapping_sub(old);
        if ahead == 0 || ahead >= 1 << 31 {
            soa.serial = old.wrapping_add(1);
        }
        let name = self.name.clone();
        let node = self.nodes.entry(name).or_default();
        node.sets.insert(rdata::SOA, vec![Record { data: soa.to_wire(), wire_len: 0, ..record }]);
        self.modified = timestamp();
        Ok(())
    }

    /// Deletes a set. True if there was one.
    pub fn delete_set(&mut self, name: &str, rtype: u16) -> bool {
        let key = name.to_ascii_lowercase();
        let Some(node) = self.nodes.get_mut(&key) else { return false };
        if node.sets.remove(&rtype).is_none() {
            return false;
        }
        let empty = node.sets.is_empty();
        if empty {
            self.nodes.remove(&key);
        }
        self.bump();
        true
    }

    /// Deletes one record. True if it was there. Without data (13.6 lets that through) an existing set throws.
    pub fn delete_record(&mut self, name: &str, rtype: u16, data: &[u8]) -> Result<bool, Exception> {
        let key = name.to_ascii_lowercase();
        let Some(set) = self.nodes.get_mut(&key).and_then(|node| node.sets.get_mut(&rtype)) else { return Ok(false) };
        if data.is_empty() && rdata::needs_data(rtype) {
            return Err("NullReferenceException: Object reference not set to an instance of an object.".into());
        }
        let Some(at) = set.iter().position(|old| rdata::same(rtype, &old.data, data)) else { return Ok(false) };
        if set.len() == 1 {
            return Ok(self.delete_set(name, rtype));
        }
        set.remove(at);
        self.bump();
        Ok(true)
    }

    /// The addresses of the zone's name servers, but the one that the SOA names, as far as this zone knows them.
    pub fn name_server_addresses(&self) -> Vec<std::net::IpAddr> {
        let primary = self.soa().mname;
        let servers = self.set(&self.name, rdata::NS).iter().filter_map(|record| rdata::read_name(&record.data));
        let others = servers.map(|(name, _)| name).filter(|name| !name.eq_ignore_ascii_case(&primary));
        let inside = others.filter(|name| names::within(name, &self.name)).collect::<Vec<_>>();
        let sets = inside.iter().flat_map(|name| [self.set(name, rdata::A), self.set(name, rdata::AAAA)]);
        sets.flatten().filter_map(|record| rdata::address(&record.data)).collect()
    }
}
