//! What differs between two texts, for people to look at before and after a change.

use similar::TextDiff;

const BLOCK: usize = 4096;

/// A unified diff with this many lines of context and these two names in its header; empty if nothing differs.
pub fn unified(old: &str, new: &str, context: usize, header: (&str, &str)) -> String {
    // A configuration has up to 300,000 lines of which a few differ: only those and their context are worth comparing.
    let (start, end) = same_ends(old, new);
    let start = line_start(old, start, context);
    let end = line_end(old, end, context);
    let skipped = memchr::memchr_iter(b'\n', old.get(..start).unwrap_or_default().as_bytes()).count();
    let part = |text: &'_ str| text.get(start..text.len() - end).unwrap_or_default().to_owned();
    let (old, new) = (part(old), part(new));
    let diff = TextDiff::from_lines(&old, &new);
    let mut out = String::new();
    for hunk in diff.unified_diff().context_radius(context).iter_hunks() {
        if out.is_empty() {
            out = format!("--- {}\n+++ {}\n", header.0, header.1);
        }
        let (Some(first), Some(last)) = (hunk.ops().first(), hunk.ops().last()) else { continue };
        let before = lines(skipped, first.old_range().start, last.old_range().end);
        let after = lines(skipped, first.new_range().start, last.new_range().end);
        let text = hunk.to_string();
        let body = text.split_once('\n').map(|(_, body)| body).unwrap_or_default();
        out.push_str(&format!("@@ -{before} +{after} @@\n{body}"));
    }
    out
}

/// How many bytes at the start, and how many others at the end, both have in common.
fn same_ends(old: &str, new: &str) -> (usize, usize) {
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let shorter = old.len().min(new.len());
    // Whole blocks first: that is one comparison for many bytes.
    let blocks = BLOCK * old.chunks(BLOCK).zip(new.chunks(BLOCK)).take_while(|(a, b)| a == b).count();
    let bytes = old.iter().zip(new).skip(blocks).take_while(|(a, b)| a == b).count();
    let start = (blocks + bytes).min(shorter);
    let (old, new) = (old.get(start..).unwrap_or_default(), new.get(start..).unwrap_or_default());
    let blocks = BLOCK * old.rchunks(BLOCK).zip(new.rchunks(BLOCK)).take_while(|(a, b)| a == b).count();
    let bytes = old.iter().rev().zip(new.iter().rev()).skip(blocks).take_while(|(a, b)| a == b).count();
    (start, (blocks + bytes).min(shorter - start))
}

/// The start of the line that contains `at`, moved back by so many lines more.
fn line_start(text: &str, at: usize, more: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    memchr::memrchr_iter(b'\n', before).nth(more).map_or(0, |it| it + 1)
}

/// How many bytes follow the line in which the last `at` bytes of the text begin, and so many lines more.
fn line_end(text: &str, at: usize, more: usize) -> usize {
    let after = text.as_bytes().get(text.len() - at..).unwrap_or_default();
    memchr::memchr_iter(b'\n', after).nth(more).map_or(0, |it| after.len() - it - 1)
}

/// A range of lines as a hunk's header has it: an empty one is named by the line before it.
fn lines(skipped: usize, from: usize, to: usize) -> String {
    match to - from {
        0 => format!("{},0", skipped + from),
        1 => (skipped + from + 1).to_string(),
        length => format!("{},{length}", skipped + from + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

    #[test]
    fn it_is_what_a_diff_of_the_whole_would_be() {
        for seed in 0..500u64 {
            let draw = |n: u64, limit: u64| BuildHasherDefault::<DefaultHasher>::new().hash_one((seed, n)) % limit;
            let line = |n: u64| ["", "a\n", "b\n", "ä\n", "\n", "c\r\n"][draw(n, 6) as usize];
            let mut old: Vec<&str> = (0..draw(99, 30)).map(|n| line(100 + n)).collect();
            let mut new = old.clone();
            for n in 0..draw(98, 4) {
                let at = draw(200 + n, new.len() as u64 + 1) as usize;
                match draw(300 + n, 3) {
                    0 => new.insert(at, line(400 + n)),
                    _ if at < new.len() => drop(new.remove(at)),
                    _ => {}
                }
            }
            // Some beyond a block or two.
            let long = "a line of both\n".repeat([0, 0, 300, 700][draw(95, 4) as usize]);
            for text in [&mut old, &mut new] {
                text.insert(0, &long);
                text.push(&long);
            }
            old.push(["", "end", "ende"][draw(97, 3) as usize]);
            new.push(["", "end", "ende"][draw(96, 3) as usize]);
            let (old, new) = (old.concat(), new.concat());
            for context in [0, 1, 3] {
                let ours = unified(&old, &new, context, ("x", "y"));
                let whole = TextDiff::from_lines(&old, &new);
                let whole = whole.unified_diff().context_radius(context).header("x", "y").to_string();
                let changed = |text: &str| {
                    text.lines().filter(|it| it.starts_with(['+', '-'])).map(str::to_owned).collect::<Vec<_>>()
                };
                assert_eq!(changed(&ours).len(), changed(&whole).len(), "{old:?}\n{new:?}\n{ours}\n{whole}");
                assert_eq!(patched(&old, &ours), new, "{old:?}\n{ours}");
            }
        }
    }

    /// The old text with the diff applied, each context line checked, as patch(1) does.
    fn patched(old: &str, diff: &str) -> String {
        let lines: Vec<&str> = old.split_inclusive('\n').collect();
        let (mut out, mut at) = (String::new(), 0);
        let mut body = diff.split_inclusive('\n').skip(2).peekable();
        while let Some(line) = body.next() {
            if let Some(header) = line.strip_prefix("@@ -") {
                let range = header.split(' ').next().unwrap();
                let (first, count) = range.split_once(',').unwrap_or((range, "1"));
                let first: usize = first.parse().unwrap();
                let first = if count == "0" { first } else { first - 1 };
                out.extend(lines[at..first].iter().copied());
                at = first;
                continue;
            }
            if line.starts_with('\\') {
                continue;
            }
            let (mark, mut text) = line.split_at(1);
            if body.peek().is_some_and(|it| it.starts_with('\\')) {
                text = text.trim_end_matches('\n');
            }
            if mark != "+" {
                assert_eq!(lines[at], text, "{old:?}\n{diff}");
                at += 1;
            }
            if mark != "-" {
                out.push_str(text);
            }
        }
        out.extend(lines[at..].iter().copied());
        out
    }
}
