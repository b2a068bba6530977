//! A Kea document for display: every secret is replaced by `[secret]`. Works on any text; in a text that can't be parsed it
//! rather hides too much.

use super::{Document, Node};
use crate::text::{hide_runs, splice};

/// Members whose values are secrets, in any daemon's file and in any case.
const SECRET: [&str; 2] = ["secret", "password"];
/// The replacement of a secret.
const MASK: &str = "[secret]";
/// The text with all secrets replaced, the rest as it is, for diffs and messages.
pub fn redact(bytes: &[u8]) -> String {
    match Document::parse(bytes, "") {
        Ok(document) => redact_document(&document),
        Err(_) => hide_all(&String::from_utf8_lossy(bytes)),
    }
}

fn redact_document(document: &Document) -> String {
    let mut cuts = Vec::new();
    find(document.root(), &mut |node| cuts.push((node.span.start..node.span.end, format!("\"{MASK}\""))));
    let text = document.text();
    for span in document.comments() {
        let comment = text.get(span.start..span.end).unwrap_or_default();
        cuts.push((span.start..span.end, hide_all(comment)));
    }
    cuts.sort_by_key(|(range, _)| range.start);
    // Anything that overlaps (a secret that is a map, with comments inside) is covered by the first cut.
    cuts.dedup_by(|next, first| next.0.start < first.0.end);
    splice(text, cuts).unwrap_or_else(|| MASK.to_owned())
}

fn find(node: &Node, found: &mut impl FnMut(&Node)) {
    for member in node.members() {
        if SECRET.iter().any(|it| member.name.eq_ignore_ascii_case(it)) {
            found(&member.node);
        } else {
            find(&member.node, found);
        }
    }
    node.items().iter().for_each(|item| find(item, found));
}

/// For text of unknown form: hides the text after a word such as `secret` up to the end of the next quoted string or
/// line, and every long run of base64 letters.
fn hide_all(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut at = 0;
    while let Some((word, start)) =
        SECRET.iter().filter_map(|word| Some((word, lower.get(at..)?.find(word)? + at))).min_by_key(|it| it.1)
    {
        let end = start + word.len();
        out.push_str(&hide_runs(text.get(at..end).unwrap_or_default()));
        out.push_str(MASK);
        at = after_value(text, end);
    }
    out.push_str(&hide_runs(text.get(at..).unwrap_or_default()));
    out
}

/// Where the value after a name ends: after the next string if only signs and blanks are before it, but never before the
/// end of the line.
fn after_value(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let line = rest.find('\n').unwrap_or(rest.len());
    let rest_after_name = rest.strip_prefix('"').map_or(0, |_| 1);
    let tail = rest.get(rest_after_name..).unwrap_or_default();
    let value = tail.trim_start_matches(|char: char| char == ':' || char.is_whitespace());
    let skipped = rest.len() - value.len();
    let string = match value.strip_prefix('"') {
        Some(inner) => inner.find('"').map_or(rest.len(), |length| skipped + length + 2),
        None => skipped + value.find(char::is_whitespace).unwrap_or(value.len()),
    };
    from + line.max(string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "LSWXnfkKZjdPJI5QxlpnfQ==";

    #[test]
    fn only_secrets_change_in_a_good_file() {
        let text = format!(
            "{{ \"DhcpDdns\": {{ // \"x\": 1\n \"tsig-keys\": [{{ \"name\": \"k\", \"Secret\" : \"{KEY}\" }}] }} }}"
        );
        let wanted = text.replace(KEY, "[secret]");
        assert_eq!(redact(text.as_bytes()), wanted);
    }

    #[test]
    fn a_secret_in_a_comment_or_an_escape_is_hidden() {
        for text in [
            format!("{{ # old secret: {KEY}\n \"a\": 1 }}"),
            format!("{{ /* {KEY} */ \"a\": 1 }}"),
            "{ \"secret\": \"LSWX\\u006efkKZjdPJI5QxlpnfQ==\" }".to_owned(),
            "{ // password=hunter2\n }".to_owned(),
        ] {
            let shown = redact(text.as_bytes());
            assert!(!shown.contains("ZjdPJI5") && !shown.contains("hunter2"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn no_cut_of_a_file_shows_the_secret(from in 0usize..60, to in 60usize..140, sep in "[ \n\t]{0,3}") {
            let text = format!("{{\"DhcpDdns\": {{\"tsig-keys\": [{{\"name\": \"k\", \"secret\":{sep}\"{KEY}\"}}], \"port\": 53001}}}}");
            let cut = text.get(from.min(text.len())..to.min(text.len())).unwrap_or_default();
            let shown = redact(cut.as_bytes());
            // A fragment shorter than half of the key may remain when the name before it was cut off.
            prop_assert!(!shown.contains(&KEY[..16]), "{}", shown);
        }
    }
}
