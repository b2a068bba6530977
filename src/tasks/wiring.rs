//! Makes pfSense's kea-dhcp4 send names to D2, durably: through the custom JSON that pfSense itself merges.
//! The merged result is checked with the box's own `kea-dhcp4 -t` before config.xml is touched.

use super::firewall::{parse, plan_edit, read};
use crate::config::Config;
use crate::error::{Doing, Error, Result};
use crate::model::Network;
use crate::model::rules::ConflictMode;
use crate::plan::{Check, Plan, firewall};
use crate::systems::kea;
use crate::systems::pfsense::Document;
use crate::systems::pfsense::apply::Rebuild;
use crate::systems::pfsense::custom_kea::merge;
use crate::systems::pfsense::ddns::{self, Place, Wiring};
use crate::systems::pfsense::dhcp::scopes;
use crate::world::World;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::time::Duration;

/// Where the wiring stands.
#[derive(Debug, Serialize)]
pub struct WiringView {
    /// Each place in config.xml, and whether it holds all our keys.
    pub places: Vec<(String, bool)>,
    /// Does the running kea-dhcp4 send names to D2? `None`: it could not be asked, for this reason.
    pub live: Option<bool>,
    /// Why it could not be asked.
    pub why: String,
}

/// The keys pfddns.toml asks for: D2's address for all, names for each interface whose subnet is listed.
fn wanted(config: &Config, document: &Document<'_>) -> Result<Wiring> {
    let forward = config.zones.iter().map(|it| &it.name).find(|it| !it.is_reverse());
    let suffix = forward.ok_or_else(|| Error::usage("pfddns.toml has no forward zone for the clients' names"))?;
    let mode = match config.d2.conflict_mode {
        ConflictMode::CheckWithDhcid => "check-with-dhcid",
        ConflictMode::CheckExistsWithDhcid => "check-exists-with-dhcid",
        ConflictMode::NoCheckWithDhcid => "no-check-with-dhcid",
        ConflictMode::NoCheckWithoutDhcid => "no-check-without-dhcid",
    };
    let listen = config.d2.listen;
    let global = json!({
        "dhcp-ddns": {
            "enable-updates": true, "server-ip": listen.ip().to_string(), "server-port": listen.port(),
            "ncr-protocol": "UDP", "ncr-format": "JSON",
        },
        "ddns-send-updates": false,
    });
    let scope = json!({
        "ddns-send-updates": true, "ddns-override-client-update": true, "ddns-override-no-update": true,
        "ddns-qualifying-suffix": suffix.to_string(), "ddns-conflict-resolution-mode": mode,
    });
    let mut interfaces = Vec::new();
    for it in scopes(document).iter().filter(|it| it.enabled) {
        let address =
            it.address.as_deref().and_then(|it| it.split('/').next()).and_then(|it| it.parse::<IpAddr>().ok());
        if address.is_some_and(|address| config.subnets.iter().any(|subnet| holds(subnet, address))) {
            interfaces.push((it.interface.clone(), object(scope.clone())));
        }
    }
    if interfaces.is_empty() {
        return Err(Error::usage("no interface with DHCP lies in a [[subnet]] of pfddns.toml")
            .hint("`pfddns dhcp show` lists the interfaces and their addresses"));
    }
    Ok(Wiring { global: object(global), interfaces })
}

