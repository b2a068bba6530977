//! Replaces the TSIG key without losing an update: new key everywhere, proof, D2, proof, old key removed, proof.
//! The order is what matters; each line of `rotate` is one stage of it.

use super::ddns::{install, store_new_key};
use super::survey::{ServerSeen, Survey};
use crate::changes::{Change, Check, Step, Undo, d2, keys, probes, servers};
use crate::config::{Config, Firewall};
use crate::error::{Error, Result};
use crate::model::{KeyRef, ServerName, ZoneName};
use crate::plan::{Danger, Plan};
use crate::systems::kea;
use crate::world::World;

/// The whole rotation.
pub async fn rotate(config: &Config, world: &World) -> Result<Plan> {
    let survey = Survey::of(config, world).await?;
    let old = preflight(config, world, &survey).await?;
    let mut plan = Plan::new("rotate", format!("rotate {} at {}", old.name, config.site), world.clock.now());

    let new = store_new_key(config, world, &survey, &mut plan)?;
    let each = |step: &dyn Fn(&ServerName, &[ZoneName]) -> Step| -> Vec<Step> {
        survey.servers.iter().map(|it| step(&it.name, &it.zone_names())).collect()
    };
    plan.steps.extend(each(&|server, _| servers::add_key(server, &new)));
    plan.steps.extend(each(&|server, zones| grant(server, zones, &new)));
    plan.steps.extend(each(&|server, zones| probes::prove(server, zones, &new)));
    plan.steps.push(settle_new(config, &survey, &new, &old));
    // Before D2: a D2 file rendered from the store at any later moment then has a key that every server knows.
    plan.steps.push(keys::mark_current(Some(&old.name), &new.name));
    if config.d2.manage {
        let accepted: Vec<Check> = survey.servers.iter().map(|server| accepted(server, &new)).collect();
        for firewall in config.firewalls() {
            let install = install(config, firewall, &survey, &new, &plan.id)?;
            plan.steps.push(install.only_if(accepted.clone()));
            plan.steps.extend(probes::through_d2(config, firewall, &new.name));
        }
        plan.steps.push(drain(config, &survey, &new, &old));
    }
    let in_use = |server: &ServerSeen| in_use(config, server, &new);
    plan.steps.extend(
        survey.servers.iter().map(|it| servers::revoke(&it.name, &it.zone_names(), &old.name).only_if(in_use(it))),
    );
    plan.steps.extend(each(&|server, _| servers::remove_key(server, &old)));
    plan.steps.push(servers::settle(config, names(&survey), [Some(&new), None], Some(&old.name)));
    plan.steps.extend(each(&|server, zones| prove_both(server, zones, &new, &old)));
    plan.steps.push(keys::retire(&old.name));

    if !config.d2.manage {
        plan.dangers.push(Danger {
            name: "other-clients".into(),
            why: format!(
                "pfddns does not manage D2 here: after this run, every program that signs with {} is refused",
                old.name
            ),
        });
    }
    plan.given = survey.given(config)?;
    Ok(plan)
}

/// What must be true before a rotation is planned: one current key, the same in store, servers and D2, and it works.
async fn preflight(config: &Config, world: &World, survey: &Survey) -> Result<KeyRef> {
    survey.no_bypass()?;
    let old = survey.key_ref(config, survey.current()?);
    for server in &survey.servers {
        for check in [
            servers::has(&server.name, &old),
            servers::granted(&server.name, &server.zone_names(), &old.name),
            // Also the test of the clocks: a server whose time is off by more than the fudge answers BADTIME.
            accepted(server, &old),
        ] {
            check.holds(config, world).await.map_err(|error| {
                error
                    .while_doing(format!("checking before the rotation that {check}"))
                    .hint("`pfddns plan` shows what is missing; rotate when its plan is empty")
            })?;
        }
    }
    for firewall in config.firewalls().filter(|_| config.d2.manage) {
        d2_ready(config, firewall, world, survey, &old).map_err(|error| config.named(firewall, error))?;
    }
    Ok(old)
}

fn d2_ready(config: &Config, firewall: &Firewall, world: &World, survey: &Survey, old: &KeyRef) -> Result<()> {
    let hint = "`pfddns kea render` writes and loads it";
    let Some(seen) = survey.d2(firewall) else {
        return Err(Error::new(format!("there is no {}", firewall.d2.config.display())).hint(hint));
    };
    // Found now, before any server has the new key: a missing program, or a file that it would refuse.
    if let Some(defect) = &seen.defect {
        return Err(defect.clone().while_doing("reading D2's file, before anything is changed"));
    }
    let running = kea::daemon::apply::in_use(world.host(&firewall.name)?, &firewall.d2.socket)?;
    for (who, installed) in [("D2's file", &seen.installed), ("the running D2", &running)] {
        d2::uses(who, installed, Some(&old.name)).map_err(|error| error.hint(hint))?;
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

fn grant(server: &ServerName, zones: &[ZoneName], new: &KeyRef) -> Step {
    let mut step = servers::grant(server, zones, &new.name);
    step.after.push(probes::accepted_by(server, zones, new));
    step
}

/// On undo, D2 gets the old key next: by then the old key is on disk again everywhere, as the new one was before.
fn drain(config: &Config, survey: &Survey, new: &KeyRef, old: &KeyRef) -> Step {
    let title = format!("wait until no update signed with {} is under way", old.name);
    let back = servers::settle(config, names(survey), [Some(old), Some(new)], None).change;
    Step::new(title, d2::drained(config, &old.name), Vec::new(), Undo::by(back))
}

/// D2 still signs with the old key, so a server that restarts meanwhile gets that one too. On undo, D2 has just stopped
/// using the new key when this step is reached: its updates in progress must finish first.
fn settle_new(config: &Config, survey: &Survey, new: &KeyRef, old: &KeyRef) -> Step {
    let step = servers::settle(config, names(survey), [Some(new), Some(old)], None);
    let back: Change = if config.d2.manage {
        d2::drained(config, &new.name).into()
    } else {
        servers::settle(config, names(survey), [Some(old), None], None).change
    };
    Step { undo: Undo::by(back), ..step }
}

fn accepted(server: &ServerSeen, key: &KeyRef) -> Check {
    probes::accepted_by(&server.name, &server.zone_names(), key)
}

/// The new key works on this server and D2 has it: nothing needs the old one any more. Checked last, since somebody may
/// have saved an old key table, or the run was resumed a day later.
fn in_use(config: &Config, server: &ServerSeen, new: &KeyRef) -> Vec<Check> {
    let mut checks = vec![accepted(server, new)];
    for firewall in config.firewalls().filter(|_| config.d2.manage) {
        checks.extend(d2::signs(&firewall.name, Some(&new.name)));
    }
    checks
}

fn prove_both(server: &ServerName, zones: &[ZoneName], new: &KeyRef, old: &KeyRef) -> Step {
    let mut step = probes::prove(server, zones, new);
    step.title = format!("prove on {server} that {} is accepted, {} and unsigned refused", new.name, old.name);
    step.after.push(probes::refused_by(server, zones, old));
    step
}
