//! Zones: what one is made of, and the calls that list, make, remove and switch them.

use super::api::{ApiError, Reply};
use super::history::Scope;
use super::http::Call;
use super::names;
use super::options::Options;
use super::permissions::Right;
use super::rdata::{self, Soa};
use super::rdata_form;
use super::secondary::Upstream;
use super::state::{Server, Version, timestamp};
use super::store::Store;
use super::zone_data::{Node, Record};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Types of zones that the double plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ordinary.
    Primary,
    /// A copy of another server's zone.
    Secondary,
    /// Conditional forwarder.
    Forwarder,
}

impl Kind {
    /// As in `zones/list`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "Primary",
            Self::Secondary => "Secondary",
            Self::Forwarder => "Forwarder",
        }
    }

    /// As in error messages and in the log.
    pub fn title(self) -> &'static str {
        if self == Self::Forwarder { "Conditional Forwarder" } else { self.name() }
    }

    /// From the parameter `type`, a word or a number.
    fn parse(text: &str) -> Result<Self, ApiError> {
        let words = ["Unknown", "Primary", "Secondary", "Stub", "Forwarder", "SecondaryForwarder", "Catalog"];
        let more = ["SecondaryCatalog"];
        match names::enum_value(&[words.as_slice(), &more].concat(), text) {
            Some(1) => Ok(Self::Primary),
            Some(2) => Ok(Self::Secondary),
            Some(4) => Ok(Self::Forwarder),
            Some(3 | 5..=7) => Err(ApiError::text("Zone type is not played by this double.")),
            Some(_) => Err(ApiError::text("Zone type not supported.")),
            None => Err(ApiError::text(format!("Requested value '{text}' was not found."))),
        }
    }
}

/// One zone.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Lower case, no final dot.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Switched off.
    pub disabled: bool,
    /// One of the five that every server has and nobody may manage.
    pub internal: bool,
    /// `zones/options`.
    pub options: Options,
    /// Names with records, by lower-case name; a node without records is a ghost.
    pub nodes: BTreeMap<String, Node>,
    /// `lastModified`.
    pub modified: String,
    /// Serial from the date instead of plus one.
    pub date_serial: bool,
    /// A secondary that never got its data.
    pub expired: bool,
    /// A secondary whose last refresh failed.
    pub sync_failed: bool,
    /// `expiry` of a secondary.
    pub expiry: String,
    /// Where a secondary comes from.
    pub upstream: Option<Upstream>,
}

impl Zone {
    /// A new zone with SOA and NS as the product makes them.
    pub fn new(name: &str, kind: Kind, domain: &str, ttls: (u32, u32)) -> Self {
        let name = name.to_ascii_lowercase();
        let mut zone = Self {
            nodes: BTreeMap::new(),
            options: Options::new(kind),
            modified: timestamp(),
            disabled: false,
            internal: false,
            date_serial: false,
            expired: kind == Kind::Secondary,
            sync_failed: false,
            expiry: "0001-01-01T00:00:00".to_owned(),
            upstream: None,
            name,
            kind,
        };
        let serial = u32::from(kind != Kind::Secondary);
        let minimum = if kind == Kind::Primary { ttls.0 } else { 900 };
        let mut soa = Soa { serial, minimum, ..Soa::new(domain, &zone.name) };
        if kind == Kind::Forwarder {
            soa.rname = "invalid".into();
        }
        let soa = soa.to_wire();
        let ttl = if kind == Kind::Forwarder { 0 } else { ttls.0 };
        zone.put(Record::made(&zone.name, rdata::SOA, ttl, soa));
        if kind == Kind::Primary {
            zone.put(Record::made(&zone.name, rdata::NS, ttls.1, rdata::name_to_wire(domain)));
        }
        zone
    }

    /// What a restart does: every record has its length, ghosts are gone.
    pub fn reloaded(&mut self) {
        self.nodes.retain(|_, node| !node.sets.is_empty());
        for record in self.nodes.values_mut().flat_map(|node| node.sets.values_mut()).flatten() {
            record.wire_len = u16::try_from(record.data.len()).unwrap_or(u16::MAX);
        }
    }

    /// As in `zones/list`.
    pub fn to_json(&self, version: Version) -> Map<String, Value> {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            out.insert(name.to_owned(), value);
        };
        put("name", self.name.clone().into());
        if let Some(idn) = names::unicode(&self.name) {
            put("nameIdn", idn.into());
        }
        put("type", self.kind.name().into());
        put("lastModified", self.modified.clone().into());
        put("disabled", self.disabled.into());
        put("soaSerial", self.serial().into());
        if self.kind == Kind::Primary {
            put("internal", self.internal.into());
        }
        put("catalog", Value::Null);
        if self.kind != Kind::Forwarder {
            put("dnssecStatus", "Unsigned".into());
            if version >= Version::V14_3 {
                put("hasDnssecPrivateKeys", false.into());
            }
        }
        if self.kind == Kind::Secondary {
            put("validationFailed", false.into());
            put("expiry", self.expiry.clone().into());
            put("isExpired", self.expired.into());
            put("syncFailed", self.sync_failed.into());
        }
        if !self.internal {
            put("notifyFailed", false.into());
            put("notifyFailedFor", json!([]));
        }
        out
    }
}

