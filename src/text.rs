//! Texts of others: changed in places, and shown without what may be a secret.

use std::ops::Range;

/// A run of base64 letters of this length (12 bytes) in a text of unknown form may be a secret.
const SUSPICIOUS: usize = 16;

/// The text with new content in these ranges, which come in any order; `None` if two overlap, or one is outside.
pub fn splice(text: &str, mut cuts: Vec<(Range<usize>, String)>) -> Option<String> {
    cuts.sort_by_key(|(range, _)| (range.start, range.end));
    let added: usize = cuts.iter().map(|(_, new)| new.len()).sum();
    let (mut out, mut done) = (String::with_capacity(text.len() + added), 0);
    for (range, new) in cuts {
        out.push_str(text.get(done..range.start)?);
        out.push_str(&new);
        done = range.end;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// The text with every long run of base64 letters hidden.
pub fn hide_runs(text: &str) -> String {
    let base64 = |char: char| char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=');
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(base64) {
        let (before, tail) = rest.split_at(start);
        let end = tail.find(|char| !base64(char)).unwrap_or(tail.len());
        let (run, after) = tail.split_at(end);
        out.push_str(before);
        out.push_str(if run.len() >= SUSPICIOUS { "[secret]" } else { run });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_come_in_any_order_and_never_overlap() {
        let cuts =
            |list: &[(Range<usize>, &str)]| list.iter().map(|(at, new)| (at.clone(), (*new).to_owned())).collect();
        assert_eq!(splice("abcdef", cuts(&[(4..5, "E"), (0..0, "-"), (1..3, "")])).as_deref(), Some("-adEf"));
        for wrong in [&[(0..2, ""), (1..3, "")][..], &[(5..7, "")], &[(7..7, "")]] {
            assert_eq!(splice("abcdef", cuts(wrong)), None);
        }
        assert_eq!(splice("čb", cuts(&[(1..2, "")])), None, "not within a letter");
    }

    #[test]
    fn long_runs_are_hidden_and_words_are_not() {
        assert_eq!(hide_runs("bad key LSWXnfkKZjdPJI5QxlpnfQ==, port 53001"), "bad key [secret], port 53001");
        let plain = "No such zone was found: a-rather-long-label-in-it.lan.example";
        assert_eq!(hide_runs(plain), plain);
    }
}
