//! Replace the TSIG key without losing an update: new key everywhere, proof, D2, proof, old key away, proof.
//! The order is the point; each line of `rotate` is one stage of it.

use super::ddns::{add_key, install, prove, settle, store_new_key};
use super::survey::{ServerSeen, Survey};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::{KeyRef, ServerName, ZoneName};
use crate::plan::{Change, Check, Danger, Plan, Step, Undo};
use crate::systems::kea;
use crate::world::World;

/// The whole rotation.
pub async fn rotate(config: &Config, world: &World) -> Result<Plan> {
    let survey = Survey::of(config, world).await?;
    let old = preflight(config, world, &survey).await?;
    let mut plan = Plan::new("rotate", format!("rotate {} at {}", old.name, config.site), world.clock.now());

    let new = store_new_key(config, world, &survey, &mut plan)?;
    plan.steps.extend(survey.servers.iter().map(|server| add_key(server, &new)));
    plan.steps.extend(survey.servers.iter().map(|server| grant(server, &new)));
    plan.steps.extend(survey.servers.iter().map(|server| prove(server, &new)));
    plan.steps.push(settle_new(config, &survey, &new, &old));
    plan.steps.push(mark_current(&old, &new));
    if config.d2.manage {
        let accepted: Vec<Check> = survey.servers.iter().map(|server| accepted(server, &new)).collect();
        for config in &config.each() {
            plan.steps.push(install(config, &survey, &new, &plan.id)?.only_if(accepted.clone()));
            plan.steps.extend(through_d2(config, &new));
        }
        plan.steps.push(drain(config, &survey, &new, &old));
    }
    plan.steps.extend(survey.servers.iter().map(|server| revoke(server, &old).only_if(in_use(config, server, &new))));
    plan.steps.extend(survey.servers.iter().map(|server| remove_key(server, &old)));
    plan.steps.push(settle(config, names(&survey), [Some(&new), None], Some(&old.name)));
    plan.steps.extend(survey.servers.iter().map(|server| prove_both(server, &new, &old)));
    plan.steps.push(retire(&old));

    if !config.d2.manage {
        plan.dangers.push(Danger {
            name: "other-clients".into(),
            why: format!(
                "no D2 is managed here: whatever signs with {} is refused from the end of this run on",
                old.name
            ),
        });
    }
    plan.given = survey.given(config)?;
    Ok(plan)
}

/// What must be true before a rotation is even planned: one key in use, alike in store, servers and D2, and it works.
async fn preflight(config: &Config, world: &World, survey: &Survey) -> Result<KeyRef> {
    survey.no_bypass()?;
    let old = survey.key_ref(config, survey.current()?);
    for server in &survey.servers {
        let zones = zones(server);
        let name = server.name.clone();
        for check in [
            Check::ServerHasKey { server: name.clone(), key: old.clone() },
            Check::Granted { server: name.clone(), zones: zones.clone(), key: old.name.clone() },
            // Also the test of the clocks: a server whose time is off by more than the fudge answers BADTIME.
            Check::KeyAccepted { server: name, zones, key: old.clone() },
        ] {
            check.holds(config, world).await.map_err(|error| {
                error
                    .while_doing(format!("checking before the rotation that {check}"))
                    .hint("`pfddns plan` shows what is missing; rotate once it plans nothing")
            })?;
        }
    }
    for config in config.each().iter().filter(|it| it.d2.manage) {
        d2_ready(config, world, survey, &old).map_err(|error| config.named(error))?;
    }
    Ok(old)
}

fn d2_ready(config: &Config, world: &World, survey: &Survey, old: &KeyRef) -> Result<()> {
    let hint = "`pfddns kea render` writes and loads it";
    let Some(d2) = survey.d2(config) else {
        return Err(Error::new(format!("there is no {}", config.d2.config.display())).hint(hint));
    };
    // Found now rather than when every server has the new key already: no such program, or a file it would not take.
    if let Some(defect) = &d2.defect {
        return Err(defect.clone().while_doing("looking at D2's file, before anything is changed"));
    }
    let running = kea::daemon::apply::in_use(world.host(&config.d2.host)?, &config.d2.socket)?;
    for (who, installed) in [("D2's file", &d2.installed), ("the running D2", &running)] {
        crate::plan::check::uses(who, installed, Some(&old.name)).map_err(|error| error.hint(hint))?;
        let there =
            |zone: &ZoneName| installed.domains.iter().any(|it| ZoneName::new(&it.zone).is_ok_and(|it| &it == zone));
        if let Some(zone) = config.zones.iter().find(|zone| !there(&zone.name)) {
            return Err(Error::new(format!("{who} has no domain {}", zone.name)).hint(hint));
        }
    }
    Ok(())
}

fn names(survey: &Survey) -> Vec<ServerName> {
    survey.servers.iter().map(|server| server.name.clone()).collect()
}

fn zones(server: &ServerSeen) -> Vec<ZoneName> {
    server.zones.iter().map(|(zone, _)| zone.clone()).collect()
}

fn grant(server: &ServerSeen, new: &KeyRef) -> Step {
    let (name, zones, key) = (server.name.clone(), zones(server), new.name.clone());
    Step::new(
        format!("let {key} update {} on {name}", crate::plan::check::many(&zones)),
        Change::Grant { server: name.clone(), zones: zones.clone(), key: key.clone() },
        vec![
            Check::Granted { server: name.clone(), zones: zones.clone(), key: key.clone() },
            Check::KeyAccepted { server: name.clone(), zones: zones.clone(), key: new.clone() },
        ],
        Undo::by(Change::Revoke { server: name.clone(), zones: zones.clone(), key: key.clone() }),
    )
    .given(vec![Check::NotGranted { server: name, zones, key }])
}

