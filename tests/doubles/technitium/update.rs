//! UPDATE (RFC 2136) in the product's order: zone, prerequisites, *then* permission, pre-scan, changes.

use super::acl;
use super::message::{Request, Rr};
use super::names;
use super::options::Options;
use super::rdata;
use super::state::{Server, Version};
use super::store::Store;
use super::zone_data::{DNSSEC, Exception, Record};
use super::zones::{Kind, Zone};
use std::net::SocketAddr;

const NOERROR: u8 = 0;
const FORMERR: u8 = 1;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;
const YXDOMAIN: u8 = 6;
const YXRRSET: u8 = 7;
const NXRRSET: u8 = 8;
const NOTAUTH: u8 = 9;
const NOTZONE: u8 = 10;
const IN: u16 = 1;
const NONE: u16 = 254;
const ANY: u16 = 255;

/// Who asks: the address, and the key of a good signature.
pub struct Asker<'a> {
    /// Source of the message.
    pub source: SocketAddr,
    /// `UDP` or `TCP`, for the log.
    pub transport: &'a str,
    /// Lower case.
    pub key: Option<&'a str>,
}

/// What became of an UPDATE.
pub struct Outcome {
    /// None: an exception, so no answer at all.
    pub rcode: Option<u8>,
    /// Did the zone's serial move?
    pub changed: bool,
    /// The zone that took it.
    pub zone: Option<String>,
    /// A copy that may be updated: its primary is to answer.
    pub forward: bool,
}

impl Server {
    /// Processes one UPDATE whose signature, if any, is good.
    pub fn update(&mut self, request: &Request, asker: &Asker<'_>) -> Outcome {
        let plain = |rcode| Outcome { rcode: Some(rcode), changed: false, zone: None, forward: false };
        let (zone_name, class) = match request.questions.as_slice() {
            [(name, rdata::SOA, class)] => (name, *class),
            _ => return plain(FORMERR),
        };
        if class != IN {
            return plain(NOTAUTH);
        }
        let Some(zone) = self.zone_for(zone_name).filter(|zone| !zone.disabled) else { return plain(NOTAUTH) };
        let (name, kind, before) = (zone.name.clone(), zone.kind, zone.serial());
        let tag = format!("[{}] [{}]", asker.source, asker.transport);
        self.log.write(&format!("{tag} DNS Server received a zone UPDATE request for zone: {name}"));
        let rcode = match self.judge(request, asker, &name, kind, &tag) {
            Err(rcode) => Some(rcode),
            Ok(()) if kind == Kind::Secondary => {
                return Outcome { rcode: None, changed: false, zone: Some(name), forward: true };
            }
            Ok(()) => self.change(request, asker, &name, &tag),
        };
        let changed = self.live.zones.get(&name).is_some_and(|zone| zone.serial() != before);
        if rcode == Some(NOERROR) || changed {
            self.changed(Store::Zone(name.clone()));
        }
        Outcome { rcode, changed, zone: Some(name), forward: false }
    }

    fn judge(&mut self, request: &Request, asker: &Asker<'_>, name: &str, kind: Kind, tag: &str) -> Result<(), u8> {
        if kind != Kind::Secondary {
            self.prerequisites(request, name)?;
        }
        let Some(zone) = self.live.zones.get(name) else { return Err(NOTAUTH) };
        if let Err(why) = permitted(zone, request, asker) {
            self.log.write(&format!("{tag} DNS Server refused a zone UPDATE request {why}: {name}"));
            return Err(REFUSED);
        }
        if kind == Kind::Secondary {
            return Ok(()); // the primary looks at the rest
        }
        request.authority.iter().try_for_each(|rr| self.prescan(rr, name))
    }

