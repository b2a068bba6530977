//! Reads the answers of Kea's daemons on their control channel. Only an answer's result code and its scrubbed text may enter
//! an error: `config-get` returns secrets. No I/O: `socket` asks.

use crate::text::hide_runs;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A daemon's answer to a successful command.
pub struct Answer {
    /// Its `text`.
    pub text: String,
    /// Its `arguments`; `null` if there are none.
    pub arguments: Value,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer([may hold secrets])")
    }
}

/// How a command failed.
#[derive(Debug)]
pub enum NotDone {
    /// Result 1: the daemon's own reason, scrubbed.
    Failed(String),
    /// Result 2: this version or daemon has no such command.
    Unsupported,
    /// Result 3: done, but nothing was found.
    Empty,
}

/// Parses an answer; the error is a fact without any of its content.
pub fn read(bytes: &[u8]) -> Result<Result<Answer, NotDone>, String> {
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
        Some(2) => Ok(Err(NotDone::Unsupported)),
        Some(3) => Ok(Err(NotDone::Empty)),
        Some(_) => Ok(Err(NotDone::Failed(scrub(&text)))),
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
    hide_runs(&text).chars().filter(|char| !char.is_control()).take(600).collect()
}

/// Counters by name, e.g. `update-sent` or `key[k-old.].update-sent`. Kea drops per-key counters at every reconfigure:
/// one that is missing counts as 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics(BTreeMap<String, i64>);

impl Statistics {
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

    /// True if no update to a DNS server is in progress. Ask twice: a queued request is not counted until it is sent.
    pub fn at_rest(&self) -> bool {
        self.get("update-sent") == self.sum(&["update-success", "update-timeout", "update-error"])
    }

    /// Everything that has arrived on D2's UDP port: good, foreign and broken.
    pub fn received(&self) -> i64 {
        self.sum(&["ncr-received", "ncr-invalid", "ncr-error"])
    }

    fn sum(&self, names: &[&str]) -> i64 {
        names.iter().fold(0, |sum: i64, name| sum.saturating_add(self.get(name)))
    }
}
