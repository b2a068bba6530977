//! Makes pfSense's kea-dhcp4 send names to D2: permanently through the custom JSON that pfSense 2.8 merges itself, or, on
//! 2.7, in the file that pfSense generates, until it generates it again. The firewall's own `kea-dhcp4 -t` checks the
//! result before anything is changed.

use super::backups::json_diff;
use super::config_xml::{parse, plan_edit, read};
use crate::changes::firewall::dhcp_config;
use crate::changes::{Check, files, wiring};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::Network;
use crate::plan::Plan;
use crate::systems::kea::{self, dhcp::generated};
use crate::systems::pfsense::Document;
use crate::systems::pfsense::Rebuild;
use crate::systems::pfsense::custom_kea::merge;
use crate::systems::pfsense::ddns::{self, Section};
use crate::systems::pfsense::dhcp::{Scope, scopes};
use crate::world::{Digest, World};
use serde::Serialize;
use serde_json::Value;

/// The state of the wiring.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct WiringView {
    /// The file that holds it.
    pub file: String,
    /// False: it is lost when pfSense next writes that file.
    pub lasting: bool,
    /// Each place in that file.
    pub places: Vec<PlaceView>,
    /// Does the running kea-dhcp4 send names to D2, of each wired interface? `None`: it could not be asked.
    pub live: Option<bool>,
    /// What it does instead, or why it could not be asked.
    pub why: String,
}

/// A place in a file of the DHCP server.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct PlaceView {
    /// `global`, or an interface.
    pub place: String,
    /// Does it hold all our keys?
    pub wired: bool,
}

/// What pfddns.toml asks for: D2's address for all, names for each interface whose subnet is listed.
struct Intended {
    interfaces: Vec<String>,
    wiring: generated::Wiring,
}

impl Intended {
    /// The same by interface, for config.xml.
    fn of_interfaces(&self) -> ddns::Wiring {
        let keys = self.wiring.subnets.iter().map(|(_, keys)| keys.clone());
        ddns::Wiring {
            global: self.wiring.global.clone(),
            interfaces: self.interfaces.iter().cloned().zip(keys).collect(),
        }
    }

    fn names(&self) -> String {
        self.interfaces.join(", ")
    }
}

fn wanted(config: &Config, world: &World, document: &Document<'_>) -> Result<Intended> {
    let forward = config.zones.iter().map(|it| &it.name).find(|it| !it.is_reverse());
    let suffix = forward.ok_or_else(|| Error::usage("pfddns.toml has no forward zone for the clients' names"))?;
    let known = scopes(document);
    let served = known.iter().filter(|it| it.enabled).filter_map(|it| Some((it, served(config, it)?)));
    let (interfaces, networks): (Vec<_>, Vec<_>) = served.map(|(it, network)| (it.interface.clone(), network)).unzip();
    if interfaces.is_empty() {
        return Err(Error::usage("no interface with DHCP is in a [[subnet]] of pfddns.toml")
            .hint("`pfddns dhcp show` lists the interfaces and their addresses"));
    }
    let (host, program) = (world.host(&config.primary.name)?, &config.primary.pfsense.kea_dhcp4_program);
    let version = match host.mode(program)? {
        Some(_) => kea::daemon::apply::program_version(host, program).ok(),
        None => None,
    };
    let (listen, mode) = (config.primary.d2.listen, config.d2.conflict_mode);
    let wiring = generated::Wiring::new(listen, &suffix.to_string(), mode, version, &networks)?;
    Ok(Intended { interfaces, wiring })
}

/// The network of an interface whose own address is in a [[subnet]].
fn served(config: &Config, scope: &Scope) -> Option<Network> {
    let own: ipnet::IpNet = scope.address.as_deref()?.parse().ok()?;
    config.subnets.iter().find(|it| it.contains(own.addr()))?;
    Network::new(&own.trunc().to_string()).ok()
}

