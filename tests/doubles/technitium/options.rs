//! `zones/options/get` and `set`. Parameters take effect one after another, so a refused policy table leaves the new
//! mode and list live: that is the product's trap, and it is kept.

use super::acl::Entry;
use super::api::{ApiError, Reply};
use super::history::Scope;
use super::http::Call;
use super::names;
use super::permissions::Right;
use super::state::Server;
use super::store::Store;
use super::zones::{Kind, Zone};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

const QUERY_ACCESS: [&str; 6] = [
    "Deny",
    "Allow",
    "AllowOnlyPrivateNetworks",
    "AllowOnlyZoneNameServers",
    "UseSpecifiedNetworkACL",
    "AllowZoneNameServersAndUseSpecifiedNetworkACL",
];
/// The words of `update`, and of `zoneTransfer`.
pub const MODES: [&str; 5] = [
    "Deny",
    "Allow",
    "AllowOnlyZoneNameServers",
    "UseSpecifiedNetworkACL",
    "AllowZoneNameServersAndUseSpecifiedNetworkACL",
];
const NOTIFY: [&str; 5] = [
    "None",
    "ZoneNameServers",
    "SpecifiedNameServers",
    "BothZoneAndSpecifiedNameServers",
    "SeparateNameServersForCatalogAndMemberZones",
];

/// One row of the update policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Lower case.
    pub key: String,
    /// Lower case, perhaps `*.zone`.
    pub domain: String,
    /// Record types; 255 is any.
    pub types: Vec<u16>,
}

/// What `zones/options` knows of a zone.
#[derive(Debug, Clone)]
pub struct Options {
    query: u8,
    query_acl: Vec<Entry>,
    /// Who may transfer.
    pub transfer: u8,
    /// Addresses that may transfer.
    pub transfer_acl: Vec<Entry>,
    /// Keys that may transfer.
    pub transfer_keys: Vec<String>,
    notify: u8,
    notify_servers: Vec<IpAddr>,
    /// Who may update.
    pub update: u8,
    /// Addresses that may update.
    pub update_acl: Vec<Entry>,
    /// Which key may write what; none at all means that no signature is asked for.
    pub policies: Vec<Policy>,
}

impl Options {
    /// Those of a new zone.
    pub fn new(kind: Kind) -> Self {
        let primary = kind == Kind::Primary;
        Self {
            query: 1,
            query_acl: Vec::new(),
            transfer: if primary { 2 } else { 0 },
            transfer_acl: Vec::new(),
            transfer_keys: Vec::new(),
            notify: u8::from(primary),
            notify_servers: Vec::new(),
            update: 0,
            update_acl: Vec::new(),
            policies: Vec::new(),
        }
    }

    /// A count byte on disk: more than 255 policy domains of a key, or types in a row, stop the zone's file from being
    /// written.
    pub fn too_large_to_save(&self) -> bool {
        let rows = |key: &str| self.policies.iter().filter(|policy| policy.key == key).count();
        self.policies.iter().any(|policy| policy.types.len() > 255 || rows(&policy.key) > 255)
    }
}

fn list(entries: &[Entry]) -> Value {
    entries.iter().map(|entry| Value::from(entry.to_string())).collect()
}

/// As shown by `get`: flat, in the order of insertion.
fn policies_json(policies: &[Policy]) -> Value {
    let row = |policy: &Policy| {
        let types: Vec<String> = policy.types.iter().map(|t| names::type_name(*t)).collect();
        json!({"tsigKeyName": policy.key, "domain": policy.domain, "allowedTypes": types})
    };
    policies.iter().map(row).collect()
}

fn show(zone: &Zone) -> Map<String, Value> {
    let options = &zone.options;
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    put("name", zone.name.clone().into());
    if let Some(idn) = names::unicode(&zone.name) {
        put("nameIdn", idn.into());
    }
    put("type", zone.kind.name().into());
    if zone.kind == Kind::Primary {
        put("internal", zone.internal.into());
    }
    if zone.kind != Kind::Forwarder {
        put("dnssecStatus", "Unsigned".into());
    }
    put("notifyFailed", false.into());
    put("notifyFailedFor", json!([]));
    put("disabled", zone.disabled.into());
    put("catalog", Value::Null);
    if let Some(upstream) = &zone.upstream {
        put("primaryNameServerAddresses", upstream.addresses.clone().into());
        put("primaryZoneTransferProtocol", upstream.protocol.clone().into());
        put("primaryZoneTransferTsigKeyName", upstream.key.clone().into());
        put("validateZone", false.into());
    }
    put("queryAccess", names::enum_word(&QUERY_ACCESS, options.query).into());
    put("queryAccessNetworkACL", list(&options.query_acl));
    put("zoneTransfer", names::enum_word(&MODES, options.transfer).into());
    put("zoneTransferNetworkACL", list(&options.transfer_acl));
    put("zoneTransferTsigKeyNames", options.transfer_keys.clone().into());
    put("notify", names::enum_word(&NOTIFY, options.notify).into());
    put("notifyNameServers", options.notify_servers.iter().map(|a| Value::from(a.to_string())).collect());
    put("update", names::enum_word(&MODES, options.update).into());
    put("updateNetworkACL", list(&options.update_acl));
    if zone.kind != Kind::Secondary {
        put("updateSecurityPolicies", policies_json(&options.policies));
    }
    out
}

