//! Proof by use, for each server and zone: a signed update is accepted and readable; an unsigned one, a wrong secret, an
//! unknown key and the retired keys are refused; nothing is left behind.

use super::survey::Survey;
use crate::changes::probes;
use crate::config::Config;
use crate::error::Result;
use crate::model::words::many;
use crate::plan::Plan;
use crate::world::World;

/// A plan of probes. It is never empty: every run proves again.
pub async fn verify(config: &Config, world: &World) -> Result<Plan> {
    let survey = Survey::of(config, world).await?;
    survey.no_bypass()?;
    let mut plan = Plan::new("verify", format!("prove who may update at {}", config.site), world.clock.now());
    let key = survey.key_ref(config, survey.current()?);
    let retired: Vec<_> =
        survey.book.keys.iter().filter(|it| it.retired.is_some()).map(|it| survey.key_ref(config, it)).collect();
    for server in &survey.servers {
        let (name, zones) = (&server.name, server.zone_names());
        let title = format!("{name}: {} is accepted in {}", key.name, many(&zones));
        plan.steps.push(probes::by_use(title, name, &zones, &key));
        plan.steps.push(probes::refusals(name, &zones, &key, retired.clone()));
    }
    Ok(plan)
}
