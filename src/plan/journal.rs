//! The journal: one JSON-lines file per run, fsynced before and after each step. Together with the secret store, or the
//! backups on the firewall, it is enough to resume or to undo the run. It holds no secret.

use super::{FORMAT, Plan, older};
use crate::changes::{Evidence, Step, Undo};
use crate::config::{Config, ServerConfig};
use crate::error::{Error, Exit, Result};
use crate::model::{Destination, HostName};
use crate::world::{Digest, Host, Lock, World};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// First line of a journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    format: u32,
    version: String,
    who: String,
    #[serde(default)]
    touched: Touched,
    plan: Plan,
}

/// What a run touches and how it is reached: enough to undo it, also when pfddns.toml no longer names it. Has no secret,
/// only the paths of token files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Touched {
    /// The DNS servers: address, type, URL, token file.
    pub servers: Vec<ServerConfig>,
    /// The firewalls.
    pub firewalls: Vec<Reached>,
}

/// A firewall and how it is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reached {
    /// Its name in the plan.
    pub name: HostName,
    /// Where ssh reaches it; `None`: it was the machine pfddns ran on.
    pub ssh: Option<Destination>,
}

impl Touched {
    /// By a plan's changes and their undos. The journal is on the first firewall, so it is always one of them.
    fn by<'a>(plan: &'a Plan, config: &Config) -> Self {
        let back = |step: &'a Step| match &step.undo {
            Undo::By(change) => Some(&**change),
            _ => None,
        };
        let changes = plan.steps.iter().flat_map(|step| std::iter::once(&step.change).chain(back(step)));
        let natures: Vec<_> = changes.map(|it| it.nature()).collect();
        let server = |it: &&ServerConfig| natures.iter().any(|nature| nature.servers.contains(&&it.name));
        let hosts = config
            .firewalls()
            .enumerate()
            .filter(|(number, it)| *number == 0 || natures.iter().any(|nature| nature.hosts.contains(&&it.name)));
        Self {
            servers: config.servers.iter().filter(server).cloned().collect(),
            firewalls: hosts.map(|(_, it)| Reached { name: it.name.clone(), ssh: it.ssh.clone() }).collect(),
        }
    }
}

/// One later line. Its number, and the digest of the line before it, show a line that was lost or changed. A journal of
/// format 1 has neither.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Digest>,
    at: Timestamp,
    #[serde(flatten)]
    event: Event,
}

/// What a line says. Steps are counted from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The step's change is about to be made.
    Started {
        /// The step.
        step: usize,
    },
    /// The change was made and proven.
    Done {
        /// The step.
        step: usize,
        /// What was seen.
        evidence: Evidence,
    },
    /// The change or its proof failed.
    Failed {
        /// The step.
        step: usize,
        /// The error.
        why: String,
    },
    /// The undo is about to start.
    Undoing {
        /// The step.
        step: usize,
    },
    /// The undo was made and proven.
    Undone {
        /// The step.
        step: usize,
    },
    /// The run is over.
    Ended {
        /// How.
        outcome: Ending,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Every step is done.
    Done,
    /// Everything was undone.
    Undone,
}

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Not started.
    Waiting,
    /// Started: the current state shows how far it got.
    Started,
    /// Done and proven.
    Done,
    /// Started and failed.
    Failed,
    /// Its undo was started.
    Undoing,
    /// Undone.
    Undone,
}

/// A run as recorded in its journal.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The journal.
    pub path: PathBuf,
    /// Who started it.
    pub who: String,
    /// Format of the journal. Of an older one than today's, lost or changed lines can't be seen.
    pub format: u32,
    /// What it touches and how it was reached. Empty in format 1.
    pub touched: Touched,
    /// The whole plan.
    pub plan: Plan,
    /// The state of each step.
    pub marks: Vec<Mark>,
    /// What was seen, step by step.
    pub evidence: Evidence,
    /// How it ended, if it did.
    pub ended: Option<Ending>,
    /// Why the last step that failed did.
    pub why: Option<String>,
    /// Time of the last line.
    pub last: Timestamp,
}

/// A journal that is being written. It is on the first firewall.
pub struct Journal {
    path: PathBuf,
    length: u64,
    tail: Tail,
}

/// What the next line must name. `None`: a journal of format 1 is continued in format 1.
type Tail = Option<(usize, Digest)>;

/// The folder of journals, locked while this lives: one run at a time.
pub struct Runs {
    folder: PathBuf,
    _lock: Lock,
}