    fn prerequisites(&self, request: &Request, name: &str) -> Result<(), u8> {
        let Some(zone) = self.live.zones.get(name) else { return Err(NOTAUTH) };
        let mut sets: Vec<(String, u16, Vec<&Rr>)> = Vec::new();
        for rr in &request.answer {
            if rr.ttl != 0 {
                return Err(FORMERR);
            }
            if self.zone_for(&rr.name).is_none_or(|zone| zone.name != name) {
                return Err(NOTZONE);
            }
            let wrong = match rr.class {
                ANY | NONE if rr.wire_len != 0 => Some(FORMERR),
                ANY if rr.rtype == ANY => (!zone.name_exists(&rr.name)).then_some(NXDOMAIN),
                ANY => zone.set(&rr.name, rr.rtype).is_empty().then_some(NXRRSET),
                NONE if rr.rtype == ANY => zone.name_exists(&rr.name).then_some(YXDOMAIN),
                NONE => (!zone.set(&rr.name, rr.rtype).is_empty()).then_some(YXRRSET),
                IN => {
                    let key = rr.name.to_ascii_lowercase();
                    match sets.iter_mut().find(|(name, rtype, _)| *name == key && *rtype == rr.rtype) {
                        Some((_, _, set)) => set.push(rr),
                        None => sets.push((key, rr.rtype, vec![rr])),
                    }
                    None
                }
                _ => Some(FORMERR),
            };
            if let Some(rcode) = wrong {
                return Err(rcode);
            }
        }
        let holds = |(name, rtype, wanted): &(String, u16, Vec<&Rr>)| {
            let found = zone.set(name, *rtype);
            let same = |rr: &Rr, record: &Record| {
                // Until 15 the lengths had to agree too, and records made by the API have none before a restart.
                let length = self.version >= Version::V15_2 || rr.wire_len == record.wire_len;
                length && rdata::same(*rtype, &rr.data, &record.data)
            };
            found.len() == wanted.len() && wanted.iter().all(|rr| found.iter().any(|record| same(rr, record)))
        };
        if sets.iter().all(holds) { Ok(()) } else { Err(NXRRSET) }
    }

    fn prescan(&self, rr: &Rr, zone: &str) -> Result<(), u8> {
        if self.zone_for(&rr.name).is_none_or(|found| found.name != zone) {
            return Err(NOTZONE);
        }
        let strict = self.version >= Version::V14_3;
        let transfer = (251..=254).contains(&rr.rtype); // IXFR, AXFR, MAILB, MAILA
        let bad = match rr.class {
            IN => rr.rtype == ANY || transfer || (strict && rr.wire_len == 0),
            ANY => rr.ttl != 0 || rr.wire_len != 0 || transfer,
            NONE => rr.ttl != 0 || rr.rtype == ANY || transfer || (strict && rr.wire_len == 0),
            _ => true,
        };
        if bad { Err(FORMERR) } else { Ok(()) }
    }

    /// The update section. On an exception what was touched is put back, each step raising the serial once more.
    fn change(&mut self, request: &Request, asker: &Asker<'_>, name: &str, tag: &str) -> Option<u8> {
        let (version, comments) = (self.version, self.comments(asker));
        let zone = self.live.zones.get_mut(name)?;
        let mut originals: Vec<(String, u16, Vec<Record>)> = Vec::new();
        let mut result = Ok(());
        for rr in &request.authority {
            result = one(zone, version, rr, &comments, &mut originals);
            if result.is_err() {
                break;
            }
        }
        if let Err(exception) = result {
            put_back(zone, originals);
            self.log.write(&format!("{tag} DnsServerCore.Dns.{exception}"));
            return None;
        }
        self.log.write(&format!("{tag} DNS Server successfully processed a zone UPDATE request for zone: {name}"));
        Some(NOERROR)
    }

    fn comments(&self, asker: &Asker<'_>) -> String {
        let base = "Via Dynamic Updates (RFC 2136)";
        match (self.version, asker.key) {
            (Version::V13_6, _) => base.to_owned(),
            (_, Some(key)) => format!("{base} using key '{key}' from '{}'", asker.source),
            (_, None) => format!("{base} from '{}'", asker.source),
        }
    }
}

/// May this request pass? The words of the log line if not.
fn permitted(zone: &Zone, request: &Request, asker: &Asker<'_>) -> Result<(), String> {
    if !address_allowed(zone, asker) {
        return Err("since the request IP address is not allowed by the zone".into());
    }
    let Options { policies, .. } = &zone.options;
    if policies.is_empty() {
        return Ok(()); // no policies: no signature needed
    }
    let mine: Vec<_> = policies.iter().filter(|policy| Some(policy.key.as_str()) == asker.key).collect();
    if mine.is_empty() {
        return Err("since the request is missing TSIG auth required by the zone".into());
    }
    let covers = |domain: &str, name: &str| {
        let name = name.to_ascii_lowercase();
        domain == name || domain.strip_prefix('*').is_some_and(|tail| tail.starts_with('.') && name.ends_with(tail))
    };
    let granted = |rr: &Rr| {
        mine.iter()
            .any(|policy| covers(&policy.domain, &rr.name) && policy.types.iter().any(|t| *t == ANY || *t == rr.rtype))
    };
    match request.authority.iter().find(|rr| !granted(rr)) {
        None => Ok(()),
        Some(rr) => {
            let class = match rr.class {
                IN => "IN".to_owned(),
                NONE => "NONE".to_owned(),
                ANY => "ANY".to_owned(),
                other => other.to_string(),
            };
            let rtype = names::type_name(rr.rtype);
            let name = rr.name.to_ascii_lowercase();
            Err(format!("[{name} {rtype} {class}] due to Dynamic Updates Security Policy for zone"))
        }
    }
}

