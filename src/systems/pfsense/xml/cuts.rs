//! Where pfSense's parser cuts character data. It reads 4096 bytes at a time, and at the end of a read libxml2 passes on
//! the part of a long text that it has; pfSense then trims and decodes each piece separately. Measured on libxml2 2.9.14
//! through PHP's xml extension (`tests/pfsense_php.rs` compares again); see `xmlParseTryOrFinish` and `xmlParseCharData`.

use std::borrow::Cow;
use std::ops::Range;

/// Bytes that pfSense reads at a time.
const READ: usize = 4096;
/// libxml2's `XML_PARSER_BIG_BUFFER_SIZE`: a text shorter than this waits for its end.
const LONG: usize = 300;

/// The end of the first read that brings the parser to `at`. A carriage return at the end of a read waits for the next
/// one, so that its line feed can follow.
fn read_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at.div_ceil(READ).max(1) * READ;
    loop {
        if end >= bytes.len() {
            return bytes.len();
        }
        let usable = if bytes.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        if usable >= at {
            return usable;
        }
        end += READ;
    }
}

/// The pieces of a run of text without references that a tag or a reference ends at `run.end`.
pub(super) fn text_pieces(bytes: &[u8], run: Range<usize>, mut each: impl FnMut(Range<usize>)) {
    let mut at = run.start;
    let mut end = read_end(bytes, at);
    while at < run.end {
        let ahead = bytes.get(at..end).unwrap_or_default();
        if end < bytes.len() && ahead.len() < LONG && memchr::memchr(b'<', ahead).is_none() {
            end = read_end(bytes, end + 1);
            continue;
        }
        let stop = whole_character(bytes, run.end.min(end));
        each(at..stop);
        at = stop;
        end = read_end(bytes, end + 1);
    }
}

/// The pieces of what a CDATA section holds: of one that is not closed in a read, 300 bytes are handed on.
pub(super) fn section_pieces(bytes: &[u8], section: Range<usize>, mut each: impl FnMut(Range<usize>)) {
    let mut at = section.start;
    let mut end = read_end(bytes, at);
    let mut looks = true;
    while section.end + 3 > end {
        if looks && end - at >= LONG + 2 {
            let stop = whole_character(bytes, at + LONG);
            each(at..stop);
            at = stop;
        }
        let more = read_end(bytes, end + 1);
        // A read that can't hold the end of the section is not even looked at.
        looks = memchr::memchr(b'>', bytes.get(end..more).unwrap_or_default()).is_some();
        end = more;
    }
    each(at..section.end);
}

/// `at`, or the start of the character it would cut.
fn whole_character(bytes: &[u8], at: usize) -> usize {
    let inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (at.saturating_sub(3)..=at).rev().find(|it| !inside(it)).unwrap_or(at)
}

/// Could a read end inside this range, so that its pieces matter?
pub(super) fn may_be_cut(range: &Range<usize>) -> bool {
    // A text is only cut if 300 bytes of it are there; a withheld carriage return moves the cut by one.
    range.len() >= LONG && range.end / READ > range.start.saturating_sub(1) / READ
}

/// The chunks in which libxml2 hands over a piece: it flushes before a carriage return and before the first byte beyond
/// ASCII, and from that byte or a lone carriage return on every 300 bytes. Line ends become LF.
pub(super) fn chunks<'a>(piece: &'a str, mut each: impl FnMut(Cow<'a, str>)) {
    let mut rest = piece;
    // 1 behind a line end: its line feed starts the next chunk, and what follows it decides how that is read.
    let mut seen = 0;
    loop {
        let stop = rest.bytes().skip(seen).position(|it| it == b'\r' || it >= 0x80).map(|it| it + seen);
        let (before, after) = rest.split_at(stop.unwrap_or(rest.len()));
        if seen == 1 && stop == Some(1) {
            return wide_chunks(rest, each);
        }
        if !before.is_empty() {
            each(Cow::Borrowed(before));
        }
        match after.strip_prefix('\r') {
            Some(line) if line.starts_with('\n') => rest = line,
            _ if after.is_empty() => return,
            _ => return wide_chunks(after, each),
        }
        seen = 1;
    }
}

fn wide_chunks<'a>(piece: &'a str, mut each: impl FnMut(Cow<'a, str>)) {
    let mut chunk = String::new();
    let mut characters = piece.chars().peekable();
    while let Some(it) = characters.next() {
        match it {
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\r' => chunk.push('\n'),
            other => chunk.push(other),
        }
        if chunk.len() >= LONG {
            each(Cow::Owned(std::mem::take(&mut chunk)));
        }
    }
    if !chunk.is_empty() {
        each(Cow::Owned(chunk));
    }
}
