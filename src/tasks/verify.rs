//! Proof by use, for each server and zone: signed is accepted and readable; unsigned, a wrong secret, an unknown key and
//! the retired keys are refused; nothing stays behind.

use super::survey::Survey;
use crate::config::Config;
use crate::error::Result;
use crate::plan::{Change, Check, Plan, Step, Undo};
use crate::world::World;

/// A plan of probes. It is never empty: proof is made anew each time.
pub async fn verify(config: &Config, world: &World) -> Result<Plan> {
    let survey = Survey::of(config, world).await?;
    survey.no_bypass()?;
    let mut plan = Plan::new("verify", format!("prove who may update at {}", config.site), world.clock.now());
    let key = survey.key_ref(config, survey.current()?);
    let retired: Vec<_> =
        survey.book.keys.iter().filter(|it| it.retired.is_some()).map(|it| survey.key_ref(config, it)).collect();
    for server in &survey.servers {
        let zones: Vec<_> = server.zones.iter().map(|(zone, _)| zone.clone()).collect();
        let name = server.name.clone();
        let many = crate::plan::check::many(&zones);
        let change = Change::Probe { server: name.clone(), zones: zones.clone(), key: key.clone() };
        let forget = Change::ForgetProbe { server: name.clone(), zones: zones.clone(), key: key.clone() };
        let title = format!("{name}: {} is accepted in {many}", key.name);
        plan.steps.push(Step::new(title, change, Vec::new(), Undo::by(forget)));
        let change = Change::ProbeRefusals {
            server: name.clone(),
            zones: zones.clone(),
            key: key.clone(),
            retired: retired.clone(),
        };
        let title = format!("{name}: unsigned, wrong and retired keys are refused in {many}");
        let after = vec![Check::ProbesGone { server: name, zones }];
        plan.steps.push(Step::new(title, change, after, Undo::NotNeeded));
    }
    Ok(plan)
}
