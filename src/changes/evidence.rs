//! What a change saw while it was made: counts, and a note.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a change saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", default)]
pub struct Evidence {
    /// Probe updates that were accepted and read back.
    pub accepted: u64,
    /// Probe updates that were refused, as they had to be.
    pub refused: u64,
    /// Updates sent through D2 that arrived.
    pub arrived: u64,
    /// Updates that were accepted and never arrived.
    pub lost: u64,
    /// A note in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Evidence {
    /// Only a note.
    pub fn note(text: impl Into<String>) -> Self {
        Self { note: text.into(), ..Self::default() }
    }

    /// Adds the counts. The other's note is not added.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.arrived += other.arrived;
        self.lost += other.lost;
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts =
            [(self.accepted, "accepted"), (self.refused, "refused"), (self.arrived, "arrived"), (self.lost, "lost")];
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        let note = (!self.note.is_empty()).then(|| self.note.clone());
        f.write_str(&counts.chain(note).collect::<Vec<_>>().join(", "))
    }
}