impl Journal {
    /// The journal's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line and waits until it is on disk.
    pub fn note(&mut self, world: &mut World, event: &Event) -> Result<()> {
        let (number, after) = self.tail.clone().unzip();
        let line = Line { number, after, at: world.clock.now(), event: event.clone() };
        let text = serde_json::to_string(&line).map_err(|error| Error::new(format!("a journal line: {error}")))?;
        self.append(world, &text)
    }

    fn append(&mut self, world: &mut World, text: &str) -> Result<()> {
        let line = format!("{text}\n");
        world.first_mut()?.append(&self.path, self.length, line.as_bytes()).map_err(|error| {
            error
                .while_doing("writing the journal")
                .hint("check that the disk is not full; pfddns changes nothing without a journal")
        })?;
        self.length += line.len() as u64;
        self.tail = self.tail.as_ref().map(|(number, _)| (number + 1, Digest::of(text.as_bytes())));
        Ok(())
    }
}

impl Runs {
    /// Opens (makes) and locks the folder of journals below the state folder. A second run is refused, not queued.
    pub fn lock(world: &mut World, state: &Path) -> Result<Self> {
        let folder = state.join("runs");
        let host = world.first_mut()?;
        host.make_folder(&folder, 0o700)?;
        let path = state.join("lock");
        let lock = host.lock_if_free(&path, 0o600, Duration::ZERO)?.ok_or_else(|| {
            let hint = match host {
                Host::Local(_) => format!("wait until it ends; it holds {}", path.display()),
                Host::Remote(_) => format!(
                    "wait until it ends; it holds {}. If its connection was lost, the firewall releases the lock within a minute or two",
                    path.display()
                ),
            };
            Error::new("another pfddns is changing this site right now").hint(hint)
        })?;
        Ok(Self { folder, _lock: lock })
    }

    /// Begins the journal of a plan.
    pub fn begin(&self, config: &Config, world: &mut World, plan: &Plan, who: &str) -> Result<Journal> {
        let path = self.folder.join(format!("{}.jsonl", plan.id));
        // A disk that was full may have left a part of the first line: no step was begun then.
        if world.first()?.read_if_there(&path)?.is_some_and(|it| !whole(&it).is_empty()) {
            return Err(
                Error::new(format!("this plan was applied already: {}", path.display())).hint("make a new plan")
            );
        }
        let mut journal = Journal { path, length: 0, tail: Some((0, Digest::of(b""))) };
        let (version, touched) = (env!("CARGO_PKG_VERSION").to_owned(), Touched::by(plan, config));
        let head = Head { format: FORMAT, version, who: who.to_owned(), touched, plan: plan.clone() };
        let text = serde_json::to_string(&head).map_err(|error| Error::new(format!("a journal line: {error}")))?;
        journal.append(world, &text)?;
        Ok(journal)
    }

    /// The run as its journal records it now, under the lock, and the journal to continue: another pfddns may have resumed
    /// the run since it was read. A line torn by a power cut is removed by the next one.
    pub fn reopen(&self, world: &World, run: &RunRecord) -> Result<(RunRecord, Journal)> {
        let bytes = world.first()?.read(&run.path)?;
        let record = load(&run.path, &bytes)?
            .ok_or_else(|| Error::new(format!("{}: the journal is empty", run.path.display())))?;
        let whole = whole(&bytes);
        let lines = || whole.strip_suffix(b"\n").unwrap_or(whole).split(|&it| it == b'\n');
        let tail = (record.format > 1).then(|| (lines().count(), Digest::of(lines().next_back().unwrap_or_default())));
        Ok((record, Journal { path: run.path.clone(), length: whole.len() as u64, tail }))
    }
}

/// All runs of a site, oldest first. A journal that can't be read is an error: its content is unknown.
pub fn all(world: &World, state: &Path) -> Result<Vec<RunRecord>> {
    let (host, folder) = (world.first()?, state.join("runs"));
    let mut runs = Vec::new();
    for name in host.list(&folder)?.into_iter().filter(|name| name.ends_with(".jsonl")) {
        let path = folder.join(name);
        let bytes = host.read(&path)?;
        if let Some(run) = load(&path, &bytes)? {
            runs.push(run);
        }
    }
    // Names contain the second; two runs of one second are ordered by the plan's own time.
    runs.sort_by_key(|run| run.plan.made);
    Ok(runs)
}

