//! Turn it on, and keep it on: a key in the store, on each server, granted in each zone, used by D2. Plans only what is
//! missing, so planning twice is boring. `tsig generate` and `kea render` are parts of it.

use super::service;
use super::survey::{ServerSeen, Survey};
use crate::config::{Config, ZoneConfig};
use crate::diff::unified;
use crate::error::{Error, Result};
use crate::model::words::have;
use crate::model::{KeyName, KeyRef, UpdateMode, ZoneName, ZoneRules};
use crate::plan::keys::d2_backup;
use crate::plan::moves_d2::d2_text;
use crate::plan::{Change, Check, Danger, Plan, Step, Undo};
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
    d2(config, world, &survey, &key, &mut plan)?;
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
    let mut plan = Plan::new("kea-render", format!("D2's file on {}", hosts(config)), world.clock.now());
    let key = survey.key_ref(config, survey.current()?);
    d2(config, world, &survey, &key, &mut plan)?;
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
        plan.steps.push(settle(config, touched.iter().map(|it| it.name.clone()).collect(), [Some(&key), None], None));
        for server in touched {
            plan.steps.push(prove(server, &key));
        }
    }
    if survey.book.current.is_none() {
        let change = Change::MarkCurrent { key: key.name.clone() };
        let after = vec![Check::CurrentIs { key: Some(key.name.clone()) }];
        // The way back is that of the first step: with the key, its being in use goes from the store.
        plan.steps.push(Step::new(format!("name {} as the key in use", key.name), change, after, Undo::NotNeeded));
    }
    Ok(key)
}

/// The step that makes a new key, and the reference to it.
pub(super) fn store_new_key(config: &Config, world: &World, survey: &Survey, plan: &mut Plan) -> Result<KeyRef> {
    let name = survey.new_name(config, world)?;
    let secret = Store::of(config).place(survey.book.version + 1, &name);
    let key = KeyRef { name: name.clone(), algorithm: config.key.algorithm, secret };
    plan.steps.push(
        Step::new(
            format!("make key {name} ({}) and store it as {}", key.algorithm, key.secret),
            Change::StoreKey { key: key.clone() },
            vec![Check::KeyStored { key: name.clone() }],
            Undo::by(Change::ForgetKey { key: name.clone() }),
        )
        .given(vec![Check::KeyNotStored { key: name }]),
    );
    Ok(key)
}

fn first_key(config: &Config, world: &World, survey: &Survey, plan: &mut Plan) -> Result<KeyRef> {
    if let Some(key) = survey.book.keys.first() {
        return Err(Error::new(format!("the store holds {} but names no key as in use", key.name))
            .hint("`pfddns runs` shows whether a run was cut off; `pfddns undo` takes it back"));
    }
    store_new_key(config, world, survey, plan)
}

fn server_steps(config: &Config, survey: &Survey, server: &ServerSeen, key: &KeyRef, plan: &mut Plan) -> Result<()> {
    let stored = survey.book.keys.iter().find(|it| it.name == key.name);
    match server.keys.iter().find(|it| it.name == key.name) {
        None => plan.steps.push(add_key(server, key)),
        Some(held) => {
            let wanted = stored.map(|it| it.secret.fingerprint());
            if held.fingerprint != wanted || held.algorithm != Some(key.algorithm) {
                return Err(Error::new(format!("{} holds {} with another secret or algorithm than the store", server.name, key.name))
                    .hint("one of them was changed by hand; `pfddns tsig rotate` needs both alike: remove the key there and plan again"));
            }
        }
    }
    let backend = Server::of(config, &server.name)?;
    for (zone, found) in &server.zones {
        let rules = backend.normalise(&wanted(config, config.zone(zone)?, found, &key.name));
        if !crate::plan::check::same_rules(found, &rules) {
            plan.steps.push(set_rules(server, zone, found, &rules));
            if !found.signature_required() {
                plan.dangers.push(Danger {
                    name: format!("close-{}-on-{}", zone.without_dot(), server.name),
                    why: format!("{zone} on {} accepts unsigned updates now ({found}); it will not any more, and undo leaves it closed", server.name),
                });
            }
        }
    }
    Ok(())
}

