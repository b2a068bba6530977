//! `zones/records/get`, `add` and `delete`.

use super::api::{ApiError, Reply};
use super::http::Call;
use super::names;
use super::permissions::Right;
use super::rdata;
use super::rdata_form::from_form;
use super::rdata_json::to_json;
use super::state::Server;
use super::store::Store;
use super::zone_data::Record;
use super::zones::{Kind, Zone};
use serde_json::{Map, Value, json};

/// What the API, other than an UPDATE, does not take for an alias.
fn alias(zone: &Zone, record: &Record, overwrite: bool) -> Result<(), ApiError> {
    let word = match record.rtype {
        rdata::CNAME => "CNAME",
        rdata::DNAME => "DNAME",
        _ => return Ok(()),
    };
    if !overwrite && !zone.set(&record.name, record.rtype).is_empty() {
        let text = "Record already exists. Use overwrite option if you wish to overwrite existing record.";
        return Err(ApiError::text(text));
    }
    let target = rdata::read_name(&record.data).map(|(name, _)| name).unwrap_or_default();
    if target.eq_ignore_ascii_case(&record.name) {
        return Err(ApiError::text(format!("{word} domain name cannot be same as that of the record name.")));
    }
    if record.rtype == rdata::DNAME && names::within(&target, &record.name) {
        return Err(ApiError::text("DNAME domain name cannot be a sub domain of the record name."));
    }
    Ok(())
}

/// Names are listed in the order of DNSSEC (RFC 4034 §6.1): a zone's own name before those below it.
fn canonical(name: &str) -> Vec<String> {
    name.to_ascii_lowercase().rsplit('.').map(str::to_owned).collect()
}

/// One record as the API shows it; an error where 13.6 stumbles over missing data.
fn show(zone: &Zone, record: &Record) -> Result<Value, ApiError> {
    let null = || ApiError::text("Object reference not set to an instance of an object.");
    let mut data = to_json(record.rtype, &record.data).ok_or_else(null)?;
    if zone.kind != Kind::Secondary
        && let (rdata::SOA, Some(fields)) = (record.rtype, data.as_object_mut())
    {
        fields.insert("useSerialDateScheme".into(), zone.date_serial.into());
    }
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    put("name", record.name.clone().into());
    if let Some(idn) = names::unicode(&record.name) {
        put("nameIdn", idn.into());
    }
    put("type", names::type_name(record.rtype).into());
    put("ttl", record.ttl.into());
    put("ttlString", rdata::duration(record.ttl).into());
    put("disabled", false.into());
    if !record.comments.is_empty() {
        put("comments", record.comments.clone().into());
    }
    put("rData", data);
    put("dnssecStatus", "Unknown".into());
    put("lastUsedOn", "0001-01-01T00:00:00".into());
    put("lastModified", record.modified.clone().into());
    put("expiryTtl", record.expiry_ttl.into());
    put("expiryTtlString", rdata::duration(record.expiry_ttl).into());
    Ok(Value::Object(out))
}

impl Server {
    /// The zone closest to `zone`, or else to `domain`; internal ones may be looked at.
    fn record_zone(&self, call: &Call, domain: &str) -> Result<String, ApiError> {
        let asked = call.get("zone").map(|zone| names::ascii(zone.trim_matches('.')));
        let zone = self.zone_for(asked.as_deref().unwrap_or(domain));
        zone.map(|zone| zone.name.clone()).ok_or_else(|| ApiError::no_zone(domain))
    }

    fn record_domain(call: &Call) -> Result<String, ApiError> {
        Ok(names::ascii(call.require("domain")?.trim_matches('.')))
    }

