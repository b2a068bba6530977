//! The current state: keys with fingerprints and ages, servers, zones, D2, bypass, unfinished runs. A part that can't be
//! read is shown as unknown, and unknown is a failure.

use super::service;
use super::survey::{D2Seen, ServerSeen, d2_seen, look};
use super::wiring::{self, WiringView};
use crate::changes::bypass::{self, BypassState};
use crate::changes::{Change, Check, probes};
use crate::config::{Config, Firewall};
use crate::error::{Exit, Result};
use crate::model::{HostName, KeyName, ZoneName, ZoneRules};
use crate::plan::{Plan, journal};
use crate::secret::Fingerprint;
use crate::systems::kea::{self, d2::Installed};
use crate::systems::servers::{HeldKey, Server};
use crate::systems::store::{Book, Store};
use crate::world::World;
use futures::future::join_all;
use jiff::Timestamp;
use serde::Serialize;

/// The view. Empty `problems` means that everything was read and agrees.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// The site.
    pub site: String,
    /// The store's current key.
    pub current: Option<KeyName>,
    /// Keys of the store.
    pub keys: Vec<KeyStatus>,
    /// Servers that answered.
    pub servers: Vec<ServerStatus>,
    /// Key D2's file signs with.
    pub d2_file: Option<KeyName>,
    /// Key the running D2 signs with.
    pub d2_running: Option<KeyName>,
    /// The other firewalls of the site, the first one left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_firewalls: Vec<FirewallStatus>,
    /// Whether pfSense's kea-dhcp4 sends names to D2; none without a config.xml, or without an interface to wire.
    pub dhcp_wiring: Option<WiringView>,
    /// When refusals were last proven without a fault.
    pub last_proof: Option<Timestamp>,
    /// An active bypass.
    pub bypass: Option<BypassState>,
    /// Names of unfinished runs.
    pub unfinished: Vec<String>,
    /// Everything that is wrong or unknown, one sentence each.
    pub problems: Vec<String>,
}

/// D2 on one firewall.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct FirewallStatus {
    /// Its name.
    pub name: HostName,
    /// Key its D2's file signs with.
    pub d2_file: Option<KeyName>,
    /// Key its running D2 signs with.
    pub d2_running: Option<KeyName>,
}

/// A key of the store.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct KeyStatus {
    /// Its name.
    pub name: KeyName,
    /// Its algorithm.
    pub algorithm: String,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// When it was made.
    pub created: Timestamp,
    /// Its age in days.
    pub age_days: i64,
    /// Its age in seconds, for the text; `created` has the same information.
    #[serde(skip)]
    pub age_seconds: i64,
    /// When it was retired.
    pub retired: Option<Timestamp>,
    /// Where its secret is stored.
    pub secret: String,
}

/// A server.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// Product version.
    pub version: String,
    /// Start time, in its own words.
    pub started: String,
    /// Its keys.
    pub keys: Vec<HeldKey>,
    /// Its zones of ours.
    pub zones: Vec<ZoneStatus>,
}

/// A zone on a server.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct ZoneStatus {
    /// Its name.
    pub name: ZoneName,
    /// Who may update it.
    pub rules: ZoneRules,
}