fn holds(subnet: &Network, address: IpAddr) -> bool {
    subnet.to_string().parse::<ipnet::IpNet>().is_ok_and(|it| it.contains(&address))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Turns the wiring on.
pub fn enable(config: &Config, world: &World) -> Result<Plan> {
    let bytes = read(config, world)?;
    let document = parse(config, &bytes)?;
    ddns::check(&document)?;
    let wiring = wanted(config, &document)?;
    let edits = ddns::enable(&document, &wiring)?;
    if !edits.is_empty() {
        lint(config, world, &document, &wiring)?;
    }
    let names: Vec<&str> = wiring.interfaces.iter().map(|(name, _)| name.as_str()).collect();
    let title = format!("make kea-dhcp4 send the names of {} to D2", names.join(", "));
    let mut plan = plan_edit(config, world, &bytes, "dhcp-ddns", &title, edits, Rebuild::Dhcp)?;
    prove_live(config, world, &mut plan, true);
    Ok(plan)
}

/// Takes out exactly what `enable` put in.
pub fn disable(config: &Config, world: &World) -> Result<Plan> {
    let bytes = read(config, world)?;
    let document = parse(config, &bytes)?;
    let edits = ddns::disable(&document)?;
    plan_edit(config, world, &bytes, "dhcp-ddns-off", "no more names from kea-dhcp4 to D2", edits, Rebuild::Dhcp)
}

/// After a rebuild the running daemon is asked, not only the file: pfSense drops custom JSON that fails its lint.
fn prove_live(config: &Config, world: &World, plan: &mut Plan, sends: bool) {
    let php = world.host(&config.d2.host).and_then(|it| it.mode(&config.pfsense.php)).is_ok_and(|it| it.is_some());
    if let (Some(step), true) = (plan.steps.last_mut(), php) {
        step.after.push(Check::DhcpSends { host: config.d2.host.clone(), sends });
    }
}

/// `kea-dhcp4 -t` on what pfSense wrote last with our keys merged in. Without the program or that file there is nothing
/// to check with: then pfSense's own lint, which the interface's tag switches on, is the guard.
fn lint(config: &Config, world: &World, document: &Document<'_>, wiring: &Wiring) -> Result<()> {
    let host = world.host(&config.d2.host)?;
    let program = &config.pfsense.kea_dhcp4_program;
    let (Some(_), Some(bytes)) = (host.mode(program)?, host.read_if_there(&config.pfsense.kea_dhcp4_config)?) else {
        return Ok(());
    };
    // pfSense writes strict JSON.
    let Ok(mut merged) = serde_json::from_slice::<Value>(&bytes) else { return Ok(()) };
    if let Some(dhcp4) = merged.get_mut("Dhcp4") {
        *dhcp4 = merge(std::mem::take(dhcp4), Value::Object(wiring.global.clone()));
    }
    let networks: Vec<(ipnet::IpNet, &Map<String, Value>)> = wiring
        .interfaces
        .iter()
        .filter_map(|(name, keys)| {
            let scope = scopes(document).into_iter().find(|it| it.interface == *name)?;
            Some((scope.address?.parse::<ipnet::IpNet>().ok()?.trunc(), keys))
        })
        .collect();
    let subnets = merged.pointer_mut("/Dhcp4/subnet4").and_then(Value::as_array_mut);
    for subnet in subnets.into_iter().flatten() {
        let network = subnet.get("subnet").and_then(Value::as_str).and_then(|it| it.parse::<ipnet::IpNet>().ok());
        if let Some((_, keys)) = networks.iter().find(|(it, _)| Some(*it) == network) {
            *subnet = merge(std::mem::take(subnet), Value::Object((*keys).clone()));
        }
    }
    let text = merged.to_string();
    let ran = host
        .ask(&[&program.display().to_string(), "-t", "/dev/stdin"], text.as_bytes(), Duration::from_secs(60))
        .doing(|| "checking the merged DHCP configuration")?;
    if ran.code == 0 {
        return Ok(());
    }
    let said = [ran.stderr, ran.stdout].concat();
    let said = kea::socket::scrub(&String::from_utf8_lossy(&said));
    let line = said.lines().rev().find(|it| it.contains("rror")).unwrap_or("no reason").to_owned();
    Err(Error::new(format!("kea-dhcp4 -t refuses the merged configuration: {line}"))
        .hint("nothing was changed; the custom Kea JSON in pfSense may hold what this version of Kea does not know"))
}

/// What is in the file and what is live.
pub fn status(config: &Config, world: &World) -> Result<WiringView> {
    let bytes = read(config, world)?;
    let document = parse(config, &bytes)?;
    let wiring = wanted(config, &document)?;
    let places = ddns::state(&document, &wiring)?.into_iter().map(|(place, holds)| {
        let name = match place {
            Place::Global => "global".to_owned(),
            Place::Interface(name) => name,
        };
        (name, holds)
    });
    let running = firewall::dhcp_config(config, world, &config.d2.host);
    let (live, why) = match running {
        Ok(it) => (Some(it.pointer("/Dhcp4/dhcp-ddns/enable-updates") == Some(&Value::Bool(true))), String::new()),
        Err(error) => (None, error.what().to_owned()),
    };
    Ok(WiringView { places: places.collect(), live, why })
}