/// The zones that are there on every start.
pub fn internal(domain: &str) -> BTreeMap<String, Zone> {
    let loopback6 = format!("1.{}ip6.arpa", "0.".repeat(31));
    let names = ["localhost", "0.in-addr.arpa", "127.in-addr.arpa", "255.in-addr.arpa", &loopback6];
    let zones = names.into_iter().map(|name| {
        let mut zone = Zone::new(name, Kind::Primary, domain, (900, 3600));
        zone.internal = true;
        (name.to_owned(), zone)
    });
    zones.collect()
}

/// `192.0.2.0/24` and bare addresses name reverse zones; a prefix off the label boundary is rounded *up*.
fn reverse_name(text: &str) -> Result<Option<String>, ApiError> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    let Some(address) = names::address(address).filter(|_| text.contains(['.', ':'])) else { return Ok(None) };
    let (labels, per_label, suffix): (Vec<String>, usize, &str) = match address {
        IpAddr::V4(v4) => (v4.octets().iter().map(u8::to_string).collect(), 8, "in-addr.arpa"),
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().flat_map(|b| [format!("{:x}", b >> 4), format!("{:x}", b & 15)]);
            (nibbles.collect(), 4, "ip6.arpa")
        }
    };
    let count = match prefix.map(str::parse::<i32>) {
        None => labels.len(),
        Some(Err(_)) => return Ok(None),
        Some(Ok(bits)) => usize::try_from(bits).unwrap_or(0).div_ceil(per_label),
    };
    let kept = labels.get(..count).ok_or_else(|| ApiError::text("Index was outside the bounds of the array."))?;
    Ok(Some(kept.iter().rev().map(|label| format!("{label}.")).collect::<String>() + suffix))
}

impl Server {
    /// The zone parameter, by either of its names, outer dots off (13.6: the final one).
    pub fn zone_parameter(&self, call: &Call) -> Result<String, ApiError> {
        let name = call.get("zone").or_else(|| call.get("domain")).ok_or_else(|| ApiError::missing("zone"))?;
        let name = names::ascii(&name);
        let trimmed = if self.version < Version::V14_3 { name.trim_end_matches('.') } else { name.trim_matches('.') };
        Ok(trimmed.to_owned())
    }

    /// A zone that may be managed, by its exact name.
    pub fn managed_zone(&mut self, name: &str) -> Result<&mut Zone, ApiError> {
        match self.live.zones.get_mut(&name.to_ascii_lowercase()) {
            None => Err(ApiError::no_zone(name)),
            Some(zone) if zone.internal => Err(ApiError::text("Access was denied to manage internal DNS Server zone.")),
            Some(zone) => Ok(zone),
        }
    }

