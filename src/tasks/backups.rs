//! Backups on each firewall: of config.xml and of D2's file, one for each run that replaced one, named after the run; and
//! the journals of the runs themselves. On a pair, one run leaves files of one name on both: they belong together.

use super::config_xml::{parse, read};
use crate::changes::firewall::{Change, Check};
use crate::changes::{Step, Undo, d2, files, service};
use crate::config::{Config, Firewall};
use crate::diff::unified;
use crate::error::{Error, Result};
use crate::model::HostName;
use crate::plan::{Plan, journal};
use crate::systems::kea::text::redact::redact;
use crate::systems::pfsense::{Document, hidden, same_but_revision};
use crate::world::{Digest, World};
use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::Serialize;
use std::path::PathBuf;

/// What a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// pfSense's configuration.
    ConfigXml,
    /// D2's file.
    D2,
    /// The file that pfSense generates for kea-dhcp4, if it was edited to send names.
    Dhcp,
    /// D2's start script.
    Script,
    /// The journal of a run.
    Run,
}

/// How the names of backups begin.
const NAMES: [(&str, Of); 3] =
    [("config.xml.", Of::ConfigXml), ("kea-dhcp-ddns.conf.", Of::D2), ("kea-dhcp4.conf.", Of::Dhcp)];

/// One backup.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Backup {
    /// The firewall it is on, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<HostName>,
    /// Its file name, which names it on the command line.
    pub name: String,
    /// Which file it is of.
    pub of: Of,
    /// When the run began that replaced it.
    pub time: Option<Timestamp>,
    /// The task of that run.
    pub reason: String,
    /// Bytes.
    pub size: usize,
    /// Can its program read it?
    pub good: bool,
    /// An unfinished run: `resume` and `undo` need it.
    pub unfinished: bool,
    /// Its path.
    pub path: PathBuf,
}

/// The backups of all firewalls, oldest first.
pub fn list(config: &Config, world: &World) -> Result<Vec<Backup>> {
    let mut all = Vec::new();
    for firewall in config.firewalls() {
        all.extend(list_on(config, firewall, world).map_err(|error| config.named(firewall, error))?);
    }
    // Stable: of one name, the one on the first firewall comes first.
    all.sort_by(oldest_first);
    Ok(all)
}

fn oldest_first(a: &Backup, b: &Backup) -> std::cmp::Ordering {
    (a.time, a.of, &a.name).cmp(&(b.time, b.of, &b.name))
}

/// The firewall's name, where there are several.
fn which(config: &Config, firewall: &Firewall) -> Option<HostName> {
    (!config.others.is_empty()).then(|| firewall.name.clone())
}

fn list_on(config: &Config, firewall: &Firewall, world: &World) -> Result<Vec<Backup>> {
    let folder = files::backups(firewall);
    let host = world.host(&firewall.name)?;
    let script = service::script_backup(firewall, "").display().to_string();
    let names = NAMES.iter().copied().chain(script.rsplit('/').next().map(|begin| (begin, Of::Script)));
    let mut all = Vec::new();
    for name in host.list(&folder)? {
        let Some((of, run)) = names.clone().find_map(|(begin, of)| Some((of, name.strip_prefix(begin)?))) else {
            continue;
        };
        let path = folder.join(&name);
        let bytes = host.read(&path)?;
        let good = match of {
            Of::ConfigXml => Document::read(&bytes).is_ok(),
            Of::Dhcp => crate::systems::kea::dhcp::generated::Generated::read(&bytes, &name).is_ok(),
            Of::Script => bytes.starts_with(b"#!"),
            Of::D2 | Of::Run => crate::systems::kea::d2::Installed::read(&bytes, &name).is_ok(),
        };
        let ((time, reason), size) = (time_and_reason(run), bytes.len());
        let firewall = which(config, firewall);
        all.push(Backup { firewall, of, time, reason, size, good, unfinished: false, path, name });
    }
    all.extend(journals(config, firewall, world)?);
    all.sort_by(oldest_first);
    Ok(all)
}

