//! The include file: our keys and one address list per zone. Only pfddns writes it, so it is read strictly: content that
//! pfddns would not write was edited by somebody and is refused, not merged.

use crate::error::{Error, Result};
use crate::model::{Algorithm, GrantRow, KeyName, UpdateMode, ZoneName, ZoneRules};
use crate::secret::Secret;
use crate::systems::servers::acl;
use std::collections::BTreeMap;
use std::path::Path;
use zeroize::Zeroizing;

const HEADER: &str = "// Written by pfddns, which refuses to touch this file once it was edited by hand.\n";

/// A key with its secret.
pub(super) struct Key {
    pub name: KeyName,
    pub algorithm: Algorithm,
    pub secret: Secret,
}

/// The file's content.
#[derive(Default)]
pub(super) struct File {
    pub keys: Vec<Key>,
    pub zones: BTreeMap<ZoneName, ZoneRules>,
}

impl File {
    /// Reads what `render` wrote; an empty file is fine, for the start.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| edited(path))?;
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let file = Self::read(text).ok_or_else(|| edited(path))?;
        if *file.render() == *text { Ok(file) } else { Err(edited(path)) }
    }

    fn read(text: &str) -> Option<Self> {
        let mut file = Self::default();
        let mut lines = text.strip_prefix(HEADER)?.lines();
        while let Some(line) = lines.next() {
            let (kind, name) = line.strip_suffix(" {")?.split_once(' ')?;
            let body: Vec<&str> = lines.by_ref().take_while(|it| *it != "};").map(str::trim_start).collect();
            match kind {
                "key" => file.keys.push(read_key(unquote(name)?, &body)?),
                "acl" => {
                    let zone = ZoneName::new(unquote(name)?.strip_prefix("pfddns-")?).ok()?;
                    let rules = read_rules(&zone, &body)?;
                    file.zones.insert(zone, rules);
                }
                _ => return None,
            }
        }
        Some(file)
    }

    /// The file's text.
    pub fn render(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(HEADER.to_owned());
        for key in &self.keys {
            let (name, algorithm, secret) = (key.name.without_dot(), key.algorithm, key.secret.expose());
            text.push_str(&format!("key \"{name}\" {{\n\talgorithm {algorithm};\n\tsecret \""));
            text.push_str(secret);
            text.push_str("\";\n};\n");
        }
        for (zone, rules) in &self.zones {
            text.push_str(&format!("acl \"pfddns-{}\" {{\n", zone.without_dot()));
            if rules.mode == UpdateMode::Deny {
                text.push_str("\tnone;\n");
            }
            if !rules.acl.is_empty() {
                // Source and key: an address that is not listed is refused here; a listed one must match a key (BIND ARM, nested lists).
                text.push_str(&format!("\t!{{ !{{ {}; }}; any; }};\n", rules.acl.join("; ")));
            }
            for row in &rules.rows {
                text.push_str(&format!("\tkey \"{}\";\n", row.key.without_dot()));
            }
            if !rules.signature_required() {
                text.push_str("\tany;\n");
            }
            text.push_str("};\n");
        }
        text
    }
}

fn read_key(name: &str, body: &[&str]) -> Option<Key> {
    let [algorithm, secret] = body else { return None };
    Some(Key {
        name: KeyName::new(name).ok()?,
        algorithm: Algorithm::parse(algorithm.strip_prefix("algorithm ")?.strip_suffix(';')?)?,
        secret: Secret::new(unquote(secret.strip_prefix("secret ")?.strip_suffix(';')?)?),
    })
}

fn read_rules(zone: &ZoneName, body: &[&str]) -> Option<ZoneRules> {
    let mut rules = ZoneRules { mode: UpdateMode::Allow, acl: Vec::new(), rows: Vec::new() };
    for line in body {
        if let Some(list) = line.strip_prefix("!{ !{ ").and_then(|it| it.strip_suffix("; }; any; };")) {
            rules.acl = list.split("; ").map(str::to_owned).collect();
            (acl::normalise(&rules.acl) == rules.acl).then_some(())?;
            rules.acl.iter().all(|it| acl::Entry::parse(it).is_ok()).then_some(())?;
        } else if let Some(key) = line.strip_prefix("key ").and_then(|it| it.strip_suffix(';')) {
            rules.rows.push(row(zone, &KeyName::new(unquote(key)?).ok()?));
        } else if *line == "none;" {
            rules.mode = UpdateMode::Deny;
        } else if *line != "any;" {
            return None;
        }
    }
    if rules.mode == UpdateMode::Allow && !rules.acl.is_empty() {
        rules.mode = UpdateMode::Acl;
    }
    // Neither addresses nor keys: `any` alone is never written, so this is not ours.
    (rules.mode != UpdateMode::Allow || !rules.rows.is_empty()).then_some(rules)
}