/// The whole lines.
fn whole(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// Reads one journal. `None` if not even its first line is whole: then no step was started either.
pub fn load(path: &Path, bytes: &[u8]) -> Result<Option<RunRecord>> {
    let bad = |line: usize, why: String| {
        Error::new(format!("{}:{line}: not a journal line: {why}", path.display()))
            .hint(format!(
                "it records what a run did: read it by hand, then move it out of this folder\n{}",
                path.display()
            ))
            .exit_with(Exit::NeedsPerson)
    };
    let text = std::str::from_utf8(whole(bytes)).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        bad(1 + good.iter().filter(|it| **it == b'\n').count(), "not UTF-8".into())
    })?;
    let mut lines = text.split_terminator('\n').enumerate();
    let Some((_, first)) = lines.next() else { return Ok(None) };
    let (format, head) = head(first).map_err(|why| bad(1, why))?;
    let mut run = RunRecord {
        path: path.to_owned(),
        who: head.who,
        format,
        touched: head.touched,
        marks: vec![Mark::Waiting; head.plan.steps.len()],
        last: head.plan.made,
        plan: head.plan,
        evidence: Evidence::default(),
        ended: None,
        why: None,
    };
    let mut before = first;
    for (number, text) in lines {
        let line: Line = serde_json::from_str(text).map_err(|error| bad(number + 1, error.to_string()))?;
        if format > 1 && (line.number != Some(number) || line.after != Some(Digest::of(before.as_bytes()))) {
            return Err(bad(number + 1, format!("line {number} is missing or was changed")));
        }
        before = text;
        run.last = line.at;
        run.take(line.event).map_err(|why| bad(number + 1, why))?;
    }
    Ok(Some(run))
}

/// The first line, and the format it was written in.
fn head(line: &str) -> std::result::Result<(u32, Head), String> {
    let words = |error: serde_json::Error| error.to_string();
    let mut value: Value = serde_json::from_str(line).map_err(words)?;
    match value.get("format").and_then(Value::as_u64) {
        Some(1) => {
            if let Some(plan) = value.get_mut("plan") {
                *plan = older::upgraded(plan);
            }
            serde_json::from_value(value).map_err(words).map(|head| (1, head))
        }
        Some(format) if format == u64::from(FORMAT) => {
            serde_json::from_str(line).map_err(words).map(|head| (FORMAT, head))
        }
        _ => Err(older::unknown(&value)),
    }
}

impl RunRecord {
    fn take(&mut self, event: Event) -> std::result::Result<(), String> {
        let (step, mark) = match event {
            Event::Started { step } => (step, Mark::Started),
            Event::Done { step, evidence } => {
                self.evidence.add(&evidence);
                (step, Mark::Done)
            }
            Event::Failed { step, why } => {
                self.why = Some(why);
                (step, Mark::Failed)
            }
            Event::Undoing { step } => (step, Mark::Undoing),
            Event::Undone { step } => (step, Mark::Undone),
            Event::Ended { outcome } => {
                self.ended = Some(outcome);
                return Ok(());
            }
        };
        // A line after the end means that the run was undone later.
        self.ended = None;
        *self.marks.get_mut(step).ok_or_else(|| format!("there is no step {step}"))? = mark;
        Ok(())
    }

    /// True if a step was started and the run is neither complete nor completely undone.
    pub fn unfinished(&self) -> bool {
        self.ended.is_none() && self.begun()
    }

    /// The steps that `resume` would do, in that order.
    pub fn to_do(&self) -> Vec<usize> {
        let first = self.marks.iter().position(|mark| *mark != Mark::Done).unwrap_or(self.marks.len());
        (first..self.marks.len()).collect()
    }

    /// The steps that `undo` would undo, in that order.
    pub fn to_take_back(&self) -> Vec<usize> {
        let touched = |step: &usize| !matches!(self.marks.get(*step), Some(Mark::Waiting | Mark::Undone));
        (0..self.marks.len()).rev().filter(touched).collect()
    }

    /// True if any step was started.
    pub fn begun(&self) -> bool {
        self.marks.iter().any(|mark| *mark != Mark::Waiting)
    }

    /// One word for its state.
    pub fn standing(&self) -> &'static str {
        match self.ended {
            Some(Ending::Done) => "done",
            Some(Ending::Undone) => "undone",
            None if self.unfinished() => "unfinished",
            None => "never begun",
        }
    }
}