/// Turns the wiring on; `until_regenerated`: in the generated file, for a pfSense that can't store it permanently.
pub fn enable(config: &Config, world: &World, until_regenerated: bool) -> Result<Plan> {
    let bytes = read(&config.primary, world)?;
    let document = parse(&config.primary, &bytes)?;
    ddns::check(&document)?;
    if until_regenerated && ddns::lasts(&document) {
        return Err(Error::usage(format!("pfSense {} can store the wiring permanently", document.dialect()))
            .hint("run the same command without --until-regenerated"));
    }
    if !until_regenerated {
        ddns::check_lasts(&document)?;
    }
    let wanted = wanted(config, world, &document)?;
    if until_regenerated {
        return rewire_plan(config, world, &wanted);
    }
    let edits = ddns::enable(&document, &wanted.of_interfaces())?;
    if !edits.is_empty() {
        lint(config, world, &wanted.wiring)?;
    }
    let title = format!("make kea-dhcp4 send the names of {} to D2", wanted.names());
    let mut plan = plan_edit(config, world, &document, "dhcp-ddns", &title, edits, Rebuild::Dhcp)?;
    // After a rebuild the running daemon is asked, not only the file: pfSense drops custom JSON that fails its lint.
    if let (Some(step), true) = (plan.steps.last_mut(), rebuilds(config, world)?) {
        step.after.push(wiring::used(&config.primary, &wanted.wiring));
    }
    Ok(plan)
}

/// Removes exactly what `enable` added.
pub fn disable(config: &Config, world: &World) -> Result<Plan> {
    let bytes = read(&config.primary, world)?;
    let document = parse(&config.primary, &bytes)?;
    if !ddns::lasts(&document) {
        return unwire_plan(config, world);
    }
    let edits = ddns::disable(&document)?;
    let left = document.edited(&edits)?;
    let left = ddns::value(&parse(&config.primary, &left)?, &Section::Global)?.unwrap_or_default();
    let mut plan = plan_edit(
        config,
        world,
        &document,
        "dhcp-ddns-off",
        "stop sending names from kea-dhcp4 to D2",
        edits,
        Rebuild::Dhcp,
    )?;
    // The operator's own switch stays.
    if let (Some(step), None, true) = (plan.steps.last_mut(), left.get("dhcp-ddns"), rebuilds(config, world)?) {
        step.after.push(wiring::silent(&config.primary));
    }
    Ok(plan)
}

/// Will pfSense rebuild DHCP as part of the plan?
fn rebuilds(config: &Config, world: &World) -> Result<bool> {
    Ok(world.host(&config.primary.name)?.mode(&config.primary.pfsense.php)?.is_some())
}

/// The generated file with our keys, loaded. Empty if they are there and in use.
fn rewire_plan(config: &Config, world: &World, wanted: &Intended) -> Result<Plan> {
    let title = format!("make kea-dhcp4 send the names of {} to D2 until pfSense next writes its file", wanted.names());
    let plan = Plan::new("dhcp-ddns", format!("{title} on {}", config.primary.name), world.clock.now());
    let host = &config.primary.name;
    let Some((bytes, file)) = wiring::read(&config.primary, world)? else {
        let path = config.primary.pfsense.kea_dhcp4_config.display();
        return Err(Error::new(format!("{path}: not found; pfSense has not started Kea's DHCP server")));
    };
    let new = file.with(&wanted.wiring)?;
    // A stopped server would lose it: pfSense writes the file again when it starts the server.
    let running = dhcp_config(&config.primary, world)?;
    if new.is_none() && wanted.wiring.missing_in(&running).is_none() {
        return Ok(plan);
    }
    if let Some(new) = &new {
        kea::daemon::apply::test_dhcp4(world.host(host)?, &config.primary.pfsense.kea_dhcp4_program, new)?;
    }
    let uses = wiring::used(&config.primary, &wanted.wiring);
    Ok(one_step(config, plan, &title, (&bytes, &file), Some(&wanted.wiring), new, vec![uses]))
}

/// The generated file without our keys. Empty if there are none.
fn unwire_plan(config: &Config, world: &World) -> Result<Plan> {
    let title = "stop sending names from kea-dhcp4 to D2";
    let plan = Plan::new("dhcp-ddns-off", format!("{title} on {}", config.primary.name), world.clock.now());
    let Some((bytes, file)) = wiring::read(&config.primary, world)? else { return Ok(plan) };
    let Some(new) = file.without()? else { return Ok(plan) };
    // A foreign switch stays; and the daemon does not have to run.
    let left: Option<Value> = serde_json::from_slice(&new).ok();
    let silent = left.is_some_and(|it| it.pointer("/Dhcp4/dhcp-ddns").is_none());
    let runs = dhcp_config(&config.primary, world).is_ok();
    let after = if silent && runs { vec![wiring::silent(&config.primary)] } else { Vec::new() };
    Ok(one_step(config, plan, title, (&bytes, &file), None, Some(new), after))
}