fn address_allowed(zone: &Zone, asker: &Asker<'_>) -> bool {
    let source = asker.source.ip().to_canonical();
    let server = || zone.name_server_addresses().contains(&source);
    let listed = || acl::allows(&zone.options.update_acl, source);
    match zone.options.update {
        1 => true,
        2 => server(),
        3 => listed(),
        4 => listed() || server(),
        _ => false, // Deny, and numbers that mean nothing
    }
}

/// One record of the update section; `originals` gets what its set was before.
fn one(
    zone: &mut Zone,
    version: Version,
    rr: &Rr,
    comments: &str,
    originals: &mut Vec<(String, u16, Vec<Record>)>,
) -> Result<(), Exception> {
    let apex = rr.name.eq_ignore_ascii_case(&zone.name);
    let kept = |rtype: u16| DNSSEC.contains(&rtype) || (apex && matches!(rtype, rdata::SOA | rdata::NS));
    let mut remember = |zone: &Zone, rtype: u16| {
        let key = rr.name.to_ascii_lowercase();
        if !originals.iter().any(|(name, t, _)| *name == key && *t == rtype) {
            originals.push((rr.name.clone(), rtype, zone.set(&key, rtype).to_vec()));
        }
    };
    match (rr.class, rr.rtype) {
        (IN, _) => {
            let cname = !zone.set(&rr.name, rdata::CNAME).is_empty();
            let skipped = match rr.rtype {
                rdata::CNAME => zone.name_exists(&rr.name) && !cname, // a ghost counts
                rdata::SOA => !apex,
                rdata::DNAME => false,
                _ => cname,
            };
            if skipped {
                return Ok(());
            }
            remember(zone, rr.rtype);
            let mut record = Record::made(&rr.name, rr.rtype, rr.ttl, rr.data.clone());
            (record.wire_len, record.comments) = (rr.wire_len, comments.to_owned());
            match rr.rtype {
                rdata::CNAME | rdata::DNAME | rdata::SOA => zone.replace(&rr.name, rr.rtype, vec![record]),
                _ => zone.add(version, record).map(|_| ()),
            }
        }
        (ANY, ANY) => {
            let node = zone.nodes.get(&rr.name.to_ascii_lowercase());
            let types: Vec<u16> = node.map(|node| node.sets.keys().copied().collect()).unwrap_or_default();
            for rtype in types.into_iter().filter(|rtype| !kept(*rtype)) {
                remember(zone, rtype);
                zone.delete_set(&rr.name, rtype);
            }
            Ok(())
        }
        (ANY, rtype) if !(apex && kept(rtype)) => {
            remember(zone, rtype);
            if DNSSEC.contains(&rtype) && zone.name_exists(&rr.name) {
                return Err("InvalidOperationException: Cannot delete DNSSEC records.".into());
            }
            zone.delete_set(&rr.name, rtype);
            Ok(())
        }
        (NONE, rtype) => {
            let last_server = apex && rtype == rdata::NS && zone.set(&rr.name, rtype).len() == 1;
            if rtype == rdata::SOA || DNSSEC.contains(&rtype) || last_server {
                return Ok(());
            }
            remember(zone, rtype);
            zone.delete_record(&rr.name, rtype, &rr.data).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// What sets were before, in the order of their names' first mention. Each step raises the serial, and what cannot be
/// put back ends it: a DNSSEC set may not be deleted at a name that exists.
fn put_back(zone: &mut Zone, mut originals: Vec<(String, u16, Vec<Record>)>) {
    let order: Vec<String> = originals.iter().map(|(name, _, _)| name.to_ascii_lowercase()).collect();
    originals.sort_by_key(|(name, _, _)| order.iter().position(|other| other.eq_ignore_ascii_case(name)));
    for (name, rtype, records) in originals {
        if records.is_empty() && DNSSEC.contains(&rtype) && zone.name_exists(&name) {
            return;
        }
        if records.is_empty() {
            zone.delete_set(&name, rtype);
        } else {
            let _ = zone.replace(&name, rtype, records); // was accepted once
        }
    }
}
