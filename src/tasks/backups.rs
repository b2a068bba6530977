//! Backups on the firewall: of config.xml and of D2's file, one for each run that replaced one, named after the run; and
//! the journals of the runs themselves.

use super::firewall::{parse, read};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::plan::{Check, Plan, Step, Undo, change::Change, journal, keys};
use crate::systems::kea::redact::redact;
use crate::systems::pfsense::{Document, hidden};
use crate::world::{Digest, World};
use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::Serialize;
use std::path::PathBuf;

/// What a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// pfSense's configuration.
    ConfigXml,
    /// D2's file.
    D2,
    /// The file that pfSense generates for kea-dhcp4, where names were wired into it.
    Dhcp,
    /// The journal of a run.
    Run,
}

/// How the names of backups begin.
const NAMES: [(&str, Of); 3] =
    [("config.xml.", Of::ConfigXml), ("kea-dhcp-ddns.conf.", Of::D2), ("kea-dhcp4.conf.", Of::Dhcp)];

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
    /// A run that is not over: `resume` and `undo` need it.
    pub unfinished: bool,
    /// Where it lies.
    pub path: PathBuf,
}

/// All backups, oldest first.
pub fn list(config: &Config, world: &World) -> Result<Vec<Backup>> {
    let folder = keys::backups(config);
    let host = world.host(&config.d2.host)?;
    let mut all = Vec::new();
    for name in host.list(&folder)? {
        let Some((of, run)) = NAMES.iter().find_map(|(begin, of)| Some((*of, name.strip_prefix(begin)?))) else {
            continue;
        };
        let path = folder.join(&name);
        let bytes = host.read(&path)?;
        let good = match of {
            Of::ConfigXml => Document::read(&bytes).is_ok(),
            Of::Dhcp => crate::systems::kea::generated::Generated::read(&bytes, &name).is_ok(),
            Of::D2 | Of::Run => crate::systems::kea::Installed::read(&bytes, &name).is_ok(),
        };
        let (time, reason) = time_and_reason(run);
        all.push(Backup { of, time, reason, size: bytes.len(), good, unfinished: false, path, name });
    }
    all.extend(journals(config, world)?);
    all.sort_by(|a, b| (a.time, a.of, &a.name).cmp(&(b.time, b.of, &b.name)));
    Ok(all)
}

/// Journals that can't be read are listed as such: nothing else shows them by name.
fn journals(config: &Config, world: &World) -> Result<Vec<Backup>> {
    let folder = config.state.join("runs");
    let host = world.host(&config.d2.host)?;
    let mut all = Vec::new();
    for name in host.list(&folder)? {
        let Some(run) = name.strip_suffix(".jsonl") else { continue };
        let path = folder.join(&name);
        let bytes = host.read(&path)?;
        let record = journal::load(&path, &bytes);
        let unfinished = matches!(&record, Ok(Some(run)) if run.unfinished());
        let (time, reason) = time_and_reason(run);
        let good = matches!(record, Ok(Some(_)));
        all.push(Backup { of: Of::Run, time, reason, size: bytes.len(), good, unfinished, path, name });
    }
    Ok(all)
}

/// `20260314T021500Z-rotate-1f2e` begins with its time and says what it was for.
fn time_and_reason(run: &str) -> (Option<Timestamp>, String) {
    let (stamp, rest) = run.split_once('-').unwrap_or((run, ""));
    (time(stamp), rest.rsplit_once('-').map_or(rest, |(reason, _)| reason).to_owned())
}

fn time(stamp: &str) -> Option<Timestamp> {
    let civil = strtime::parse("%Y%m%dT%H%M%SZ", stamp).ok()?.to_datetime().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|it| it.timestamp())
}

/// The backup of that name. A journal is none: it tells what a run did, and `undo` is the way back from it.
fn find(config: &Config, world: &World, name: &str) -> Result<Backup> {
    let all = list(config, world)?;
    match all.into_iter().find(|it| it.name == name) {
        Some(it) if it.of == Of::Run => Err(Error::usage(format!(
            "{name} is the journal of a run, not a file's backup"
        ))
        .hint(format!("`pfddns runs` shows it, `pfddns undo {}` takes the run back", name.trim_end_matches(".jsonl")))),
        Some(it) => Ok(it),
        None => Err(Error::usage(format!("no backup is called `{name}`")).hint("`pfddns backup list` names them all")),
    }
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
        Of::Dhcp => Ok(json_diff(&old, &host.read(&config.pfsense.kea_dhcp4_config)?)),
        Of::D2 | Of::Run => Ok(json_diff(&old, &host.read(&config.d2.config)?)),
    }
}

