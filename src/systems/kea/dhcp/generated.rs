//! The configuration that a firewall generates for kea-dhcp4: adds our DDNS keys as text and removes them again.
//! Not for: when to do so. pfSense writes the file again and does not know these keys, so they never last.

use crate::error::{Error, Result};
use crate::model::Network;
use crate::model::rules::ConflictMode;
use crate::systems::kea::Version;
use crate::systems::kea::text::{Document, Node};
use crate::text::splice;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::ops::Range;

/// Our mark is stored here: Kea keeps `user-context` and does nothing with it. Its value names the keys next to it.
const CONTEXT: &str = "user-context";
const MARK: &str = "pfddns";

/// The keys that make kea-dhcp4 send names to D2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Wiring {
    /// Below `Dhcp4`.
    pub global: Map<String, Value>,
    /// In the subnets whose clients are named.
    pub subnets: Vec<(Network, Map<String, Value>)>,
}

impl Wiring {
    /// D2's address for all, names below `suffix` for these subnets and for no others. Before 2.5 Kea has one flag for two
    /// of the modes and nothing for the others (Kea 2.2.0 refuses the newer key).
    pub fn new(
        d2: SocketAddr,
        suffix: &str,
        mode: ConflictMode,
        version: Option<Version>,
        subnets: &[Network],
    ) -> Result<Self> {
        let (key, value) = match (version, mode) {
            (Some(version), ConflictMode::CheckWithDhcid | ConflictMode::NoCheckWithDhcid)
                if version < Version(2, 5, 0) =>
            {
                ("ddns-use-conflict-resolution", json!(mode == ConflictMode::CheckWithDhcid))
            }
            (Some(version), _) if version < Version(2, 5, 0) => {
                return Err(Error::usage(format!(
                    "this firewall's Kea {version} does not know conflict-mode {}",
                    mode.name()
                ))
                .hint("before 2.5 it is `check-with-dhcid` or `no-check-with-dhcid`"));
            }
            _ => ("ddns-conflict-resolution-mode", json!(mode.name())),
        };
        let global = json!({
            "dhcp-ddns": {
                "enable-updates": true, "server-ip": d2.ip().to_string(), "server-port": d2.port(),
                "ncr-protocol": "UDP", "ncr-format": "JSON",
            },
            "ddns-send-updates": false,
        });
        let subnet = json!({
            "ddns-send-updates": true, "ddns-override-client-update": true, "ddns-override-no-update": true,
            "ddns-qualifying-suffix": suffix, key: value,
        });
        let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let subnets = subnets.iter().map(|it| (*it, map(&subnet))).collect();
        Ok(Self { global: map(&global), subnets })
    }

    /// The part of this that a running kea-dhcp4 (its `config-get`) lacks, in words; `None`: it uses all of it.
    pub fn missing_in(&self, running: &Value) -> Option<String> {
        let dhcp4 = running.get("Dhcp4").unwrap_or(&Value::Null);
        let wanted = self.global.get("dhcp-ddns").unwrap_or(&Value::Null);
        for key in ["enable-updates", "server-ip", "server-port"] {
            if dhcp4.pointer(&format!("/dhcp-ddns/{key}")) != wanted.get(key) {
                return Some("does not send names to D2".to_owned());
            }
        }
        self.subnets.iter().find_map(|(network, keys)| {
            let subnet = dhcp4.get("subnet4").and_then(Value::as_array).into_iter().flatten();
            let mut subnet = subnet.filter(|it| is_of(it.get("subnet").and_then(Value::as_str), *network));
            let Some(subnet) = subnet.next() else { return Some(format!("has no subnet {network}")) };
            let key = ["ddns-send-updates", "ddns-qualifying-suffix"];
            let other = key.iter().find(|key| subnet.get(**key) != keys.get(**key));
            other.map(|key| format!("has a different {key} for {network}"))
        })
    }
}

fn is_of(text: Option<&str>, network: Network) -> bool {
    text.is_some_and(|it| Network::new(it).is_ok_and(|it| it == network))
}

/// A generated file.
pub struct Generated {
    document: Document,
    name: String,
}

