//! Versions of Kea, which decide what a document may say.

use std::fmt;

/// A version of Kea.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// Reads `2.6.3` at the start of a text; the rest is ignored (`2.6.3 (tarball)`, `3.0.4-git`).
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.trim().split(|char: char| !char.is_ascii_digit() && char != '.').next()?;
        let mut parts = first.split('.').map(|part| part.parse().ok());
        Some(Self(parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}