/// Which key the store calls the one in use changes before D2 does: a D2 file rendered from the store at any later
/// moment then has a key that every server knows.
fn mark_current(old: &KeyRef, new: &KeyRef) -> Step {
    Step::new(
        format!("name {} as the key in use", new.name),
        Change::MarkCurrent { key: new.name.clone() },
        vec![Check::CurrentIs { key: Some(new.name.clone()) }],
        Undo::by(Change::MarkCurrent { key: old.name.clone() }),
    )
    .given(vec![Check::CurrentIs { key: Some(old.name.clone()) }])
}

/// A name registered through D2, in the first forward zone.
fn through_d2(config: &Config, new: &KeyRef) -> Option<Step> {
    let zone = config.zones.iter().find(|zone| !zone.name.is_reverse())?;
    let change = Change::ProbeD2 { host: config.d2.host.clone(), key: new.name.clone(), zone: zone.name.clone() };
    let title = format!("see D2{} write to {} with {}", config.on_whom(), zone.name, new.name);
    let undo = Undo::by(Change::ForgetD2Probe { host: config.d2.host.clone(), zone: zone.name.clone() });
    Some(Step::new(title, change, Vec::new(), undo))
}

/// On the way back D2 gets the old key next: by then it is on disk again everywhere, as the new one was before.
fn drain(config: &Config, survey: &Survey, new: &KeyRef, old: &KeyRef) -> Step {
    let title = format!("wait until no update signed with {} is under way", old.name);
    let back = settle(config, names(survey), [Some(old), Some(new)], None).change;
    Step::new(title, drained(config, old), Vec::new(), Undo::by(back))
}

/// D2 signs with the old key still, so a server that restarts meanwhile is given that one too. On the way back D2 has
/// just left the new key when this step is reached: its updates under way come first.
fn settle_new(config: &Config, survey: &Survey, new: &KeyRef, old: &KeyRef) -> Step {
    let step = settle(config, names(survey), [Some(new), Some(old)], None);
    let back = if config.d2.manage {
        drained(config, new)
    } else {
        settle(config, names(survey), [Some(old), None], None).change
    };
    Step { undo: Undo::by(back), ..step }
}

fn accepted(server: &ServerSeen, key: &KeyRef) -> Check {
    Check::KeyAccepted { server: server.name.clone(), zones: zones(server), key: key.clone() }
}

/// The new key works on this server and D2 has it: nothing needs the old one any more. Asked last, since a foreign hand
/// may have saved an old key table, or a run gone on a day later.
fn in_use(config: &Config, server: &ServerSeen, new: &KeyRef) -> Vec<Check> {
    let mut checks = vec![accepted(server, new)];
    for firewall in config.firewalls.iter().filter(|_| config.d2.manage) {
        let (host, key) = (firewall.name.clone(), Some(new.name.clone()));
        checks.push(Check::D2FileUses { host: host.clone(), key: key.clone() });
        checks.push(Check::D2Runs { host, key });
    }
    checks
}

fn drained(config: &Config, key: &KeyRef) -> Change {
    let bound = config.in_flight_bound() + std::time::Duration::from_millis(500);
    let milliseconds = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
    let also = config.firewalls.iter().skip(1).map(|it| it.name.clone()).collect();
    Change::Drain { host: config.d2.host.clone(), key: key.name.clone(), milliseconds, also }
}

fn revoke(server: &ServerSeen, old: &KeyRef) -> Step {
    let (name, zones, key) = (server.name.clone(), zones(server), old.name.clone());
    Step::new(
        format!("no more updates by {key} on {name}"),
        Change::Revoke { server: name.clone(), zones: zones.clone(), key: key.clone() },
        vec![Check::NotGranted { server: name.clone(), zones: zones.clone(), key: key.clone() }],
        Undo::by(Change::Grant { server: name.clone(), zones: zones.clone(), key: key.clone() }),
    )
    .given(vec![Check::Granted { server: name, zones, key }])
}

fn remove_key(server: &ServerSeen, old: &KeyRef) -> Step {
    let name = server.name.clone();
    Step::new(
        format!("take {} from {name}", old.name),
        Change::RemoveServerKey { server: name.clone(), key: old.name.clone() },
        vec![Check::ServerLacksKey { server: name.clone(), key: old.name.clone() }],
        Undo::by(Change::AddServerKey { server: name.clone(), key: old.clone() }),
    )
    .given(vec![Check::ServerHasKey { server: name, key: old.clone() }])
}

fn prove_both(server: &ServerSeen, new: &KeyRef, old: &KeyRef) -> Step {
    let mut step = prove(server, new);
    step.title = format!("prove on {} that {} is accepted, {} and unsigned refused", server.name, new.name, old.name);
    step.after.push(Check::KeyRefused { server: server.name.clone(), zones: zones(server), key: old.clone() });
    step
}

fn retire(old: &KeyRef) -> Step {
    Step::new(
        format!("mark {} as retired", old.name),
        Change::Retire { key: old.name.clone(), retired: true },
        vec![Check::RetiredIs { key: old.name.clone(), retired: true }],
        Undo::by(Change::Retire { key: old.name.clone(), retired: false }),
    )
    .given(vec![Check::RetiredIs { key: old.name.clone(), retired: false }])
}