impl Generated {
    /// Reads it. It must be strict JSON: the firewall's own scripts read it again and take nothing else.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self> {
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
            return Err(Error::new(format!("{name}: not the JSON that the firewall writes: {error}")).hint(
                "pfSense may be writing it right now: run the command again; if this does not help, restart DHCP",
            ));
        }
        let document = Document::parse(bytes, name)?;
        match document.root().get("Dhcp4") {
            Some(_) => Ok(Self { document, name: name.to_owned() }),
            None => Err(Error::new(format!("{name}: it has no Dhcp4"))),
        }
    }

    /// The file with these keys; `None` if it has exactly these. Our earlier keys are replaced, foreign ones are not.
    pub fn with(&self, wiring: &Wiring) -> Result<Option<Vec<u8>>> {
        let bare = match self.without()? {
            Some(bytes) => Self::read(&bytes, &self.name)?,
            None => Self { document: self.document.clone(), name: self.name.clone() },
        };
        let mut splices = Vec::new();
        if let Some(dhcp4) = bare.document.root().get("Dhcp4") {
            bare.put(dhcp4, &wiring.global, &mut splices)?;
        }
        for (network, keys) in &wiring.subnets {
            let subnet = bare.subnets().find(|it| is_of(it.text_of("subnet"), *network));
            let subnet = subnet.ok_or_else(|| {
                Error::new(format!("{}: it has no subnet {network}", self.name))
                    .hint("check that DHCP is on for that interface and that the firewall has started it")
            })?;
            bare.put(subnet, keys, &mut splices)?;
        }
        let new = bare.spliced(splices)?;
        Ok((new != self.document.text().as_bytes()).then_some(new))
    }

    /// The file without any key of ours; `None` if there is none.
    pub fn without(&self) -> Result<Option<Vec<u8>>> {
        let mut splices = Vec::new();
        for scope in self.scopes() {
            let own = marked(scope);
            if own.is_empty() {
                continue;
            }
            let context = scope.get(CONTEXT);
            let alone = context.is_some_and(|it| it.members().len() == 1);
            self.take(scope, |name| own.contains(&name) || (alone && name == CONTEXT), &mut splices);
            if let (Some(context), false) = (context, alone) {
                self.take(context, |name| name == MARK, &mut splices);
            }
        }
        if splices.is_empty() { Ok(None) } else { self.spliced(splices).map(Some) }
    }

    /// Our keys in it, so that they can be restored.
    pub fn ours(&self) -> Option<Wiring> {
        let keys = |scope: &Node| -> Map<String, Value> {
            let own = marked(scope);
            let members = scope.members().iter().filter(|it| own.contains(&it.name.as_str()));
            members.filter_map(|it| Some((it.name.clone(), self.value(&it.node)?))).collect()
        };
        let subnets: Vec<_> = self
            .subnets()
            .filter_map(|it| Some((Network::new(it.text_of("subnet")?).ok()?, keys(it))))
            .filter(|(_, keys)| !keys.is_empty())
            .collect();
        let global = self.document.root().get("Dhcp4").map(keys).unwrap_or_default();
        (!global.is_empty() || !subnets.is_empty()).then_some(Wiring { global, subnets })
    }

    /// Does it have all of this, globally and in each subnet, no matter who added it?
    pub fn holds(&self, wiring: &Wiring) -> (bool, Vec<bool>) {
        let all = |scope: Option<&Node>, keys: &Map<String, Value>| {
            let same = |(key, wanted): (&String, &Value)| {
                scope?.get(key).and_then(|it| self.value(it)).filter(|it| it == wanted)
            };
            keys.iter().all(|it| same(it).is_some())
        };
        let subnet = |network| self.subnets().find(|it| is_of(it.text_of("subnet"), network));
        let subnets = wiring.subnets.iter().map(|(network, keys)| all(subnet(*network), keys)).collect();
        (all(self.document.root().get("Dhcp4"), &wiring.global), subnets)
    }

    fn subnets(&self) -> impl Iterator<Item = &Node> {
        self.document.root().at(&["Dhcp4", "subnet4"]).map(Node::items).unwrap_or_default().iter()
    }

    fn scopes(&self) -> impl Iterator<Item = &Node> {
        self.document.root().get("Dhcp4").into_iter().chain(self.subnets())
    }

    /// Adds the missing keys, and their names as our mark, after the last member.
    fn put(&self, scope: &Node, keys: &Map<String, Value>, out: &mut Vec<Splice>) -> Result<()> {
        let mut added = Map::new();
        for (key, value) in keys {
            match scope.get(key) {
                None => drop(added.insert(key.clone(), value.clone())),
                Some(there) if self.value(there).as_ref() == Some(value) => {}
                Some(there) => {
                    return Err(Error::new(format!(
                        "{}: `{key}` already has another value",
                        self.document.place(there.span)
                    ))
                    .hint(
                        "another source adds it to this file; remove it there, or set the same value in pfddns.toml",
                    ));
                }
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        let mark = json!({ MARK: added.keys().collect::<Vec<_>>() });
        match scope.get(CONTEXT) {
            Some(context) => self.append(context, mark.as_object().cloned().unwrap_or_default(), out),
            None => drop(added.insert(CONTEXT.to_owned(), mark)),
        }
        self.append(scope, added, out);
        Ok(())
    }

    fn value(&self, node: &Node) -> Option<Value> {
        serde_json::from_str(self.document.text().get(node.span.start..node.span.end)?).ok()
    }

    /// New members after the last one, with its layout.
    fn append(&self, map: &Node, members: Map<String, Value>, out: &mut Vec<Splice>) {
        let text = self.document.text();
        let last = map.members().last();
        let at = last.map_or(map.span.start + 1, |it| it.node.span.end);
        let indent = last.and_then(|it| line_start(text, it.name_span.start));
        let mut new = String::new();
        for (name, value) in members {
            if last.is_some() || !new.is_empty() {
                new.push(',');
            }
            let (name, pretty) = (json!(name), format!("{value:#}"));
            match indent {
                // PHP indents by four blanks, serde_json by two.
                Some(indent) => {
                    let mut lines = pretty.lines().map(|line| {
                        let body = line.trim_start();
                        format!("{}{body}", " ".repeat((line.len() - body.len()) * 2))
                    });
                    let first = lines.next().unwrap_or_default();
                    let rest: String = lines.map(|line| format!("\n{indent}{line}")).collect();
                    new.push_str(&format!("\n{indent}{name}: {first}{rest}"));
                }
                None => new.push_str(&format!("{name}:{value}")),
            }
        }
        out.push((at..at, new));
    }

    /// Cuts members out, each with the comma before it, or, for the first, after it.
    fn take(&self, map: &Node, which: impl Fn(&str) -> bool, out: &mut Vec<Splice>) {
        let members = map.members();
        let mut kept: Option<usize> = None;
        for (n, member) in members.iter().enumerate() {
            if !which(&member.name) {
                kept = Some(member.node.span.end);
                continue;
            }
            let next = members.get(n + 1).map(|it| it.name_span.start);
            let range = match (kept, next) {
                (Some(_), _) => {
                    members.get(n.wrapping_sub(1)).map_or(member.name_span.start, |it| it.node.span.end)
                        ..member.node.span.end
                }
                (None, Some(next)) => member.name_span.start..next,
                (None, None) => member.name_span.start..member.node.span.end,
            };
            out.push((range, String::new()));
        }
    }

    fn spliced(&self, splices: Vec<Splice>) -> Result<Vec<u8>> {
        let out = splice(self.document.text(), splices)
            .ok_or_else(|| Error::new(format!("{}: two changes touch the same place", self.name)))?;
        // A file that the firewall's scripts can't read must never be written.
        Self::read(out.as_bytes(), &self.name)?;
        Ok(out.into_bytes())
    }
}

/// New text for a range.
type Splice = (Range<usize>, String);

/// The names in our mark.
fn marked(scope: &Node) -> Vec<&str> {
    let mark = scope.get(CONTEXT).and_then(|it| it.get(MARK));
    mark.map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect()
}

/// The indentation of the text at `at`, if only white space is before it on its line.
fn line_start(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?;
    let indent = before.rsplit('\n').next()?;
    (before.len() > indent.len() && indent.trim().is_empty()).then_some(indent)
}

#[cfg(test)]
#[path = "generated_tests.rs"]
mod tests;
