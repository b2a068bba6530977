//! Backups on the firewall: of config.xml and of D2's file, one for each run that replaced one, named after the run.

use super::firewall::{parse, read};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::plan::{Check, Plan, Step, Undo, change::Change, keys};
use crate::systems::kea::redact::redact;
use crate::systems::pfsense::{Document, hidden};
use crate::world::{Digest, World};
use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::Serialize;
use std::path::PathBuf;

/// What a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// pfSense's configuration.
    ConfigXml,
    /// D2's file.
    D2,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backup {
    /// Its file name, which names it on the command line.
    pub name: String,
    /// What it is of.
    pub of: Of,
    /// When the run began that replaced it.
    pub time: Option<Timestamp>,
    /// The task of that run.
    pub reason: String,
    /// Bytes.
    pub size: usize,
    /// Would the program that owns it read it?
    pub good: bool,
    /// Where it lies.
    pub path: PathBuf,
}

/// All backups, oldest first.
pub fn list(config: &Config, world: &World) -> Result<Vec<Backup>> {
    let folder = keys::backups(config);
    let host = world.host(&config.d2.host)?;
    let mut all = Vec::new();
    for name in host.list(&folder)? {
        let (of, run) = match (name.strip_prefix("config.xml."), name.strip_prefix("kea-dhcp-ddns.conf.")) {
            (Some(run), _) => (Of::ConfigXml, run),
            (_, Some(run)) => (Of::D2, run),
            _ => continue,
        };
        let path = folder.join(&name);
        let bytes = host.read(&path)?;
        let good = match of {
            Of::ConfigXml => Document::read(&bytes).is_ok(),
            Of::D2 => crate::systems::kea::Installed::read(&bytes, &name).is_ok(),
        };
        let (stamp, rest) = run.split_once('-').unwrap_or((run, ""));
        let reason = rest.rsplit_once('-').map_or(rest, |(reason, _)| reason).to_owned();
        all.push(Backup { of, time: time(stamp), reason, size: bytes.len(), good, path, name });
    }
    all.sort_by(|a, b| (a.time, &a.name).cmp(&(b.time, &b.name)));
    Ok(all)
}

fn time(stamp: &str) -> Option<Timestamp> {
    let civil = strtime::parse("%Y%m%dT%H%M%SZ", stamp).ok()?.to_datetime().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|it| it.timestamp())
}

fn find(config: &Config, world: &World, name: &str) -> Result<Backup> {
    let all = list(config, world)?;
    all.into_iter().find(|it| it.name == name).ok_or_else(|| {
        Error::usage(format!("no backup is called `{name}`")).hint("`pfddns backup list` names them all")
    })
}

/// What differs between a backup and the file in use, secrets hidden. Empty: nothing.
pub fn diff(config: &Config, world: &World, name: &str) -> Result<String> {
    let backup = find(config, world, name)?;
    let host = world.host(&config.d2.host)?;
    let old = host.read(&backup.path)?;
    match backup.of {
        Of::ConfigXml => {
            let new = read(config, world)?;
            Ok(hidden::diff(&parse(config, &old)?, &parse(config, &new)?))
        }
        Of::D2 => {
            let new = host.read(&config.d2.config)?;
            Ok(d2_diff(&old, &new))
        }
    }
}

fn d2_diff(old: &[u8], new: &[u8]) -> String {
    let (old, new) = (redact(old), redact(new));
    let diff = similar::TextDiff::from_lines(old.as_str(), new.as_str());
    diff.unified_diff().context_radius(1).header("before", "after").to_string()
}

/// Puts a backup back, through the same checks and the same recipe as any change.
pub fn restore(config: &Config, world: &World, name: &str) -> Result<Plan> {
    let backup = find(config, world, name)?;
    if !backup.good {
        return Err(Error::new(format!("{name} is not a file its program would read; it is not put back")));
    }
    let host = config.d2.host.clone();
    let mut plan = Plan::new("restore", format!("put {name} back on {host}"), world.clock.now());
    let machine = world.host(&host)?;
    let old = machine.read(&backup.path)?;
    let path = match backup.of {
        Of::ConfigXml => config.pfsense.config.clone(),
        Of::D2 => config.d2.config.clone(),
    };
    let now = machine.read(&path)?;
    if now == old {
        return Ok(plan);
    }
    let replaces = Some(Digest::of(&now));
    let diff = match backup.of {
        Of::ConfigXml => hidden::diff(&parse(config, &now)?, &parse(config, &old)?),
        Of::D2 => d2_diff(&now, &old),
    };
    let (change, undo) = match backup.of {
        Of::ConfigXml => {
            let aside = keys::backups(config).join(format!("config.xml.{}", plan.id));
            let restore = |backup: PathBuf, run: String, replaces| Change::RestoreFirewall {
                host: host.clone(),
                backup,
                run,
                replaces,
            };
            let back = restore(aside, format!("{}-back", plan.id), None);
            (restore(backup.path.clone(), plan.id.clone(), replaces.clone()), Undo::by(back))
        }
        Of::D2 => {
            let aside = keys::backups(config).join(format!("kea-dhcp-ddns.conf.{}", plan.id));
            let change = Change::RestoreD2 { host: host.clone(), backup: backup.path.clone(), existed: true };
            (
                change,
                Undo::Impossible(format!(
                    "the file of now is not kept by this step; copy it to {} first",
                    aside.display()
                )),
            )
        }
    };
    let after = match backup.of {
        Of::ConfigXml => vec![Check::FirewallIs { host: host.clone(), backup: backup.path }],
        Of::D2 => Vec::new(),
    };
    plan.given.push(Check::FileIs { host, path, digest: replaces });
    plan.steps.push(Step::new(format!("put back {name}"), change, after, undo).showing(diff));
    Ok(plan)
}

/// Removes backups beyond the newest `keep` that are older than `days`; the newest good one of each file always stays.
pub fn prune(config: &Config, world: &World, keep: usize, days: u32) -> Result<Plan> {
    let now = world.clock.now();
    let mut plan = Plan::new("prune", format!("remove old backups on {}", config.d2.host), now);
    let limit = now.as_second() - i64::from(days) * 86_400;
    let all = list(config, world)?;
    let mut files = Vec::new();
    for of in [Of::ConfigXml, Of::D2] {
        let own: Vec<&Backup> = all.iter().filter(|it| it.of == of).collect();
        let last_good = own.iter().rposition(|it| it.good);
        let old = own.len().saturating_sub(keep);
        let gone = own.iter().enumerate().take(old).filter(|(n, _)| Some(*n) != last_good);
        files.extend(
            gone.filter(|(_, it)| it.time.is_some_and(|it| it.as_second() < limit)).map(|(_, it)| it.path.clone()),
        );
    }
    if files.is_empty() {
        return Ok(plan);
    }
    let names: String = files.iter().map(|it| format!("- {}\n", it.display())).collect();
    let host = config.d2.host.clone();
    let after =
        files.iter().map(|path| Check::FileIs { host: host.clone(), path: path.clone(), digest: None }).collect();
    let title = format!("remove {} backups", files.len());
    let change = Change::RemoveBackups { host, files };
    let undo = Undo::Impossible("a removed backup is gone".into());
    plan.steps.push(Step::new(title, change, after, undo).showing(names));
    Ok(plan)
}