    /// `zones/records/get`; looks at the zone's permission only.
    pub fn get_records(&self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        let domain = Self::record_domain(call)?;
        let name = self.record_zone(call, &domain)?;
        self.permit_zone(user, &name, Right::View)?;
        let zone = self.live.zones.get(&name).ok_or_else(|| ApiError::no_zone(&name))?;
        let all = call.flag("listZone")?;
        let wanted = zone.records().filter(|record| all || record.name.eq_ignore_ascii_case(&domain));
        let mut wanted: Vec<&Record> = wanted.collect();
        wanted.sort_by_cached_key(|record| (canonical(&record.name), record.rtype, record.ttl));
        let records = wanted.into_iter().map(|record| show(zone, record)).collect::<Result<Vec<_>, _>>()?;
        Ok(Reply::Response(json!({"zone": zone.to_json(self.version), "records": records})))
    }

    /// `zones/records/add`.
    pub fn add_record_call(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        let domain = Self::record_domain(call)?;
        let name = self.record_zone(call, &domain)?;
        self.managed_zone(&name)?;
        self.permit_zone(user, &name, Right::Modify)?;
        self.editable(&name, "add record in")?;
        let rtype = names::type_number(&call.require("type")?)?;
        let ttl = self.record_ttl(call, rtype)?;
        if !names::within(&domain, &name) {
            return Err(ApiError::text(format!("The domain name does not belong to the zone: {domain}")));
        }
        names::check(self.version, &domain)?;
        let mut record = Record::made(&domain, rtype, ttl, from_form(rtype, call)?);
        record.comments = call.get("comments").unwrap_or_default();
        record.expiry_ttl =
            call.get("expiryTtl").map_or(Ok(0), |t| names::integer(&t)).map(|n| u32::try_from(n).unwrap_or(0))?;
        let (version, overwrite) = (self.version, call.flag("overwrite")?);
        let zone = self.managed_zone(&name)?;
        alias(zone, &record, overwrite)?;
        let result = if overwrite || matches!(rtype, rdata::CNAME | rdata::DNAME | rdata::SOA) {
            zone.replace(&domain, rtype, vec![record.clone()]).map(|()| true)
        } else {
            zone.add(version, record.clone())
        };
        // The exception's text without its class is what the API shows.
        let added =
            result.map_err(|e| ApiError::text(e.split_once(": ").map_or(e.clone(), |(_, text)| text.to_owned())))?;
        if !added {
            return Err(ApiError::text("Cannot add record: record already exists."));
        }
        let reply = json!({"zone": zone.to_json(version), "addedRecord": show(zone, &record)?});
        self.changed(Store::Zone(name));
        Ok(Reply::Response(reply))
    }

    /// Copies are written by transfer only.
    fn editable(&mut self, name: &str, what: &str) -> Result<(), ApiError> {
        match self.managed_zone(name)?.kind {
            Kind::Secondary => Err(ApiError::text(format!("Cannot {what} Secondary zone."))),
            _ => Ok(()),
        }
    }

    fn record_ttl(&self, call: &Call, rtype: u16) -> Result<u32, ApiError> {
        let config = &self.live.config;
        let default = config.number("defaultRecordTtl", 3600);
        match call.get("ttl") {
            None if rtype == rdata::NS => Ok(config.number("defaultNsRecordTtl", default)),
            None => Ok(default),
            Some(text) => rdata::seconds(&text),
        }
    }

    /// `zones/records/delete`.
    pub fn delete_record_call(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        let domain = Self::record_domain(call)?;
        let name = self.record_zone(call, &domain)?;
        self.managed_zone(&name)?;
        self.permit_zone(user, &name, Right::Delete)?;
        self.editable(&name, "delete record from")?;
        let rtype = names::type_number(&call.require("type")?)?;
        let zone = self.managed_zone(&name)?;
        let deleted = if matches!(rtype, rdata::CNAME | rdata::DNAME) {
            zone.delete_set(&domain, rtype)
        } else {
            let data = from_form(rtype, call)?;
            zone.delete_record(&domain, rtype, &data).map_err(ApiError::text)?
        };
        if !deleted {
            return Err(ApiError::text("Cannot delete record: no such record exists."));
        }
        self.changed(Store::Zone(name));
        Ok(Reply::empty())
    }
}
