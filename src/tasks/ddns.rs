//! Turns dynamic updates on: a key in the store, on each server, granted in each zone, used by D2. Plans only what is
//! missing, so a second plan is empty. `tsig generate` and `kea render` are parts of it.

use super::service;
use super::survey::{ServerSeen, Survey};
use crate::changes::{Check, Step, d2, keys, probes, servers};
use crate::config::{Config, Firewall, ZoneConfig};
use crate::diff::unified;
use crate::error::{Error, Result};
use crate::model::{KeyName, KeyRef, ServerName, UpdateMode, ZoneName, ZoneRules};
use crate::plan::{Danger, Plan};
use crate::secret::Secret;
use crate::systems::kea;
use crate::systems::kea::d2::installed::same_key;
use crate::systems::kea::text::redact::redact;
use crate::systems::servers::{NameServer, Server};
use crate::systems::store::Store;
use crate::world::World;

/// Everything that is missing.
pub async fn converge(config: &Config, world: &World) -> Result<Plan> {
    let survey = Survey::of(config, world).await?;
    survey.no_bypass()?;
    let mut plan = Plan::new("ddns", format!("turn on dynamic updates at {}", config.site), world.clock.now());
    let key = keys_and_grants(config, world, &survey, &mut plan)?;
    d2_steps(config, world, &survey, &key, &mut plan)?;
    plan.given = survey.given(config)?;
    Ok(plan)
}

/// The key, the servers and the grants; D2 stays as it is.
pub async fn generate(config: &Config, world: &World) -> Result<Plan> {
    let survey = Survey::of(config, world).await?;
    survey.no_bypass()?;
    let mut plan = Plan::new("generate", format!("a TSIG key for {}", config.site), world.clock.now());
    keys_and_grants(config, world, &survey, &mut plan)?;
    plan.given = survey.given(config)?;
    Ok(plan)
}

/// D2's file and daemon; keys and servers stay as they are.
pub async fn render(config: &Config, world: &World) -> Result<Plan> {
    let survey = Survey::of(config, world).await?;
    survey.no_bypass()?;
    if !config.d2.manage {
        return Err(Error::usage("this site has no D2 to render for: d2.manage is false in pfddns.toml"));
    }
    let mut plan = Plan::new("kea-render", format!("D2's file on {}", config.names()), world.clock.now());
    let key = survey.key_ref(config, survey.current()?);
    d2_steps(config, world, &survey, &key, &mut plan)?;
    plan.given = survey.given(config)?;
    Ok(plan)
}

fn keys_and_grants(config: &Config, world: &World, survey: &Survey, plan: &mut Plan) -> Result<KeyRef> {
    let key = match &survey.book.current {
        Some(_) => survey.key_ref(config, survey.current()?),
        None => first_key(config, world, survey, plan)?,
    };
    let mut touched = Vec::new();
    for server in &survey.servers {
        let before = plan.steps.len();
        server_steps(config, survey, server, &key, plan)?;
        if plan.steps.len() > before {
            touched.push(server);
        }
    }
    if !touched.is_empty() {
        let names: Vec<ServerName> = touched.iter().map(|it| it.name.clone()).collect();
        plan.steps.push(servers::settle(config, names, [Some(&key), None], None));
        plan.steps.extend(touched.iter().map(|it| probes::prove(&it.name, &it.zone_names(), &key)));
    }
    if survey.book.current.is_none() {
        plan.steps.push(keys::mark_current(None, &key.name));
    }
    Ok(key)
}

/// The step that makes a new key, and the reference to it.
pub(super) fn store_new_key(config: &Config, world: &World, survey: &Survey, plan: &mut Plan) -> Result<KeyRef> {
    let name = survey.new_name(config, world)?;
    let secret = Store::of(config).place(survey.book.version + 1, &name);
    let key = KeyRef { name, algorithm: config.key.algorithm, secret };
    plan.steps.push(keys::store(&key));
    Ok(key)
}

fn first_key(config: &Config, world: &World, survey: &Survey, plan: &mut Plan) -> Result<KeyRef> {
    if let Some(key) = survey.book.keys.first() {
        return Err(Error::new(format!("the store holds {} but has no current key", key.name))
            .hint("`pfddns runs` shows whether a run was cut off; `pfddns undo` undoes it"));
    }
    store_new_key(config, world, survey, plan)
}

fn server_steps(config: &Config, survey: &Survey, server: &ServerSeen, key: &KeyRef, plan: &mut Plan) -> Result<()> {
    let stored = survey.book.keys.iter().find(|it| it.name == key.name);
    match server.keys.iter().find(|it| it.name == key.name) {
        None => plan.steps.push(servers::add_key(&server.name, key)),
        Some(held) => {
            let wanted = stored.map(|it| it.secret.fingerprint());
            if held.fingerprint != wanted || held.algorithm != Some(key.algorithm) {
                return Err(Error::new(format!(
                    "{} has key {} with a different secret or algorithm than the store",
                    server.name, key.name
                ))
                .hint("somebody changed one of them by hand; remove the key on the server and plan again"));
            }
        }
    }
    let backend = Server::of(config, &server.name)?;
    for (zone, found) in &server.zones {
        let rules = backend.normalise(&wanted(config, config.zone(zone)?, found, &key.name));
        if !backend.same_rules(found, &rules) {
            plan.steps.push(servers::set_rules(&server.name, zone, found, &rules));
            if !found.signature_required() {
                plan.dangers.push(Danger {
                    name: format!("close-{}-on-{}", zone.without_dot(), server.name),
                    why: format!("{zone} on {} accepts unsigned updates now ({found}); this plan ends that, and undo does not bring it back", server.name),
                });
            }
        }
    }
    Ok(())
}

