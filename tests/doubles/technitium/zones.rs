//! Zones: what one is made of, and the calls that list, make, remove and switch them.

use super::accounts::Right;
use super::api::{ApiError, Reply};
use super::history::Scope;
use super::http::Call;
use super::names;
use super::options::Options;
use super::rdata::{self, Soa};
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

    /// As in error messages.
    pub fn title(self) -> &'static str {
        if self == Self::Forwarder { "Conditional Forwarder" } else { self.name() }
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
        let soa = Soa { serial, ..Soa::new(domain, &zone.name) }.to_wire();
        zone.put(Record::made(&zone.name, rdata::SOA, ttls.0, soa));
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
fn reverse_name(text: &str) -> Option<String> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().ok()?;
    let (labels, per_label, suffix): (Vec<String>, u32, &str) = match address {
        IpAddr::V4(v4) => (v4.octets().iter().map(u8::to_string).collect(), 8, "in-addr.arpa"),
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().flat_map(|b| [format!("{:x}", b >> 4), format!("{:x}", b & 15)]);
            (nibbles.collect(), 4, "ip6.arpa")
        }
    };
    let bits: u32 = prefix.map_or(Some(128), |p| p.parse().ok())?;
    let count = usize::try_from(bits.div_ceil(per_label)).ok()?.min(labels.len());
    let kept: Vec<String> = labels.into_iter().take(count).rev().collect();
    Some(format!("{}.{suffix}", kept.join(".")))
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
        let all: Vec<&Zone> = match self.permit_zone(user) {
            // The internal ones are shown to administrators only.
            Ok(()) => self.live.zones.values().filter(|zone| !zone.internal || self.is_administrator(user)).collect(),
            Err(_) => Vec::new(),
        };
        let json = |zone: &&Zone| Value::Object(zone.to_json(self.version));
        let Some(page) = call.get("pageNumber") else {
            return Ok(Reply::Response(json!({"zones": all.iter().map(json).collect::<Value>()})));
        };
        let page = names::integer(&page)?;
        let per_page = call.get("zonesPerPage").map_or(Ok(10), |text| names::integer(&text))?;
        let per_page = usize::try_from(per_page).unwrap_or(0).max(1);
        let pages = all.len().div_ceil(per_page).max(1);
        let page = match usize::try_from(page) {
            Ok(page) if page <= pages => page.max(1),
            _ => pages,
        };
        let rows: Value = all.iter().skip((page - 1) * per_page).take(per_page).map(json).collect();
        Ok(Reply::Response(json!({"pageNumber": page, "totalPages": pages, "totalZones": all.len(), "zones": rows})))
    }

    /// `zones/create`.
    pub fn create_zone(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let given = self.zone_parameter(call)?;
        let name = reverse_name(&given).unwrap_or(given);
        if name.contains('*') {
            return Err(ApiError::text("Domain name for a zone cannot contain wildcard character."));
        }
        names::check(self.version, &name)?;
        let kind = match call.get("type").unwrap_or_else(|| "Primary".into()).to_ascii_lowercase().as_str() {
            "primary" => Kind::Primary,
            "forwarder" => Kind::Forwarder,
            "secondary" => Kind::Secondary,
            "secondaryforwarder" | "stub" | "catalog" | "secondarycatalog" => {
                return Err(ApiError::text("Zone type is not played by this double."));
            }
            other => return Err(ApiError::text(format!("Requested value '{other}' was not found."))),
        };
        if let Some(catalog) = call.get("catalog") {
            return Err(ApiError::text(format!("No such Catalog zone was found: {catalog}")));
        }
        let upstream = if kind == Kind::Secondary { Some(self.upstream(call, &name)?) } else { None };
        let key = name.to_ascii_lowercase();
        if self.live.zones.contains_key(&key) {
            return Err(ApiError::text(format!("Zone already exists: {key}")));
        }
        let config = &self.live.config;
        let ttls = (
            config.number("defaultSoaRecordTtl", 900),
            config.number("defaultNsRecordTtl", config.number("defaultRecordTtl", 3600)),
        );
        let mut zone = Zone::new(&key, kind, &self.domain, ttls);
        if kind == Kind::Forwarder {
            let text = call.get("forwarder").unwrap_or_else(|| "this-server".into());
            zone.put(Record::made(&key, rdata::FWD, 0, text.into_bytes()));
        }
        let by_date = call
            .get("useSoaSerialDateScheme")
            .map_or(Ok(config.flag("useSoaSerialDateScheme")), |t| names::boolean(&t))?;
        if by_date && kind != Kind::Secondary {
            zone.date_serial = true;
            zone.bump();
        }
        if upstream.is_some() {
            zone.upstream = upstream;
            self.refresh.push((key.clone(), true));
        }
        self.live.zones.insert(key.clone(), zone);
        self.changed(Store::Zone(key.clone()));
        self.changed(Store::Auth);
        self.log.write(&format!("[{}] [{user}] Authoritative {} zone was created: {key}", call.peer, kind.name()));
        self.moment("zones/create", &Scope::Zone(&key));
        Ok(Reply::Response(json!({"domain": key})))
    }

    /// Where a copy comes from. The primary has been asked already, and its silence comes before "exists".
    fn upstream(&self, call: &Call, name: &str) -> Result<Upstream, ApiError> {
        let upstream = Upstream::of(call)?;
        self.ask(name, &upstream)?;
        match &call.primary {
            Some(answer) => answer.clone().map(|_| upstream),
            None => Err(ApiError::text("The operation has timed out.")),
        }
    }

    /// `zones/delete`: the file goes at once.
    pub fn delete_zone(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Delete)?;
        let name = self.zone_parameter(call)?;
        let key = self.managed_zone(&name)?.name.clone();
        self.permit_zone(user)?;
        self.live.zones.remove(&key);
        self.remove_file(&key);
        self.changed(Store::Auth);
        self.log.write(&format!("[{}] [{user}] Zone was deleted: {key}", call.peer));
        self.moment("zones/delete", &Scope::Zone(&key));
        Ok(Reply::empty())
    }

    /// `zones/enable` and `zones/disable`.
    pub fn switch_zone(&mut self, call: &Call, user: &str, off: bool) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let name = self.zone_parameter(call)?;
        self.managed_zone(&name)?;
        self.permit_zone(user)?;
        let zone = self.managed_zone(&name)?;
        zone.disabled = off;
        let key = zone.name.clone();
        self.changed(Store::Zone(key.clone()));
        self.moment(if off { "zones/disable" } else { "zones/enable" }, &Scope::Zone(&key));
        Ok(Reply::empty())
    }

    /// `zones/resync`: only for copies.
    pub fn resync_zone(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let name = self.zone_parameter(call)?;
        let kind = self.managed_zone(&name)?.kind;
        self.permit_zone(user)?;
        if kind == Kind::Secondary {
            self.refresh.push((name.to_ascii_lowercase(), true));
            return Ok(Reply::empty());
        }
        Err(ApiError::text("Only Secondary, Secondary Forwarder, Secondary Catalog, and Stub zones support resync."))
    }
}