/// A text list of a zone option: absent changes nothing, empty or `false` clears.
fn items(call: &Call, name: &str) -> Option<Vec<String>> {
    let text = call.raw(name)?;
    if text.is_empty() || text.eq_ignore_ascii_case("false") {
        return Some(Vec::new());
    }
    Some(text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect())
}

fn acl(call: &Call, name: &str) -> Result<Option<Vec<Entry>>, ApiError> {
    let Some(items) = items(call, name) else { return Ok(None) };
    let bad = |item: &String| ApiError::text(format!("Invalid Network Access Control value was specified: {item}"));
    let entries =
        items.iter().map(|item| Entry::parse(item).ok_or_else(|| bad(item))).collect::<Result<Vec<_>, _>>()?;
    if entries.len() > 255 {
        let (first, rest) = name.split_at(1);
        let property = format!("{}{rest}", first.to_ascii_uppercase());
        let text = format!("Network ACL cannot have more than 255 entries. (Parameter '{property}')");
        return Err(ApiError::text(text));
    }
    Ok(Some(entries))
}

/// Empty or `false` clears; blanks stay, dots go, one name counts once.
fn transfer_keys(text: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let cleared = text.is_empty() || text.eq_ignore_ascii_case("false");
    let names = text.split(',').filter(|part| !cleared && !part.is_empty());
    for name in names.map(|name| name.trim_matches('.').to_lowercase()) {
        if !keys.contains(&name) {
            keys.push(name);
        }
    }
    keys
}

fn invalid(kind: Kind, option: &str, parameter: &str, words: &[&str], value: u8) -> ApiError {
    let (title, word) = (kind.title(), names::enum_word(words, value));
    ApiError::text(format!("The {option} option is invalid for {title} zones: {word} (Parameter '{parameter}')"))
}

/// A forwarder has no name servers of its own, so words that speak of them are errors.
fn fits(
    kind: Kind,
    of_name_servers: bool,
    option: &str,
    parameter: &str,
    words: &[&str],
    value: u8,
) -> Result<(), ApiError> {
    if kind == Kind::Forwarder && of_name_servers {
        return Err(invalid(kind, option, parameter, words, value));
    }
    Ok(())
}

/// A misspelt word changes nothing and is no error.
fn word(call: &Call, name: &str, words: &[&str]) -> Option<u8> {
    names::enum_value(words, &call.get(name)?)
}

fn policies(zone: &str, text: &str) -> Result<Vec<Policy>, ApiError> {
    if text.is_empty() || text.eq_ignore_ascii_case("false") {
        return Ok(Vec::new());
    }
    // Empty cells vanish before rows are cut, so an empty types cell shifts every later column.
    let cells: Vec<&str> = text.split('|').filter(|cell| !cell.is_empty()).collect();
    let mut out: Vec<Policy> = Vec::new();
    for row in cells.chunks(3) {
        let [key, domain, types] = row else {
            return Err(ApiError::text("Index was outside the bounds of the array."));
        };
        let (key, domain) = (key.trim_matches('.').to_lowercase(), domain.trim_matches('.').to_lowercase());
        if !names::within(&domain, zone) {
            return Err(ApiError::text(format!(
                "Cannot set Dynamic Updates security policies: the domain '{domain}' must be part of the current zone."
            )));
        }
        let types = types.split([',', ' ']).filter(|t| !t.is_empty()).map(names::type_number);
        let types = types.collect::<Result<Vec<u16>, _>>()?;
        match out.iter_mut().find(|policy| policy.key == key && policy.domain == domain) {
            Some(policy) => policy.types.extend(types),
            None => out.push(Policy { key, domain, types }),
        }
    }
    // The table is kept by key: rows of a key stand together, keys in the order of their first row.
    let order: Vec<String> = out.iter().map(|policy| policy.key.clone()).collect();
    out.sort_by_key(|policy| order.iter().position(|key| *key == policy.key));
    Ok(out)
}