/// A unified diff of two files of Kea with secrets hidden; empty if they are the same.
pub(super) fn json_diff(old: &[u8], new: &[u8]) -> String {
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
    if backup.of == Of::Dhcp {
        return Err(Error::usage(format!("{name} is of a file that pfSense writes itself; it is not put back"))
            .hint("`pfddns dhcp ddns disable` takes out what pfddns put into it"));
    }
    let host = &config.d2.host;
    let plan = Plan::new("restore", format!("put {name} back on {host}"), world.clock.now());
    let old = world.host(host)?.read(&backup.path)?;
    match backup.of {
        Of::ConfigXml => restore_firewall(config, world, plan, backup, &old),
        Of::D2 | Of::Dhcp | Of::Run => restore_d2(config, world, plan, backup, &old),
    }
}

fn restore_firewall(config: &Config, world: &World, mut plan: Plan, backup: Backup, old: &[u8]) -> Result<Plan> {
    let (host, path) = (config.d2.host.clone(), config.pfsense.config.clone());
    let now = world.host(&host)?.read(&path)?;
    if now == old {
        return Ok(plan);
    }
    let replaces = Some(Digest::of(&now));
    let restore = |backup, run, replaces| Change::RestoreFirewall { host: host.clone(), backup, run, replaces };
    let aside = keys::backups(config).join(format!("config.xml.{}", plan.id));
    let undo = Undo::by(restore(aside, format!("{}-back", plan.id), None));
    let change = restore(backup.path.clone(), plan.id.clone(), replaces.clone());
    let after = vec![Check::FirewallIs { host: host.clone(), backup: backup.path }];
    let diff = hidden::diff(&parse(config, &now)?, &parse(config, old)?);
    plan.given.push(Check::FileIs { host: host.clone(), path, digest: replaces });
    plan.steps.push(Step::new(format!("put back {}", backup.name), change, after, undo).showing(diff));
    Ok(plan)
}

/// D2's file may also be gone: after a new installation its backups are what is left.
fn restore_d2(config: &Config, world: &World, mut plan: Plan, backup: Backup, old: &[u8]) -> Result<Plan> {
    let (host, path) = (config.d2.host.clone(), config.d2.config.clone());
    let now = world.host(&host)?.read_if_there(&path)?;
    if now.as_deref() == Some(old) {
        return Ok(plan);
    }
    let replaces = now.as_deref().map(Digest::of);
    let aside = keys::d2_backup(config, &plan.id);
    let is = |digest| Check::FileIs { host: host.clone(), path: path.clone(), digest };
    let undo = Undo::by(Change::RestoreD2 {
        host: host.clone(),
        backup: aside.clone(),
        existed: now.is_some(),
        no_pause: false,
    });
    let change = Change::ReplaceD2 { host: host.clone(), with: backup.path, replaces: replaces.clone(), backup: aside };
    let diff = json_diff(now.as_deref().unwrap_or_default(), old);
    plan.given.push(is(replaces.clone()));
    let title = format!("put back {}", backup.name);
    let step = Step::new(title, change, vec![is(Some(Digest::of(old)))], undo);
    plan.steps.push(step.given(vec![is(replaces)]).showing(diff));
    Ok(plan)
}

/// Removes backups and journals beyond the newest `keep` of each that are older than `days`; the newest good one and
/// every unfinished run always stay, and so do journals that can't be read: what they hold is unknown.
pub fn prune(config: &Config, world: &World, keep: usize, days: u32) -> Result<Plan> {
    let now = world.clock.now();
    let mut plan = Plan::new("prune", format!("remove old backups on {}", config.d2.host), now);
    let limit = now.as_second() - i64::from(days) * 86_400;
    let all = list(config, world)?;
    let mut files = Vec::new();
    for of in [Of::ConfigXml, Of::D2, Of::Dhcp, Of::Run] {
        let own: Vec<&Backup> = all.iter().filter(|it| it.of == of).collect();
        let last_good = own.iter().rposition(|it| it.good);
        let old = own.len().saturating_sub(keep);
        let stays = |it: &Backup| it.unfinished || (it.of == Of::Run && !it.good);
        let gone = own.iter().enumerate().take(old).filter(|(n, it)| Some(*n) != last_good && !stays(it));
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
    let title = format!("remove {} old files", files.len());
    let change = Change::RemoveBackups { host, files };
    let undo = Undo::Impossible("a removed backup is gone".into());
    plan.steps.push(Step::new(title, change, after, undo).showing(names));
    Ok(plan)
}
