//! Changes to config.xml as values: which key becomes what. `splice` makes them, `proof` proves them, `inverse` finds
//! the changes that undo them.

use super::xml::Seen;
use serde::{Deserialize, Serialize};

mod inverse;
mod proof;
mod render;
mod splice;

pub(super) use proof::prove;

/// One intended change. Paths are names from below `<pfsense>`; a number picks a member of a list before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// Give this key this value; missing parents are made, a new key goes last in its parent.
    Put {
        /// Where, such as `["dhcpd", "lan", "dnsserver"]`.
        path: Vec<String>,
        /// Text, map, or the members of a list tag. A map is only written where nothing was.
        value: Seen,
    },
    /// Append a member to a list.
    Append {
        /// Path of the list tag.
        path: Vec<String>,
        /// The member.
        value: Seen,
    },
    /// Make sure that a list has a member like this; appended if there is none.
    Include {
        /// Path of the list tag.
        path: Vec<String>,
        /// The member.
        value: Seen,
    },
    /// Make sure that a list has no member like this; the others stay, wherever they have moved to.
    Exclude {
        /// Path of the list tag.
        path: Vec<String>,
        /// The member.
        value: Seen,
    },
    /// Remove the key, with all its members if it is a list, or one member if the path ends in a number.
    Remove {
        /// Where.
        path: Vec<String>,
    },
}

impl Edit {
    /// `Put` from a path such as `dhcpd/lan/dnsserver`.
    pub fn put(path: &str, value: impl Into<Seen>) -> Self {
        Self::Put { path: split(path), value: value.into() }
    }

    /// `Include` from a path.
    pub fn include(path: &str, value: impl Into<Seen>) -> Self {
        Self::Include { path: split(path), value: value.into() }
    }

    /// `Exclude` from a path.
    pub fn exclude(path: &str, value: impl Into<Seen>) -> Self {
        Self::Exclude { path: split(path), value: value.into() }
    }

    /// `Remove` from a path.
    pub fn remove(path: &str) -> Self {
        Self::Remove { path: split(path) }
    }

    pub(super) fn path(&self) -> &[String] {
        match self {
            Self::Put { path, .. }
            | Self::Append { path, .. }
            | Self::Include { path, .. }
            | Self::Exclude { path, .. }
            | Self::Remove { path } => path,
        }
    }
}

fn split(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}