fn one_step(
    config: &Config,
    mut plan: Plan,
    title: &str,
    (bytes, file): (&[u8], &generated::Generated),
    wanted: Option<&generated::Wiring>,
    new: Option<Vec<u8>>,
    after: Vec<Check>,
) -> Plan {
    let (on, diff) = (&config.primary, json_diff(bytes, new.as_deref().unwrap_or(bytes)));
    plan.given.push(files::is(&on.name, &on.pfsense.kea_dhcp4_config, Some(Digest::of(bytes))));
    plan.steps.push(wiring::put(on, (bytes, file), wanted, &plan.id, title, after).showing(diff));
    plan
}

/// `kea-dhcp4 -t` on what pfSense wrote last with our keys merged in. Without the program or that file there is nothing
/// to check with: then only pfSense's own lint, switched on by the interface's tag, checks it.
fn lint(config: &Config, world: &World, wiring: &generated::Wiring) -> Result<()> {
    let host = world.host(&config.primary.name)?;
    let program = &config.primary.pfsense.kea_dhcp4_program;
    let (Some(_), Some(bytes)) = (host.mode(program)?, host.read_if_there(&config.primary.pfsense.kea_dhcp4_config)?)
    else {
        return Ok(());
    };
    // pfSense writes strict JSON.
    let Ok(mut merged) = serde_json::from_slice::<Value>(&bytes) else { return Ok(()) };
    if let Some(dhcp4) = merged.get_mut("Dhcp4") {
        *dhcp4 = merge(std::mem::take(dhcp4), Value::Object(wiring.global.clone()));
    }
    let subnets = merged.pointer_mut("/Dhcp4/subnet4").and_then(Value::as_array_mut);
    for subnet in subnets.into_iter().flatten() {
        let network = subnet.get("subnet").and_then(Value::as_str).and_then(|it| Network::new(it).ok());
        if let Some((_, keys)) = wiring.subnets.iter().find(|(it, _)| Some(*it) == network) {
            *subnet = merge(std::mem::take(subnet), Value::Object(keys.clone()));
        }
    }
    kea::daemon::apply::test_dhcp4(host, program, merged.to_string().as_bytes())
}

/// What is in the file and what is live.
pub fn status(config: &Config, world: &World) -> Result<WiringView> {
    let bytes = read(&config.primary, world)?;
    let document = parse(&config.primary, &bytes)?;
    let wanted = wanted(config, world, &document)?;
    let lasting = ddns::lasts(&document);
    let places = match lasting {
        true => ddns::state(&document, &wanted.of_interfaces())?,
        false => places_in_generated(config, world, &wanted)?,
    };
    let places = places.into_iter().map(|(place, wired)| match place {
        Section::Global => PlaceView { place: "global".into(), wired },
        Section::Interface(place) => PlaceView { place, wired },
    });
    let path = if lasting { &config.primary.pfsense.config } else { &config.primary.pfsense.kea_dhcp4_config };
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (live, why) = match dhcp_config(&config.primary, world) {
        Ok(running) => match wanted.wiring.missing_in(&running) {
            None => (Some(true), String::new()),
            Some(why) => (Some(false), why),
        },
        Err(error) => (None, error.what().to_owned()),
    };
    Ok(WiringView { file, lasting, places: places.collect(), live, why })
}

fn places_in_generated(config: &Config, world: &World, wanted: &Intended) -> Result<Vec<(Section, bool)>> {
    let (global, subnets) = match wiring::read(&config.primary, world)? {
        Some((_, file)) => file.holds(&wanted.wiring),
        None => (false, vec![false; wanted.interfaces.len()]),
    };
    let interfaces = wanted.interfaces.iter().map(|it| Section::Interface(it.clone()));
    Ok(interfaces.zip(subnets).chain([(Section::Global, global)]).collect())
}
