//! The one error type and the exit codes.
//! Not for: deciding what to print where; `report` and `main` do that.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Exit codes of the program. Stable: scripts and jobs rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed; nothing changed.
    Failed = 1,
    /// Bad command line or configuration.
    Usage = 2,
    /// Stopped midway and undone.
    Undone = 3,
    /// Stopped midway; needs a person. The journal's path is the last line.
    NeedsPerson = 4,
    /// Changes are pending (`plan`, `--dry-run`, and states that `status` commands find missing).
    Pending = 5,
}

/// What went wrong, while doing what, and what to try next.
/// Facts first, lower case, no Rust types; never a secret. A remote firewall sends it serialised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Error {
    what: String,
    doing: Vec<String>,
    hint: Option<String>,
    exit: Exit,
}

/// `Result` with the house error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure at run time (exit code 1 unless `apply` finds that something changed).
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), doing: Vec::new(), hint: None, exit: Exit::Failed }
    }

    /// Bad input by the operator: command line or configuration (exit code 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(what) }
    }

    /// Something has changed since it was planned; nothing was written.
    pub fn stale(what: impl fmt::Display) -> Self {
        Self::new(format!("{what} has changed since this was planned; nothing was written")).plan_again()
    }

    /// The hint where the plan does not fit any more.
    #[must_use]
    pub fn plan_again(self) -> Self {
        self.hint("run the command again: it makes a new plan from the current state")
    }

    /// What the operator can do next: a command or a short sentence. The first hint given stays.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Adds a line to the hint, or makes the first one.
    #[must_use]
    pub fn and_hint(mut self, more: impl AsRef<str>) -> Self {
        let more = more.as_ref();
        self.hint = Some(self.hint.map_or_else(|| more.to_owned(), |hint| format!("{hint}\n         {more}")));
        self
    }

    /// What was going on, from the inside out. Each layer adds at most one.
    #[must_use]
    pub fn while_doing(mut self, doing: impl Into<String>) -> Self {
        self.doing.push(doing.into());
        self
    }

    /// Replaces the exit code.
    #[must_use]
    pub fn exit_with(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The fact, in one line.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The `while` lines, innermost first.
    pub fn doing(&self) -> &[String] {
        &self.doing
    }

    /// The `try` line, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The exit code this error ends the program with.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for doing in &self.doing {
            write!(f, "\n  while  {doing}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  try    {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The system's reason in the operator's words: lower case, without Rust's `(os error N)`.
pub fn plain(error: &(impl fmt::Display + ?Sized)) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Adds a `while` line to a failed result.
pub trait Doing<T> {
    /// `read(..).doing(|| format!("reading {path}"))`
    fn doing<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Doing<T> for Result<T> {
    fn doing<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Self {
        self.map_err(|error| error.while_doing(doing()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_fact_while_and_try_in_that_order() {
        let error = Err::<(), _>(Error::new("ns1 refused key ddns. (BADKEY)").hint("pfddns tsig status"))
            .doing(|| "proving the new key on ns1")
            .doing(|| "rotating ddns.")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "ns1 refused key ddns. (BADKEY)\n  while  proving the new key on ns1\n  while  rotating ddns.\n  try    pfddns tsig status"
        );
        assert_eq!(error.exit(), Exit::Failed);
        let error = Error::new("a fact").and_hint("one").and_hint("two\nthe journal").hint("too late");
        assert_eq!(error.to_string(), "a fact\n  try    one\n         two\nthe journal");
    }
}