/// Looks at everything; never fails as a whole.
pub async fn status(config: &Config, world: &World) -> Result<Status> {
    let mut problems = Vec::new();
    let book = keep(Store::of(config).read(world).await, "the secret store", &mut problems);
    let seen = join_all(config.servers.iter().map(|server| look(config, world, server))).await;
    let mut servers = Vec::new();
    for (server, seen) in config.servers.iter().zip(seen) {
        if let Some(seen) = keep(seen, server.name.as_str(), &mut problems) {
            servers.push(seen);
        }
    }
    let mut firewalls: Vec<FirewallStatus> =
        config.firewalls().map(|it| d2_on(config, it, world, &mut problems)).collect();
    let bypass = keep(bypass::read(config, world), "the record of a bypass", &mut problems).flatten();
    let runs = keep(journal::all(world, &config.primary.state), "the journals", &mut problems).unwrap_or_default();
    let unfinished: Vec<String> = runs.iter().filter(|run| run.unfinished()).map(|run| run.plan.id.clone()).collect();
    let proof = |run: &&journal::RunRecord| run.ended == Some(journal::Ending::Done) && proves(&run.plan);
    let last_proof = runs.iter().rfind(proof).map(|run| run.last);
    let dhcp_wiring = dhcp(config, world, &mut problems);
    let current = book.as_ref().and_then(|book| book.current.clone());
    for server in &servers {
        compare(config, book.as_ref(), bypass.as_ref(), server, &mut problems);
    }
    if config.d2.manage && bypass.is_none() {
        let several = firewalls.len() > 1;
        for it in &firewalls {
            for (who, key) in [("D2's file", &it.d2_file), ("the running D2", &it.d2_running)] {
                if key != &current {
                    let on = if several { format!(" on {}", it.name) } else { String::new() };
                    let (key, current) = (name(key.as_ref()), name(current.as_ref()));
                    problems.push(format!("{who}{on} signs with {key}, but the current key is {current}"));
                }
            }
        }
    }
    problems.extend(bypass.iter().map(|it| {
        format!("a bypass is active until {:.0}: {} (`pfddns bypass disable` ends it)", it.until, it.reason)
    }));
    problems.extend(unfinished.iter().map(|run| format!("run {run} is unfinished: `pfddns resume` or `pfddns undo`")));
    let first = if firewalls.is_empty() { None } else { Some(firewalls.remove(0)) };
    let (d2_file, d2_running) = first.map_or((None, None), |it| (it.d2_file, it.d2_running));
    Ok(Status {
        other_firewalls: firewalls,
        site: config.site.clone(),
        current,
        keys: book.as_ref().map(|book| keys(config, world, book)).unwrap_or_default(),
        servers: servers.iter().map(server_status).collect(),
        d2_file,
        d2_running,
        dhcp_wiring,
        last_proof,
        bypass,
        unfinished,
        problems,
    })
}

/// Does it show that somebody is refused?
fn proves(plan: &Plan) -> bool {
    let refused = |it: &Check| matches!(it, Check::Probes(probes::Check::KeyRefused { .. }));
    let proof = |it: &Change| matches!(it, Change::Probes(probes::Change::ProbeRefusals { .. }));
    plan.steps.iter().any(|it| proof(&it.change) || it.after.iter().any(refused))
}

/// Wiring that exists must be complete and live; having no wiring is the operator's choice.
fn half_wired(seen: &WiringView) -> Option<String> {
    let wired = seen.places.iter().filter(|it| it.wired).count();
    match seen.live {
        _ if wired == 0 => None,
        _ if wired < seen.places.len() => {
            Some(format!("{} has only a part of the DDNS wiring: `pfddns dhcp ddns enable`", seen.file))
        }
        Some(true) => None,
        Some(false) => Some(format!("{} is wired for DDNS, but the running kea-dhcp4 {}", seen.file, seen.why)),
        None => Some(format!("the running kea-dhcp4 can't be asked whether it sends names: {}", seen.why)),
    }
}

fn dhcp(config: &Config, world: &World, problems: &mut Vec<String>) -> Option<WiringView> {
    let host = world.host(&config.primary.name).ok()?;
    if !config.d2.manage || !matches!(host.mode(&config.primary.pfsense.config), Ok(Some(_))) {
        return None;
    }
    let seen = match wiring::status(config, world) {
        // No interface of pfddns.toml has DHCP here.
        Err(error) if error.exit() == Exit::Usage => return None,
        seen => keep(seen, "whether kea-dhcp4 sends names", problems)?,
    };
    problems.extend(half_wired(&seen));
    Some(seen)
}

fn name(key: Option<&KeyName>) -> String {
    key.map_or_else(|| "no key".to_owned(), ToString::to_string)
}

fn keep<T>(result: Result<T>, what: &str, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| problems.push(format!("{what}: {}", error.what()))).ok()
}

/// One firewall's D2; everything wrong there names it, where there are several.
fn d2_on(config: &Config, firewall: &Firewall, world: &World, problems: &mut Vec<String>) -> FirewallStatus {
    let on = config.on(firewall);
    let mut status = FirewallStatus { name: firewall.name.clone(), d2_file: None, d2_running: None };
    if config.d2.manage {
        let d2 = keep(d2_seen(firewall, world), &format!("D2's file{on}"), problems).flatten();
        let defect = d2.as_ref().and_then(|d2| d2.defect.as_ref());
        problems.extend(defect.map(|error| format!("D2's file{on}: {}", error.what())));
        status.d2_file = d2.as_ref().and_then(key_of);
        status.d2_running = running(config, firewall, world, problems);
    }
    let down = keep(service::down(config, firewall, world), &format!("D2's service{on}"), problems).flatten();
    problems.extend(down.map(|it| if on.is_empty() { it } else { format!("{}: {it}", firewall.name) }));
    status
}

