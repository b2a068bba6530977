//! config.xml for display: every value that may be a secret is replaced, so that diffs can be shown and stored.

use super::custom_kea::decode;
use super::edit::{Edit, prove};
use super::xml::{Document, Id, Kind};
use crate::diff::unified;
use crate::error::Result;
use crate::text::splice;
use serde_json::Value;
use std::collections::HashMap;

/// Parts of tag names whose values are never shown.
const SECRET: [&str; 18] = [
    "pass",
    "secret",
    "key",
    "psk",
    "hash",
    "prv",
    "token",
    "pwd",
    "pin",
    "community",
    "credential",
    "md5",
    "bindpw",
    "cookie",
    "tls",
    "certificate-data",
    "auth",
    "nonce",
];

/// The text with secrets hidden. Equal values get equal names, so a changed secret still shows as a change. What pfSense
/// keeps in base64 is shown as the text it is, since nobody could review it, nor see a secret in it, otherwise.
pub fn hidden(document: &Document<'_>, names: &mut HashMap<String, usize>) -> String {
    let mut cuts = Vec::new();
    let secrets: Vec<bool> = document.tag_names().map(is_secret).collect();
    let is_secret = |id| document.node(id).and_then(|it| secrets.get(it.name as usize)).is_some_and(|it| *it);
    walk(document, document.root(), &mut |parent, id| {
        let content = document.content(id);
        let value = document.text.get(content.clone()).unwrap_or_default();
        let shown = match document.name(id) {
            "custom_kea_config" => kea(value, names),
            "custom_options" if document.name(parent) == "unbound" => options(value, names),
            _ if is_secret(id) => secret(value, names),
            _ => return,
        };
        let before = document.text.get(..content.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let indent = line.get(..line.len() - line.trim_start().len()).unwrap_or_default();
        let shown = shown.replace('\n', &format!("\n{indent}\t"));
        cuts.push((content, shown));
    });
    splice(&document.text, cuts).unwrap_or_default()
}

fn walk(document: &Document<'_>, id: Id, each: &mut dyn FnMut(Id, Id)) {
    for child in document.children(id) {
        match document.kind(child) {
            Kind::Elements => walk(document, child, each),
            Kind::Text => each(id, child),
            Kind::Empty => {}
        }
    }
}

fn secret(value: &str, names: &mut HashMap<String, usize>) -> String {
    let next = names.len() + 1;
    format!("[secret {}]", names.entry(value.to_owned()).or_insert(next))
}

/// Custom JSON with the values of secret members hidden; all of it, if it is not JSON.
fn kea(value: &str, names: &mut HashMap<String, usize>) -> String {
    match serde_json::from_slice::<Value>(&decode(value)) {
        Ok(mut json) => {
            hide(&mut json, false, names);
            format!("base64 of\n{json:#}\n")
        }
        Err(_) => secret(value, names),
    }
}

fn hide(json: &mut Value, all: bool, names: &mut HashMap<String, usize>) {
    match json {
        Value::String(text) if all => *text = secret(text, names),
        Value::Array(items) => items.iter_mut().for_each(|it| hide(it, all, names)),
        Value::Object(map) => {
            map.iter_mut().for_each(|(key, it)| hide(it, all || is_secret(&key.to_ascii_lowercase()), names));
        }
        _ => {}
    }
}

/// The resolver's options with the values of secret ones hidden.
fn options(value: &str, names: &mut HashMap<String, usize>) -> String {
    let Ok(text) = String::from_utf8(decode(value)) else { return secret(value, names) };
    let mut out = "base64 of\n".to_owned();
    for line in text.lines() {
        match line.split_once(':').filter(|(key, value)| is_secret(key) && !value.trim().is_empty()) {
            Some((key, value)) => out.push_str(&format!("{key}: {}\n", secret(value.trim(), names))),
            None => out.push_str(&format!("{line}\n")),
        }
    }
    out
}

fn is_secret(tag: &str) -> bool {
    SECRET.iter().any(|part| tag.contains(part))
}

impl Document<'_> {
    /// What `edited` would change, proven as there, as a diff with secrets hidden; empty if nothing.
    pub fn preview(&self, edits: &[Edit]) -> Result<String> {
        let new = self.spliced(edits)?;
        Ok(prove(self, &new, edits)?.map(|new| diff(self, &new)).unwrap_or_default())
    }
}

/// A unified diff of two configurations with secrets hidden; empty if they are the same.
pub fn diff(old: &Document<'_>, new: &Document<'_>) -> String {
    let mut names = HashMap::new();
    let (old, new) = (hidden(old, &mut names), hidden(new, &mut names));
    unified(&old, &new, 1, ("before", "after"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_their_change_is_not() {
        let text = |password: &str| {
            format!(
                "<pfsense>\n\t<user>\n\t\t<name>a</name>\n\t\t<bcrypt-hash>{password}</bcrypt-hash>\n\t\t<password>same</password>\n\t</user>\n</pfsense>\n"
            )
        };
        let (old, new) = (text("$2y$old"), text("$2y$new"));
        let diff = diff(&Document::read(old.as_bytes()).unwrap(), &Document::read(new.as_bytes()).unwrap());
        assert!(
            diff.contains("-\t\t<bcrypt-hash>[secret 1]<") && diff.contains("+\t\t<bcrypt-hash>[secret 3]<"),
            "{diff}"
        );
        assert!(!diff.contains("$2y$") && !diff.contains("same"), "{diff}");
    }

    #[test]
    fn what_is_base64_is_shown_as_text_without_its_secrets() {
        use base64::Engine as _;
        let of = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let xml = |kea: &str, options: &str| {
            format!(
                "<pfsense>\n\t<kea>\n\t\t<custom_kea_config>{}</custom_kea_config>\n\t</kea>\n\t<unbound>\n\t\t<custom_options>{}</custom_options>\n\t</unbound>\n</pfsense>\n",
                of(kea),
                of(options)
            )
        };
        let old = xml(r#"{"lease-database":{"password":"hunter2"}}"#, "server:\nredis-server-password: hunter3\n");
        let new = xml(
            r#"{"lease-database":{"password":"hunter2"},"valid-lifetime":1}"#,
            "server:\nredis-server-password: hunter4\nauth-zone:\n  name: \"a.example\"\n",
        );
        let diff = diff(&Document::read(old.as_bytes()).unwrap(), &Document::read(new.as_bytes()).unwrap());
        for line in [
            "+\t\t\t  \"valid-lifetime\": 1\n",
            "-\t\t\tredis-server-password: [secret 2]\n",
            "+\t\t\tredis-server-password: [secret 3]\n",
            "+\t\t\tauth-zone:\n",
        ] {
            assert!(diff.contains(line), "{line}{diff}");
        }
        assert!(!diff.contains("hunter") && !diff.contains(&of("server:")[..8]), "{diff}");
        // A value that can't be read is treated as a secret.
        let broken = xml("{", "\u{e9}");
        assert!(
            hidden(&Document::read(broken.as_bytes()).unwrap(), &mut HashMap::new())
                .contains("<custom_kea_config>[secret 1]<")
        );
    }
}
