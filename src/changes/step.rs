//! One step from a known state to a proven state, and its undo.

use super::{Change, Check};
use serde::{Deserialize, Serialize};

/// One step from a known state to a proven state, and its undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the operator reads.
    pub title: String,
    /// Must hold just before the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Check>,
    /// Must hold then too, but not for undo: it says that continuing is right, not what the step changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<Check>,
    /// Doing it twice equals doing it once.
    pub change: Change,
    /// Proof that it took effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Check>,
    /// How it is undone.
    pub undo: Undo,
    /// What changes in a document, as a unified diff with secrets hidden.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
}

/// How a step is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// This change.
    By(Box<Change>),
    /// The step leaves nothing behind.
    NotNeeded,
    /// It can't be undone, for this reason.
    Impossible(String),
}

impl Undo {
    /// This change undoes it.
    pub fn by(change: impl Into<Change>) -> Self {
        Self::By(Box::new(change.into()))
    }
}

impl Step {
    /// A step with proof and undo; add `before` and `diff` as needed.
    pub fn new(title: impl Into<String>, change: impl Into<Change>, after: Vec<Check>, undo: Undo) -> Self {
        Self {
            title: title.into(),
            before: Vec::new(),
            ready: Vec::new(),
            change: change.into(),
            after,
            undo,
            diff: String::new(),
        }
    }

    /// The same step with what must hold before it.
    #[must_use]
    pub fn given(mut self, before: Vec<Check>) -> Self {
        self.before = before;
        self
    }

    /// The same step with what must hold for continuing to be right.
    #[must_use]
    pub fn only_if(mut self, ready: Vec<Check>) -> Self {
        self.ready = ready;
        self
    }

    /// The same step with the diff it makes.
    #[must_use]
    pub fn showing(mut self, diff: String) -> Self {
        self.diff = diff;
        self
    }
}