fn running(config: &Config, firewall: &Firewall, world: &World, problems: &mut Vec<String>) -> Option<KeyName> {
    let host = keep(world.host(&firewall.name), "the firewall", problems)?;
    let what = format!("the running D2{}", config.on(firewall));
    let running = keep(kea::daemon::apply::in_use(host, &firewall.d2.socket), &what, problems)?;
    one_key(&running)
}

/// The key all domains use; none if they use several or none.
fn one_key(installed: &Installed) -> Option<KeyName> {
    match installed.used_keys().as_slice() {
        [one] => KeyName::new(one).ok(),
        _ => None,
    }
}

fn key_of(d2: &D2Seen) -> Option<KeyName> {
    one_key(&d2.installed)
}

/// What a server must agree with the store about.
fn compare(
    config: &Config,
    book: Option<&Book>,
    bypass: Option<&BypassState>,
    server: &ServerSeen,
    problems: &mut Vec<String>,
) {
    // The bypass itself is reported; a zone with the bypass's rules needs no extra line.
    let backend = Server::of(config, &server.name).ok();
    let same = |one: &ZoneRules, other: &ZoneRules| backend.as_ref().is_some_and(|it| it.same_rules(one, other));
    let bypassed = |zone: &ZoneName, rules: &ZoneRules| {
        let saved = bypass.iter().flat_map(|it| &it.saved);
        saved.filter(|it| it.server == server.name && &it.zone == zone).any(|it| same(rules, &it.during))
    };
    for (zone, rules) in server.zones.iter().filter(|(zone, rules)| !bypassed(zone, rules)) {
        if !rules.signature_required() {
            problems.push(format!("{} accepts unsigned updates of {zone}: {rules}", server.name));
        }
    }
    let Some(book) = book else { return };
    let Some(current) = book.keys.iter().find(|key| Some(&key.name) == book.current.as_ref()) else { return };
    match server.keys.iter().find(|key| key.name == current.name) {
        None => problems.push(format!("{} does not have key {}", server.name, current.name)),
        Some(held) if held.fingerprint.as_ref() != Some(&current.secret.fingerprint()) => {
            problems.push(format!("{} has key {} with another secret", server.name, current.name));
        }
        Some(_) => {}
    }
    for (zone, rules) in server.zones.iter().filter(|(zone, rules)| !bypassed(zone, rules)) {
        if !config.rows(&current.name, zone).is_empty() && !rules.grants(&current.name) {
            problems.push(format!("{} does not let {} update {zone}", server.name, current.name));
        }
    }
    for retired in book.keys.iter().filter(|key| key.retired.is_some()) {
        if server.keys.iter().any(|key| key.name == retired.name) {
            problems.push(format!("{} still has the retired key {}", server.name, retired.name));
        }
    }
}

fn keys(config: &Config, world: &World, book: &Book) -> Vec<KeyStatus> {
    let now = world.clock.now();
    let store = Store::of(config);
    let age = |created: Timestamp| now.as_second() - created.as_second();
    let view = |key: &crate::systems::store::StoredKey| KeyStatus {
        name: key.name.clone(),
        algorithm: key.algorithm.to_string(),
        fingerprint: key.secret.fingerprint(),
        created: key.created,
        age_days: age(key.created) / 86_400,
        age_seconds: age(key.created),
        retired: key.retired,
        secret: store.place(book.version, &key.name).to_string(),
    };
    book.keys.iter().map(view).collect()
}

fn server_status(server: &ServerSeen) -> ServerStatus {
    let zone = |(name, rules): &(ZoneName, ZoneRules)| ZoneStatus { name: name.clone(), rules: rules.clone() };
    ServerStatus {
        name: server.name.to_string(),
        version: server.standing.version.clone(),
        started: server.standing.started.clone(),
        keys: server.keys.clone(),
        zones: server.zones.iter().map(zone).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wiring::PlaceView;
    use super::*;

    #[test]
    fn wiring_that_was_begun_must_be_whole_and_live() {
        let said = |places: [bool; 2], live, why: &str| {
            let places = places.iter().map(|it| PlaceView { place: "lan".into(), wired: *it }).collect();
            half_wired(&WiringView { file: "config.xml".into(), lasting: true, places, live, why: why.into() })
        };
        assert_eq!(said([false, false], Some(false), "does not send names to D2"), None);
        assert_eq!(said([false, false], None, "no socket"), None);
        assert_eq!(said([true, true], Some(true), ""), None);
        assert!(said([true, false], Some(true), "").is_some_and(|it| it.contains("only a part")));
        assert!(
            said([true, true], Some(false), "does not send names to D2").is_some_and(|it| it.contains("does not send"))
        );
        assert!(said([true, true], None, "no socket").is_some_and(|it| it.contains("can't be asked")));
    }
}