/// The rules a zone needs. Rows and addresses that are not ours stay, and so does a narrower mode.
fn wanted(config: &Config, zone: &ZoneConfig, found: &ZoneRules, key: &KeyName) -> ZoneRules {
    let mut rules = found.with(key, &config.rows(key, &zone.name));
    rules.mode = match found.mode {
        UpdateMode::Deny | UpdateMode::Allow | UpdateMode::Acl => UpdateMode::Acl,
        UpdateMode::ZoneNameServers | UpdateMode::ZoneNameServersAndAcl => UpdateMode::ZoneNameServersAndAcl,
    };
    for source in &zone.sources {
        if !rules.acl.contains(source) {
            rules.acl.push(source.clone());
        }
    }
    rules
}

/// For each firewall.
fn d2_steps(config: &Config, world: &World, survey: &Survey, key: &KeyRef, plan: &mut Plan) -> Result<()> {
    let firewalls = config.firewalls().filter(|_| config.d2.manage);
    firewalls.into_iter().try_for_each(|it| d2_on(config, it, world, survey, key, plan))
}

/// The steps that write D2's file for `key` if it would change, and that start a D2 which config.xml names as a service.
fn d2_on(
    config: &Config,
    firewall: &Firewall,
    world: &World,
    survey: &Survey,
    key: &KeyRef,
    plan: &mut Plan,
) -> Result<()> {
    let service = service::wanted(config, firewall, world)?;
    let down = service && !kea::daemon::apply::running(world.host(&firewall.name)?, &firewall.d2.socket)?;
    if service {
        plan.steps.extend(service::script_step(config, firewall, world, &plan.id)?);
    }
    if !is_installed(config, firewall, survey, key)? {
        let mut step = install(config, firewall, survey, key, &plan.id)?;
        if down {
            step.after.retain(|it| !matches!(it, Check::D2(d2::Check::D2Runs { .. })));
        }
        plan.steps.push(step);
    }
    if down {
        plan.steps.push(crate::changes::service::start(config, firewall, Some(&key.name)));
    }
    Ok(())
}

/// Does D2's file say exactly what it should?
fn is_installed(config: &Config, firewall: &Firewall, survey: &Survey, key: &KeyRef) -> Result<bool> {
    let stored = survey.book.keys.iter().find(|it| it.name == key.name);
    let (Some(seen), Some(stored)) = (survey.d2(firewall), stored) else { return Ok(false) };
    Ok(*seen.text == **d2::text(config, firewall, Some((key, &stored.secret)))?)
}

/// The step that makes D2 use `key`.
pub(super) fn install(config: &Config, firewall: &Firewall, survey: &Survey, key: &KeyRef, run: &str) -> Result<Step> {
    refuse_foreign(config, firewall, survey)?;
    let digest = survey.d2(firewall).map(|d2| d2.digest.clone());
    let step = d2::install(config, firewall, Some(key), digest, run);
    Ok(step.showing(diff(config, firewall, survey, key)?))
}

/// Unified diff between the installed file and the one for `key`, secrets hidden on both sides.
fn diff(config: &Config, firewall: &Firewall, survey: &Survey, key: &KeyRef) -> Result<String> {
    let placeholder = Secret::new(base64_zeros(key.algorithm.secret_bytes()));
    let new = redact(d2::text(config, firewall, Some((key, &placeholder)))?.as_bytes());
    let old = survey.d2(firewall).map(|d2| redact(d2.text.as_bytes())).unwrap_or_default();
    let path = firewall.d2.config.display().to_string();
    Ok(unified(&old, &new, 3, (&path, &path)))
}

fn base64_zeros(bytes: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(vec![0u8; bytes])
}

/// Keys and domains in the installed file that this configuration does not name would be lost, and so would the meaning
/// of a defect in it: stop instead.
fn refuse_foreign(config: &Config, firewall: &Firewall, survey: &Survey) -> Result<()> {
    let Some(d2) = survey.d2(firewall) else { return Ok(()) };
    if let Some(defect) = &d2.defect {
        return Err(defect.clone().while_doing("reading D2's file, before anything is written"));
    }
    let known = |zone: &str| ZoneName::new(zone).is_ok_and(|zone| config.zones.iter().any(|it| it.name == zone));
    let stored = |key: &str| survey.book.keys.iter().any(|it| same_key(key, &it.name));
    let mut foreign = d2.installed.foreign.clone();
    foreign.extend(d2.installed.domains.iter().filter(|it| !known(&it.zone)).map(|it| format!("domain {}", it.zone)));
    foreign.extend(d2.installed.keys.iter().filter(|it| !stored(&it.name)).map(|it| format!("key {}", it.name)));
    if foreign.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!(
        "{}{} has entries that pfddns.toml does not name: {}",
        firewall.d2.config.display(),
        config.on(firewall),
        foreign.join(", ")
    ))
    .hint("add these zones to pfddns.toml, or move the file aside first; pfddns does not overwrite foreign entries"))
}