/// The only row that a key can have here: `allow-update` has neither types nor names.
pub(super) fn row(zone: &ZoneName, key: &KeyName) -> GrantRow {
    GrantRow { key: key.clone(), name: format!("*.{}", zone.without_dot()), types: vec!["ANY".into()] }
}

fn unquote(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"').filter(|it| !it.contains(['"', '\\']))
}

fn edited(path: &Path) -> Error {
    Error::new(format!("{}: somebody edited this file; pfddns writes it differently", path.display()))
        .hint("move the added lines to named.conf or another include file, and restore this file from its backup")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> File {
        let zone = ZoneName::new("lan.example").unwrap();
        let key = |name: &str| KeyName::new(name).unwrap();
        let rules = |mode, acl: &[&str], keys: &[&str]| ZoneRules {
            mode,
            acl: acl.iter().map(ToString::to_string).collect(),
            rows: keys.iter().map(|it| row(&zone, &key(it))).collect(),
        };
        let mut file = File::default();
        file.keys.push(Key { name: key("a"), algorithm: Algorithm::HmacSha512, secret: Secret::new("c2VjcmV0") });
        file.zones.insert(zone.clone(), rules(UpdateMode::Acl, &["!10.0.0.9", "10.0.0.0/24"], &["a", "b"]));
        for (name, (mode, acl, keys)) in [
            ("one", (UpdateMode::Deny, &[][..], &[][..])),
            ("two", (UpdateMode::Deny, &["10.0.0.1"][..], &["a"][..])),
            ("three", (UpdateMode::Allow, &[][..], &["a"][..])),
            ("four", (UpdateMode::Acl, &["10.0.0.1"][..], &[][..])),
        ] {
            let zone = ZoneName::new(name).unwrap();
            let mut rules = rules(mode, acl, &[]);
            rules.rows = keys.iter().map(|it| row(&zone, &key(it))).collect();
            file.zones.insert(zone, rules);
        }
        file
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let file = sample();
        let text = file.render();
        let back = File::parse(Path::new("/f"), text.as_bytes()).unwrap();
        assert_eq!(back.zones, file.zones);
        assert_eq!(*back.render(), *text);
        assert!(File::parse(Path::new("/f"), b"\n").unwrap().keys.is_empty());
    }

    #[test]
    fn an_edited_file_is_refused() {
        let text = sample().render();
        for (from, to) in [
            ("none;", "!any;"),
            ("key \"a\";", "key a;"),
            ("\tkey \"a\";\n", "\tkey \"a\";\n\n"),
            ("10.0.0.1;", "10.0.0.1/32 ;"),
            ("algorithm hmac-sha512", "algorithm hmac-md5"),
            ("// Written", "// Rewritten"),
            ("\n};\nacl", "\n};\n// mine\nacl"),
            ("acl \"pfddns-one\"", "acl \"mine\""),
            ("!{ !{ !10.0.0.9; 10.0.0.0/24; }; any; };", "any;"),
        ] {
            let edited = text.replacen(from, to, 1);
            assert_ne!(edited, *text, "{from}");
            let error = File::parse(Path::new("/etc/f"), edited.as_bytes()).err();
            assert!(error.is_some_and(|it| it.to_string().contains("/etc/f")), "{from} → {to}");
        }
    }

    #[test]
    fn an_open_zone_is_never_read_as_ours() {
        let text = format!("{HEADER}acl \"pfddns-lan.example\" {{\n\tany;\n}};\n");
        assert!(File::parse(Path::new("/f"), text.as_bytes()).is_err());
        let text = format!("{HEADER}acl \"pfddns-lan.example\" {{\n}};\n");
        assert!(File::parse(Path::new("/f"), text.as_bytes()).is_err());
    }
}