/// The rules a zone needs, keeping what is there: foreign rows, foreign addresses, and a narrower mode.
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

/// The step that gives a server a key.
pub(super) fn add_key(server: &ServerSeen, key: &KeyRef) -> Step {
    Step::new(
        format!("give {} key {}", server.name, key.name),
        Change::AddServerKey { server: server.name.clone(), key: key.clone() },
        vec![Check::ServerHasKey { server: server.name.clone(), key: key.clone() }],
        Undo::by(Change::RemoveServerKey { server: server.name.clone(), key: key.name.clone() }),
    )
    .given(vec![Check::ServerLacksKey { server: server.name.clone(), key: key.name.clone() }])
}

fn set_rules(server: &ServerSeen, zone: &ZoneName, found: &ZoneRules, rules: &ZoneRules) -> Step {
    let (name, zone) = (server.name.clone(), zone.clone());
    // A zone that stood open is closed on the way back too: promise 1 outranks exactness here, and the plan says so.
    let back =
        if found.signature_required() { found.clone() } else { ZoneRules { mode: UpdateMode::Deny, ..found.clone() } };
    let before = Check::RulesAre { server: name.clone(), zone: zone.clone(), rules: found.clone() };
    let step = Step::new(
        format!("set who may update {zone} on {name}"),
        Change::SetRules { server: name.clone(), zone: zone.clone(), replaces: found.clone(), rules: rules.clone() },
        vec![Check::RulesAre { server: name.clone(), zone: zone.clone(), rules: rules.clone() }],
        Undo::by(Change::SetRules { server: name, zone, replaces: rules.clone(), rules: back }),
    )
    .showing(format!("- {found}\n+ {rules}\n"));
    if found.signature_required() { step.given(vec![before]) } else { step }
}

/// The step that waits until servers have a key on disk, or have forgotten one.
pub(super) fn settle(
    config: &Config,
    servers: Vec<crate::model::ServerName>,
    present: [Option<&KeyRef>; 2],
    absent: Option<&KeyName>,
) -> Step {
    let zones: Vec<ZoneName> = config.zones.iter().map(|zone| zone.name.clone()).collect();
    let mut after = Vec::new();
    for server in &servers {
        after.extend(
            present.into_iter().flatten().map(|key| Check::ServerHasKey { server: server.clone(), key: key.clone() }),
        );
        if let Some(key) = absent {
            after.push(Check::ServerLacksKey { server: server.clone(), key: key.clone() });
        }
    }
    let ([present, keep], absent) = (present.map(Option::<&KeyRef>::cloned), absent.cloned());
    let title = format!("wait until {} it on disk", have(&servers));
    Step::new(title, Change::Settle { servers, zones, present, absent, keep }, after, Undo::NotNeeded)
}

/// The step that proves a key by use in each of a server's zones, and that unsigned updates are refused.
pub(super) fn prove(server: &ServerSeen, key: &KeyRef) -> Step {
    let zones: Vec<ZoneName> = server.zones.iter().map(|(zone, _)| zone.clone()).collect();
    Step::new(
        format!("prove {} by use in {} on {}", key.name, crate::plan::check::many(&zones), server.name),
        Change::Probe { server: server.name.clone(), zones: zones.clone(), key: key.clone() },
        vec![
            Check::Granted { server: server.name.clone(), zones: zones.clone(), key: key.name.clone() },
            Check::UnsignedRefused { server: server.name.clone(), zones: zones.clone() },
            // A proof that was cut off while its record was there is not done yet, whatever else holds.
            Check::ProbesGone { server: server.name.clone(), zones: zones.clone() },
        ],
        Undo::by(Change::ForgetProbe { server: server.name.clone(), zones, key: key.clone() }),
    )
}

/// All firewalls by name.
pub(super) fn hosts(config: &Config) -> String {
    config.firewalls.iter().map(|it| it.name.to_string()).collect::<Vec<_>>().join(", ")
}