/// Journals that can't be read are listed as such: nothing else shows them by name.
fn journals(config: &Config, firewall: &Firewall, world: &World) -> Result<Vec<Backup>> {
    let folder = firewall.state.join("runs");
    let host = world.host(&firewall.name)?;
    let mut all = Vec::new();
    for name in host.list(&folder)? {
        let Some(run) = name.strip_suffix(".jsonl") else { continue };
        let path = folder.join(&name);
        let bytes = host.read(&path)?;
        let record = journal::load(&path, &bytes);
        let unfinished = matches!(&record, Ok(Some(run)) if run.unfinished());
        let (time, reason) = time_and_reason(run);
        let (good, firewall) = (matches!(record, Ok(Some(_))), which(config, firewall));
        all.push(Backup { firewall, of: Of::Run, time, reason, size: bytes.len(), good, unfinished, path, name });
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

/// The backups of that name, each with its firewall. A journal is not a backup: it records what a run did, and
/// `undo` undoes it.
fn find<'a>(config: &'a Config, world: &World, name: &str) -> Result<Vec<(&'a Firewall, Backup)>> {
    let mut found = Vec::new();
    for firewall in config.firewalls() {
        let all = list_on(config, firewall, world).map_err(|error| config.named(firewall, error))?;
        found.extend(all.into_iter().find(|it| it.name == name).map(|it| (firewall, it)));
    }
    match found.first() {
        Some((_, it)) if it.of == Of::Run => Err(Error::usage(format!(
            "{name} is the journal of a run, not a file's backup"
        ))
        .hint(format!("`pfddns runs` shows it, `pfddns undo {}` undoes the run", name.trim_end_matches(".jsonl")))),
        Some(_) => Ok(found),
        None => Err(Error::usage(format!("no backup is called `{name}`")).hint("`pfddns backup list` names them all")),
    }
}

/// What differs on one firewall between a backup and the file in use.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Difference {
    /// The firewall, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<HostName>,
    /// A unified diff, secrets hidden. Empty: nothing.
    pub diff: String,
}

/// What differs between the backups of that name and the files in use.
pub fn diff(config: &Config, world: &World, name: &str) -> Result<Vec<Difference>> {
    let one = |(firewall, backup): (&Firewall, Backup)| {
        let diff = diff_on(firewall, world, &backup).map_err(|error| config.named(firewall, error))?;
        Ok(Difference { firewall: which(config, firewall), diff })
    };
    find(config, world, name)?.into_iter().map(one).collect()
}

fn diff_on(firewall: &Firewall, world: &World, backup: &Backup) -> Result<String> {
    let host = world.host(&firewall.name)?;
    let old = host.read(&backup.path)?;
    match backup.of {
        Of::ConfigXml => {
            let new = read(firewall, world)?;
            Ok(hidden::diff(&parse(firewall, &old)?, &parse(firewall, &new)?))
        }
        Of::Dhcp => Ok(json_diff(&old, &host.read(&firewall.pfsense.kea_dhcp4_config)?)),
        Of::Script => {
            let new = host.read_if_there(&firewall.pfsense.d2_script)?.unwrap_or_default();
            let text = |bytes| String::from_utf8_lossy(bytes);
            Ok(unified(&text(&old), &text(&new), 1, ("before", "after")))
        }
        Of::D2 | Of::Run => Ok(json_diff(&old, &host.read(&firewall.d2.config)?)),
    }
}

/// A unified diff of two files of Kea with secrets hidden; empty if they are the same.
pub(super) fn json_diff(old: &[u8], new: &[u8]) -> String {
    unified(&redact(old), &redact(new), 1, ("before", "after"))
}

/// Restores a backup, with the same checks and steps as any change; on each firewall that has one of that name, since
/// the files of one run belong together.
pub fn restore(config: &Config, world: &World, name: &str) -> Result<Plan> {
    let found = find(config, world, name)?;
    let hosts: Vec<&str> = found.iter().map(|(firewall, _)| firewall.name.as_str()).collect();
    let title = format!("restore {name} on {}", hosts.join(" and "));
    let mut plan = Plan::new("restore", title, world.clock.now());
    for (firewall, backup) in found {
        restore_on(config, firewall, world, &mut plan, backup).map_err(|error| config.named(firewall, error))?;
    }
    Ok(plan)
}

fn restore_on(config: &Config, firewall: &Firewall, world: &World, plan: &mut Plan, backup: Backup) -> Result<()> {
    let name = &backup.name;
    if !backup.good {
        return Err(Error::new(format!("{name} is damaged: its program would not read it, so it is not restored")));
    }
    let old = world.host(&firewall.name)?.read(&backup.path)?;
    match backup.of {
        Of::ConfigXml => restore_firewall(config, firewall, world, plan, (backup, &old)),
        Of::D2 => restore_d2(config, firewall, world, plan, (backup, &old)),
        Of::Script => Err(Error::usage(format!("{name} is a script of another pfddns version; it is not restored"))
            .hint("`pfddns kea service install` writes the right one; `pfddns undo` undoes the run that replaced it")),
        Of::Dhcp | Of::Run => {
            Err(Error::usage(format!("pfSense writes the file of {name} itself, so it is not restored"))
                .hint("`pfddns dhcp ddns disable` removes what pfddns added to it"))
        }
    }
}

