//! Kea's control channel: one JSON request per connection on a unix socket (2.2 to 3.0). Answers may hold secrets
//! (`config-get`), so nothing of an answer but its result code and a scrubbed text ever enters an error.

use super::redact;
use crate::error::{Error, Result};
use crate::world::Host;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Wait for an answer: a reload with 50,000 domains takes about a second; half a request would hang for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a daemon answered to a command it did.
#[derive(Debug)]
pub struct Answer {
    /// Its `text`.
    pub text: String,
    /// Its `arguments`; `null` if there are none.
    pub arguments: Value,
}

/// How a command ended other than well.
#[derive(Debug)]
pub enum Refusal {
    /// Result 1: the daemon's own reason, scrubbed.
    Failed(String),
    /// Result 2: this version or daemon has no such command.
    Unsupported,
    /// Result 3: done, and nothing was found.
    Empty,
}

/// Sends a command and returns its arguments; anything but result 0 is an error that names the command.
pub fn command(host: &Host, socket: &Path, name: &str, arguments: Option<Value>) -> Result<Answer> {
    ask(host, socket, name, arguments)?.map_err(|refusal| {
        let at = socket.display();
        match refusal {
            Refusal::Failed(text) => Error::new(format!("{at}: `{name}` failed: {text}")),
            Refusal::Unsupported => Error::new(format!("{at}: the daemon has no command `{name}`"))
                .hint("is this the right daemon's socket, and is the hook library for it loaded?"),
            Refusal::Empty => Error::new(format!("{at}: `{name}` found nothing")),
        }
    })
}

/// Sends a command; the inner result keeps a refusal apart from a daemon that can't be reached.
pub fn ask(
    host: &Host,
    socket: &Path,
    name: &str,
    arguments: Option<Value>,
) -> Result<std::result::Result<Answer, Refusal>> {
    let mut request = json!({ "command": name });
    if let (Some(arguments), Some(map)) = (arguments, request.as_object_mut()) {
        map.insert("arguments".into(), arguments);
    }
    let bytes = host.talk(socket, request.to_string().as_bytes(), PATIENCE).map_err(|error| {
        error
            .while_doing(format!("asking the daemon for `{name}`"))
            .hint("is the daemon running, and is this its socket?")
    })?;
    read_answer(&zeroize::Zeroizing::new(bytes)).map_err(|fact| {
        Error::new(format!("{}: {fact} to `{name}`", socket.display()))
            .hint("look at the daemon's log; it may just be stopping")
    })
}

/// Takes an answer apart; the error is a fact without any of its content.
fn read_answer(bytes: &[u8]) -> std::result::Result<std::result::Result<Answer, Refusal>, String> {
    if bytes.is_empty() {
        return Err("the daemon closed the connection without an answer".into());
    }
    let mut value: Value =
        serde_json::from_slice(bytes).map_err(|_| format!("half an answer ({} bytes, no whole JSON)", bytes.len()))?;
    // An http control socket or the control agent wraps the answer in a list.
    if let Some(first) = value.as_array_mut().and_then(|list| (list.len() == 1).then(|| list.remove(0))) {
        value = first;
    }
    let text = value.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    let arguments = value.get_mut("arguments").map(Value::take).unwrap_or_default();
    match value.get("result").and_then(Value::as_i64) {
        Some(0) => Ok(Ok(Answer { text, arguments })),
        Some(2) => Ok(Err(Refusal::Unsupported)),
        Some(3) => Ok(Err(Refusal::Empty)),
        Some(_) => Ok(Err(Refusal::Failed(scrub(&text)))),
        None => Err("an answer without a result".into()),
    }
}

/// A daemon's message as it may be shown. Kea prints a bad secret in full, in half a dozen wordings that differ between
/// versions, so of a message about a key only its beginning and its place stay.
pub fn scrub(text: &str) -> String {
    const ABOUT_A_KEY: &str = "D2TsigKey:";
    let text = match text.find(ABOUT_A_KEY) {
        Some(at) => {
            let (kept, tail) = text.split_at(at + ABOUT_A_KEY.len());
            let place = tail.rfind(" (").and_then(|at| tail.get(at..)).unwrap_or_default();
            format!("{kept} a bad name or secret [secret]{place}")
        }
        None => text.to_owned(),
    };
    redact::hide_runs(&text).chars().filter(|char| !char.is_control()).take(600).collect()
}

/// Counters by name, e.g. `update-sent` or `key[k-old.].update-sent`. Kea drops per-key counters at every reconfigure:
/// one that is missing counts as 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics(BTreeMap<String, i64>);

impl Statistics {
    /// Reads all of a daemon's counters.
    pub fn read(host: &Host, socket: &Path) -> Result<Self> {
        Ok(Self::of(&command(host, socket, "statistic-get-all", None)?.arguments))
    }

    /// From the arguments of `statistic-get-all`: `"name": [[value, "time"], …]`, the newest first.
    pub fn of(arguments: &Value) -> Self {
        let newest = |samples: &Value| samples.get(0).and_then(|it| it.get(0)).and_then(Value::as_i64);
        let all = arguments.as_object().into_iter().flatten();
        Self(all.filter_map(|(name, samples)| Some((name.clone(), newest(samples)?))).collect())
    }

    /// A counter.
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// A counter of a key: `sent`, `success`, `timeout`, `error`.
    pub fn of_key(&self, key: &crate::model::KeyName, what: &str) -> i64 {
        self.get(&format!("key[{key}].update-{what}"))
    }

    /// True if no update is on its way to a DNS server. Ask twice: a queued request is not counted until it is sent.
    pub fn at_rest(&self) -> bool {
        self.get("update-sent") == self.get("update-success") + self.get("update-timeout") + self.get("update-error")
    }

    /// Everything that has arrived on D2's UDP port: good, foreign and broken.
    pub fn received(&self) -> i64 {
        ["ncr-received", "ncr-invalid", "ncr-error"].iter().map(|it| self.get(it)).sum()
    }
}

/// True if D2 has no update under way: at rest in two readings `gap` apart with nothing received in between.
pub async fn idle(world: &crate::world::World, host: &Host, socket: &Path, gap: Duration) -> Result<bool> {
    let before = Statistics::read(host, socket)?;
    if !before.at_rest() {
        return Ok(false);
    }
    world.clock.sleep(gap).await;
    Ok(Statistics::read(host, socket)? == before)
}

/// The daemon's version.
pub fn version(host: &Host, socket: &Path) -> Result<super::Version> {
    let text = command(host, socket, "version-get", None)?.text;
    super::Version::parse(&text).ok_or_else(|| Error::new(format!("{}: no version in the answer", socket.display())))
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