impl Server {
    /// `zones/options/get`; needs Modify on zones.
    pub fn get_options(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let name = self.zone_parameter(call)?;
        let mut out = show(self.managed_zone(&name)?);
        self.permit_zone(user, &name, Right::View)?;
        if call.flag("includeAvailableCatalogZoneNames")? {
            out.insert("availableCatalogZoneNames".into(), json!([]));
        }
        if call.flag("includeAvailableTsigKeyNames")? {
            out.insert("availableTsigKeyNames".into(), self.key_names());
        }
        Ok(Reply::Response(Value::Object(out)))
    }

    /// `zones/options/set`: every part is live as soon as it is read; saved only if all went well.
    pub fn set_options(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let name = self.zone_parameter(call)?;
        let (key, title) = self.managed_zone(&name).map(|zone| (zone.name.clone(), zone.kind.title()))?;
        self.permit_zone(user, &key, Right::Delete)?;
        let plain = self.set_plain(call, &key);
        self.moment("zones/options/set", &Scope::Zone(&key)); // what came before an error counts too
        plain?;
        self.set_update(call, &key)?;
        if let Some(catalog) = call.get("catalog") {
            return Err(ApiError::text(format!("No such Catalog zone was found: {catalog}")));
        }
        self.changed(Store::Zone(key.clone()));
        self.log.write(&format!("[{}] [{user}] {title} zone options were updated successfully: {key}", call.peer));
        Ok(Reply::empty())
    }

    fn set_plain(&mut self, call: &Call, key: &str) -> Result<(), ApiError> {
        let zone = self.managed_zone(key)?;
        if let Some(text) = call.get("disabled") {
            zone.disabled = names::boolean(&text)?;
        }
        if let (Some(upstream), Some(key)) = (&mut zone.upstream, call.raw("primaryZoneTransferTsigKeyName")) {
            upstream.key = if key.eq_ignore_ascii_case("false") { String::new() } else { key };
        }
        let (options, kind) = (&mut zone.options, zone.kind);
        // Lists go before their words here, after them at `update`.
        if let Some(list) = acl(call, "queryAccessNetworkACL")? {
            options.query_acl = list;
        }
        if let Some(query) = word(call, "queryAccess", &QUERY_ACCESS) {
            fits(kind, matches!(query, 3 | 5), "Query Access", "QueryAccess", &QUERY_ACCESS, query)?;
            options.query = query;
        }
        if let Some(list) = acl(call, "zoneTransferNetworkACL")? {
            options.transfer_acl = list;
        }
        if let Some(transfer) = word(call, "zoneTransfer", &MODES) {
            fits(kind, matches!(transfer, 2 | 4), "Zone Transfer", "ZoneTransfer", &MODES, transfer)?;
            options.transfer = transfer;
        }
        if let Some(text) = call.raw("zoneTransferTsigKeyNames") {
            options.transfer_keys = transfer_keys(&text);
        }
        if let Some(notify) = word(call, "notify", &NOTIFY) {
            fits(kind, matches!(notify, 1 | 3), "Notify", "Notify", &NOTIFY, notify)?;
            if notify == 4 {
                return Err(invalid(kind, "Notify", "Notify", &NOTIFY, notify));
            }
            options.notify = notify;
        }
        if let Some(servers) = items(call, "notifyNameServers") {
            let wrong = || ApiError::Inner("An invalid IP address was specified.".into(), "Invalid argument".into());
            let read = servers.iter().map(|item| names::address(item).ok_or_else(wrong));
            options.notify_servers = read.collect::<Result<_, _>>()?;
        }
        Ok(())
    }

    fn set_update(&mut self, call: &Call, key: &str) -> Result<(), ApiError> {
        if let Some(mode) = word(call, "update", &MODES) {
            let zone = self.managed_zone(key)?;
            if matches!(mode, 2 | 4) && zone.kind != Kind::Primary {
                return Err(invalid(zone.kind, "Dynamic Updates", "Update", &MODES, mode));
            }
            zone.options.update = mode;
            self.moment("zones/options/set update", &Scope::Zone(key));
        }
        if let Some(list) = acl(call, "updateNetworkACL")? {
            self.managed_zone(key)?.options.update_acl = list;
            self.moment("zones/options/set updateNetworkACL", &Scope::Zone(key));
        }
        let zone = self.managed_zone(key)?;
        if let Some(text) = call.raw("updateSecurityPolicies")
            && zone.kind != Kind::Secondary
        {
            zone.options.policies = policies(&zone.name, &text)?;
            self.moment("zones/options/set updateSecurityPolicies", &Scope::Zone(key));
        }
        Ok(())
    }
}