/// The file may also be damaged or gone: then the step can't be undone, and the damaged file is kept as a backup.
fn restore_firewall(
    config: &Config,
    firewall: &Firewall,
    world: &World,
    plan: &mut Plan,
    (backup, old): (Backup, &[u8]),
) -> Result<()> {
    let (host, path) = (firewall.name.clone(), &firewall.pfsense.config);
    let now = world.host(&host)?.read_if_there(path)?;
    if now.as_deref() == Some(old) {
        return Ok(());
    }
    let replaces = now.as_deref().map(Digest::of);
    let restore = |backup, run, replaces| Change::RestoreFirewall { host: host.clone(), backup, run, replaces };
    let aside = files::backup(firewall, "config.xml", &plan.id);
    let there = match &now {
        Some(now) => parse(firewall, now),
        None => Err(Error::new(format!("{}: no such file", path.display()))),
    };
    let is = files::is(&host, path, replaces.clone());
    let new = parse(firewall, old)?;
    let (diff, undo, before) = match there {
        Ok(there) if same_but_revision(&there, &new) => return Ok(()),
        Ok(there) => {
            let undo = Undo::by(restore(aside, format!("{}-back", plan.id), None));
            (hidden::diff(&there, &new), undo, Vec::new())
        }
        Err(why) => {
            let why = format!("pfSense can't read the current file: {}", why.what());
            (String::new(), Undo::Impossible(why), vec![is.clone()])
        }
    };
    let change = restore(backup.path.clone(), plan.id.clone(), replaces);
    let after = vec![Check::FirewallIs { host: host.clone(), backup: backup.path }.into()];
    plan.given.push(is);
    let title = format!("restore {}{}", backup.name, config.on(firewall));
    plan.steps.push(Step::new(title, change, after, undo).given(before).showing(diff));
    Ok(())
}

/// D2's file may also be gone: after a new installation only its backups are left.
fn restore_d2(
    config: &Config,
    firewall: &Firewall,
    world: &World,
    plan: &mut Plan,
    (backup, old): (Backup, &[u8]),
) -> Result<()> {
    let path = &firewall.d2.config;
    let now = world.host(&firewall.name)?.read_if_there(path)?;
    if now.as_deref() == Some(old) {
        return Ok(());
    }
    let replaces = now.as_deref().map(Digest::of);
    plan.given.push(files::is(&firewall.name, path, replaces.clone()));
    let step = d2::put_kept(config, firewall, (backup.path, old), replaces, &plan.id);
    plan.steps.push(step.showing(json_diff(now.as_deref().unwrap_or_default(), old)));
    Ok(())
}

/// Removes backups and journals beyond the newest `keep` of each that are older than `days`. The newest good one and
/// every unfinished run always stay, and so do journals that can't be read: their content is unknown. Each firewall is
/// counted separately.
pub fn prune(config: &Config, world: &World, keep: usize, days: u32) -> Result<Plan> {
    let title = format!("remove old backups on {}", config.names());
    let mut plan = Plan::new("prune", title, world.clock.now());
    let limit = world.clock.now().as_second() - i64::from(days) * 86_400;
    for firewall in config.firewalls() {
        let all = list_on(config, firewall, world).map_err(|error| config.named(firewall, error))?;
        let old = old(&all, keep, limit);
        if !old.is_empty() {
            plan.steps.push(files::remove_backups(config, firewall, old));
        }
    }
    Ok(plan)
}

fn old(all: &[Backup], keep: usize, limit: i64) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for of in [Of::ConfigXml, Of::D2, Of::Dhcp, Of::Script, Of::Run] {
        let own: Vec<&Backup> = all.iter().filter(|it| it.of == of).collect();
        let last_good = own.iter().rposition(|it| it.good);
        let old = own.len().saturating_sub(keep);
        let stays = |it: &Backup| it.unfinished || (it.of == Of::Run && !it.good);
        let gone = own.iter().enumerate().take(old).filter(|(n, it)| Some(*n) != last_good && !stays(it));
        files.extend(
            gone.filter(|(_, it)| it.time.is_some_and(|it| it.as_second() < limit)).map(|(_, it)| it.path.clone()),
        );
    }
    files
}
