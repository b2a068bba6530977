//! Keys and update rules at every moment, for tests that hold a promise against each of them. Kept as steps (what a
//! change changed), so that ten thousand zones stay cheap; moments are put together when asked for.

use super::keys::TsigKey;
use super::names;
use super::options::{MODES, Policy};
use super::state::{Live, Server};
use super::zones::Zone;
use std::collections::BTreeMap;
use std::time::Instant;

/// Who may update a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Switched off.
    pub disabled: bool,
    /// The word of `update`.
    pub update: String,
    /// In order.
    pub acl: Vec<String>,
    /// In order.
    pub policies: Vec<Policy>,
}

impl Rules {
    /// Those of a zone.
    pub fn of(zone: &Zone) -> Self {
        Self {
            disabled: zone.disabled,
            update: names::enum_word(&MODES, zone.options.update),
            acl: zone.options.update_acl.iter().map(ToString::to_string).collect(),
            policies: zone.options.policies.clone(),
        }
    }

    /// Would an unsigned update be taken, from some address at least?
    pub fn open_to_unsigned(&self) -> bool {
        let some = match self.update.as_str() {
            "Allow" | "AllowOnlyZoneNameServers" | "AllowZoneNameServersAndUseSpecifiedNetworkACL" => true,
            "UseSpecifiedNetworkACL" => self.acl.iter().any(|entry| !entry.starts_with('!')),
            _ => false,
        };
        some && !self.disabled && self.policies.is_empty()
    }
}

/// The state between two changes.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Since when.
    pub at: Instant,
    /// What brought it about.
    pub cause: String,
    /// The key table.
    pub keys: Vec<TsigKey>,
    /// Per zone that is not internal.
    pub zones: BTreeMap<String, Rules>,
}

impl Moment {
    /// Do keys and rules agree?
    pub fn same_state(&self, other: &Self) -> bool {
        self.keys == other.keys && self.zones == other.zones
    }
}

/// Where a change may have changed something.
pub enum Scope<'a> {
    /// The key table.
    Keys,
    /// The rules of one zone.
    Zone(&'a str),
    /// Anything: a start.
    All,
}

#[derive(Debug)]
struct Step {
    at: Instant,
    cause: String,
    keys: Option<Vec<TsigKey>>,
    zones: Vec<(String, Option<Rules>)>,
}

/// All steps, and where they have led.
#[derive(Debug, Default)]
pub struct History {
    steps: Vec<Step>,
    keys: Vec<TsigKey>,
    zones: BTreeMap<String, Rules>,
}

/// The rules of all zones that are not internal.
pub fn rules(live: &Live) -> BTreeMap<String, Rules> {
    let own = live.zones.iter().filter(|(_, zone)| !zone.internal);
    own.map(|(name, zone)| (name.clone(), Rules::of(zone))).collect()
}

impl History {
    /// Takes a step if anything is different from the last one. True if so.
    fn note(&mut self, live: &Live, cause: &str, scope: &Scope<'_>) -> bool {
        let zones: Vec<(String, Option<Rules>)> = match scope {
            Scope::Keys => Vec::new(),
            Scope::Zone(name) => vec![((*name).to_owned(), live.zones.get(*name).map(Rules::of))],
            Scope::All => {
                let gone = self.zones.keys().filter(|name| !live.zones.contains_key(*name));
                let gone: Vec<_> = gone.map(|name| (name.clone(), None)).collect();
                rules(live).into_iter().map(|(name, rules)| (name, Some(rules))).chain(gone).collect()
            }
        };
        let zones: Vec<_> = zones.into_iter().filter(|(name, rules)| self.zones.get(name) != rules.as_ref()).collect();
        let keys = (self.keys != live.config.keys).then(|| live.config.keys.clone());
        if zones.is_empty() && keys.is_none() && !self.steps.is_empty() {
            return false;
        }
        let step = Step { at: Instant::now(), cause: cause.to_owned(), keys, zones };
        step.apply(&mut self.keys, &mut self.zones);
        self.steps.push(step);
        true
    }

    /// All moments, the first start first.
    pub fn moments(&self) -> Vec<Moment> {
        let (mut keys, mut zones) = (Vec::new(), BTreeMap::new());
        let moment = |step: &Step| {
            step.apply(&mut keys, &mut zones);
            Moment { at: step.at, cause: step.cause.clone(), keys: keys.clone(), zones: zones.clone() }
        };
        self.steps.iter().map(moment).collect()
    }

    fn last(&self) -> Option<Moment> {
        let step = self.steps.last()?;
        Some(Moment { at: step.at, cause: step.cause.clone(), keys: self.keys.clone(), zones: self.zones.clone() })
    }
}

impl Step {
    fn apply(&self, keys: &mut Vec<TsigKey>, zones: &mut BTreeMap<String, Rules>) {
        if let Some(new) = &self.keys {
            keys.clone_from(new);
        }
        for (name, rules) in &self.zones {
            match rules {
                Some(rules) => zones.insert(name.clone(), rules.clone()),
                None => zones.remove(name),
            };
        }
    }
}

impl Server {
    /// Notes keys and rules as they are now, if they differ from the last note, and tells the observer.
    pub fn moment(&mut self, cause: &str, scope: &Scope<'_>) {
        if !self.seen.history.note(&self.live, cause, scope) {
            return;
        }
        if let Some(observer) = &self.observer
            && let Some(moment) = self.seen.history.last()
        {
            observer(&moment);
        }
    }
}