    /// `zones/list`.
    pub fn list_zones(&self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::View)?;
        let seen = |zone: &&Zone| self.permit_zone(user, &zone.name, Right::View).is_ok();
        let all: Vec<&Zone> = self.live.zones.values().filter(seen).collect();
        let json = |zone: &&Zone| Value::Object(zone.to_json(self.version));
        let Some(page) = call.get("pageNumber") else {
            return Ok(Reply::Response(json!({"zones": all.iter().map(json).collect::<Value>()})));
        };
        let page = names::integer(&page)?;
        let per_page = call.get("zonesPerPage").map_or(Ok(10), |text| names::integer(&text))?;
        let (page, pages, start) = match usize::try_from(per_page) {
            _ if all.is_empty() => (0, 0, 0),
            Err(_) => return Err(ApiError::text("Non-negative number required. (Parameter 'capacity')")),
            Ok(0) => return Err(ApiError::text("Attempted to divide by zero.")),
            Ok(per_page) => {
                let pages = all.len().div_ceil(per_page);
                let page = usize::try_from(page).ok().filter(|page| *page <= pages).map_or(pages, |page| page.max(1));
                (page, pages, (page - 1) * per_page)
            }
        };
        let rows: Value = all.iter().skip(start).take(usize::try_from(per_page).unwrap_or(0)).map(json).collect();
        Ok(Reply::Response(json!({"pageNumber": page, "totalPages": pages, "totalZones": all.len(), "zones": rows})))
    }

    /// `zones/create`.
    pub fn create_zone(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let given = self.zone_parameter(call)?;
        let name = reverse_name(&given)?.unwrap_or(given);
        if name.contains('*') {
            return Err(ApiError::text("Domain name for a zone cannot contain wildcard character."));
        }
        if let Some(bad) = name.chars().find(|c| matches!(c, '/' | '\0')) {
            return Err(ApiError::text(format!("The zone name contains an invalid character: {bad}")));
        }
        let kind = Kind::parse(&call.get("type").unwrap_or_else(|| "Primary".into()))?;
        let key = name.to_ascii_lowercase();
        let zone = self.new_zone(call, &name, kind)?;
        if self.live.zones.contains_key(&key) {
            return Err(ApiError::text(format!("Zone already exists: {name}")));
        }
        if zone.upstream.is_some() {
            self.refresh.push((key.clone(), true));
        }
        self.live.zones.insert(key.clone(), zone);
        self.own_zone(user, &key);
        self.changed(Store::Zone(key.clone()));
        self.changed(Store::Auth);
        let what = if kind == Kind::Forwarder { "Forwarder" } else { &format!("Authoritative {}", kind.name()) };
        self.log.write(&format!("[{}] [{user}] {what} zone was created: {key}", call.peer));
        self.moment("zones/create", &Scope::Zone(&key));
        Ok(Reply::Response(json!({"domain": if key.is_empty() { "." } else { &key }})))
    }

    /// The zone that a call asks for, as it begins.
    fn new_zone(&self, call: &Call, name: &str, kind: Kind) -> Result<Zone, ApiError> {
        let config = &self.live.config;
        let soa = config.number("defaultSoaRecordTtl", 900);
        let ns = config.number("defaultNsRecordTtl", config.number("defaultRecordTtl", 3600));
        let by_date = call.get("useSoaSerialDateScheme").map(|text| names::boolean(&text)).transpose()?;
        if let Some(catalog) = call.get("catalog") {
            return Err(ApiError::text(format!("No such Catalog zone was found: {catalog}")));
        }
        names::check(self.version, name)?;
        let mut zone = Zone::new(name, kind, &self.domain, (soa, ns));
        match kind {
            Kind::Primary => {
                zone.date_serial = by_date.unwrap_or_else(|| config.flag("useSoaSerialDateScheme"));
                if zone.date_serial {
                    zone.bump();
                }
            }
            Kind::Secondary => {
                let (upstream, soa) = self.upstream(call, name)?;
                zone.upstream = Some(upstream);
                zone.put_soa(&Soa { serial: 0, ..soa }); // what the primary said, but never transferred
            }
            Kind::Forwarder if call.get("initializeForwarder").map_or(Ok(true), |text| names::boolean(&text))? => {
                let data = rdata_form::forwarder(call)?;
                zone.put(Record::made(&zone.name, rdata::FWD, 0, data));
            }
            Kind::Forwarder => (),
        }
        Ok(zone)
    }

    /// Where a copy comes from. The primary has been asked already, and its silence comes before "exists".
    fn upstream(&self, call: &Call, name: &str) -> Result<(Upstream, Soa), ApiError> {
        let upstream = Upstream::of(call)?;
        self.ask(name, &upstream)?;
        match &call.primary {
            Some(answer) => answer.clone().map(|soa| (upstream, soa)),
            None => Err(ApiError::text("The operation has timed out.")),
        }
    }

    /// `zones/delete`: the file goes at once.
    pub fn delete_zone(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Delete)?;
        let name = self.zone_parameter(call)?;
        let (key, kind) = self.managed_zone(&name).map(|zone| (zone.name.clone(), zone.kind))?;
        self.permit_zone(user, &key, Right::Delete)?;
        self.live.zones.remove(&key);
        self.live.auth.permissions.zones.remove(&key);
        self.remove_file(&key);
        self.changed(Store::Auth);
        self.log.write(&format!("[{}] [{user}] {} zone was deleted: {key}", call.peer, kind.title()));
        self.moment("zones/delete", &Scope::Zone(&key));
        Ok(Reply::empty())
    }

    /// `zones/enable` and `zones/disable`.
    pub fn switch_zone(&mut self, call: &Call, user: &str, off: bool) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let name = self.zone_parameter(call)?;
        self.managed_zone(&name)?;
        self.permit_zone(user, &name, Right::Modify)?;
        let zone = self.managed_zone(&name)?;
        zone.disabled = off;
        let (key, title) = (zone.name.clone(), zone.kind.title());
        self.changed(Store::Zone(key.clone()));
        let done = if off { "disabled" } else { "enabled" };
        self.log.write(&format!("[{}] [{user}] {title} zone was {done}: {key}", call.peer));
        self.moment(if off { "zones/disable" } else { "zones/enable" }, &Scope::Zone(&key));
        Ok(Reply::empty())
    }

    /// `zones/resync`: only for copies.
    pub fn resync_zone(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let name = self.zone_parameter(call)?;
        let kind = self.managed_zone(&name)?.kind;
        self.permit_zone(user, &name, Right::Modify)?;
        if kind == Kind::Secondary {
            let key = name.to_ascii_lowercase();
            // Once a NOTIFY has arrived, a resync changes nothing until it is acted on.
            if !self.notified.iter().any(|(waiting, _)| *waiting == key) {
                self.refresh.push((key, true));
            }
            return Ok(Reply::empty());
        }
        Err(ApiError::text("Only Secondary, Secondary Forwarder, Secondary Catalog, and Stub zones support resync."))
    }
}