/// For each firewall.
fn d2(config: &Config, world: &World, survey: &Survey, key: &KeyRef, plan: &mut Plan) -> Result<()> {
    config.each().iter().filter(|it| it.d2.manage).try_for_each(|config| d2_on(config, world, survey, key, plan))
}

/// The steps that write D2's file for `key` if it would change, and that start a D2 which config.xml names as a service.
fn d2_on(config: &Config, world: &World, survey: &Survey, key: &KeyRef, plan: &mut Plan) -> Result<()> {
    let service = service::wanted(config, world)?;
    let down = service && !kea::daemon::apply::running(world.host(&config.d2.host)?, &config.d2.socket)?;
    if service {
        plan.steps.extend(service::script_step(config, world, &plan.id)?);
    }
    if !is_installed(config, survey, key)? {
        let mut step = install(config, survey, key, &plan.id)?;
        if down {
            step.after.retain(|it| !matches!(it, Check::D2Runs { .. }));
        }
        plan.steps.push(step);
    }
    if down {
        plan.steps.push(service::start_step(config, Some(&key.name)));
    }
    Ok(())
}

/// Does D2's file say exactly what it should?
fn is_installed(config: &Config, survey: &Survey, key: &KeyRef) -> Result<bool> {
    let stored = survey.book.keys.iter().find(|it| it.name == key.name);
    let (Some(d2), Some(stored)) = (survey.d2(config), stored) else { return Ok(false) };
    Ok(*d2.text == **d2_text(config, Some((key, &stored.secret)))?)
}

/// The step that makes D2 use `key`.
pub(super) fn install(config: &Config, survey: &Survey, key: &KeyRef, run: &str) -> Result<Step> {
    refuse_foreign(config, survey)?;
    let host = config.d2.host.clone();
    let backup = d2_backup(config, run);
    let digest = survey.d2(config).map(|d2| d2.digest.clone());
    let change = Change::InstallD2 {
        host: host.clone(),
        key: Some(key.clone()),
        replaces: digest.clone(),
        backup: backup.clone(),
        no_pause: false,
    };
    let undo = Undo::by(Change::RestoreD2 { host: host.clone(), backup, existed: digest.is_some(), no_pause: false });
    let after = vec![
        Check::D2FileUses { host: host.clone(), key: Some(key.name.clone()) },
        Check::D2Runs { host: host.clone(), key: Some(key.name.clone()) },
    ];
    let before = Check::FileIs { host, path: config.d2.config.clone(), digest };
    let title = format!("make D2{} sign with {}", config.on_whom(), key.name);
    Ok(Step::new(title, change, after, undo).given(vec![before]).showing(diff(config, survey, key)?))
}

/// Unified diff between the installed file and the one for `key`, secrets hidden on both sides.
fn diff(config: &Config, survey: &Survey, key: &KeyRef) -> Result<String> {
    let placeholder = Secret::new(base64_zeros(key.algorithm.secret_bytes()));
    let new = redact(d2_text(config, Some((key, &placeholder)))?.as_bytes());
    let old = survey.d2(config).map(|d2| redact(d2.text.as_bytes())).unwrap_or_default();
    let path = config.d2.config.display().to_string();
    Ok(unified(&old, &new, 3, (&path, &path)))
}

fn base64_zeros(bytes: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(vec![0u8; bytes])
}

/// Keys and domains in the installed file that this configuration does not name would be lost, and so would whatever
/// was meant by a defect in it: stop instead.
fn refuse_foreign(config: &Config, survey: &Survey) -> Result<()> {
    let Some(d2) = survey.d2(config) else { return Ok(()) };
    if let Some(defect) = &d2.defect {
        return Err(defect.clone().while_doing("looking at D2's file, before anything is written"));
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
        "{}{} has what pfddns does not know: {}",
        config.d2.config.display(),
        config.on_whom(),
        foreign.join(", ")
    ))
    .hint("name these zones in pfddns.toml, or move the file aside first; nothing foreign is overwritten"))
}
