//! config.xml for people's eyes: every value that may be a secret is replaced, so that diffs can be shown and kept.

use super::document::{Document, Id, Kind};
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

/// The text with secrets hidden. Equal values get equal names, so a changed secret still shows as a change.
pub fn hidden(document: &Document<'_>, names: &mut HashMap<String, usize>) -> String {
    let mut out = String::with_capacity(document.text.len());
    let mut at = 0;
    walk(document, document.root(), &mut |id| {
        let content = document.content(id);
        let value = document.text.get(content.clone()).unwrap_or_default();
        let next = names.len() + 1;
        let name = *names.entry(value.to_owned()).or_insert(next);
        out.push_str(document.text.get(at..content.start).unwrap_or_default());
        out.push_str(&format!("[secret {name}]"));
        at = content.end;
    });
    out.push_str(document.text.get(at..).unwrap_or_default());
    out
}

fn walk(document: &Document<'_>, id: Id, each: &mut dyn FnMut(Id)) {
    for child in document.children(id) {
        match document.kind(child) {
            Kind::Elements => walk(document, child, each),
            Kind::Text if is_secret(document.name(child)) => each(child),
            _ => {}
        }
    }
}

fn is_secret(tag: &str) -> bool {
    SECRET.iter().any(|part| tag.contains(part))
}

/// A unified diff of two configurations with secrets hidden; empty if they are the same.
pub fn diff(old: &Document<'_>, new: &Document<'_>) -> String {
    let mut names = HashMap::new();
    let (old, new) = (hidden(old, &mut names), hidden(new, &mut names));
    let diff = similar::TextDiff::from_lines(old.as_str(), new.as_str());
    diff.unified_diff().context_radius(1).header("before", "after").to_string()
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
}
