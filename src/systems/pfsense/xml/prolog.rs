//! The part before the root element: byte order mark, XML declaration, comments, DOCTYPE with its entities.
//! pfSense writes only the declaration; the rest is read so that the answer is the one its parser gives.

use super::scan::{Cursor, Declared, Flaw, Reference, flaw, is_xml_character};

/// A declared encoding.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declares {
    /// UTF-8, or nothing.
    #[default]
    Utf8,
    Utf16,
    Ascii,
    Latin,
}

/// What the prolog said.
#[derive(Debug, Default)]
pub(super) struct Prolog {
    /// Where the root element starts.
    pub root: usize,
    /// Entities of the internal subset.
    pub declared: Declared,
    /// There is a DOCTYPE: such a file is read but never edited.
    pub doctype: bool,
    /// What the declaration says about the encoding.
    pub declares: Declares,
}

pub(super) fn read(bytes: &[u8]) -> Result<Prolog, Flaw> {
    let mut prolog = Prolog::default();
    let mut at = Cursor::new(bytes, 0);
    at.take(b"\xef\xbb\xbf");
    let declaration = Cursor { ..at };
    if at.take(b"<?xml") && matches!(at.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        prolog.declares = declaration_body(&mut at)?;
    } else {
        at = declaration;
    }
    loop {
        at.space();
        if at.peek().is_none() {
            return flaw(at.at, "there is no root element");
        }
        if at.skip_aside()? {
            continue;
        }
        if at.take(b"<!DOCTYPE") {
            if prolog.doctype {
                return flaw(at.at, "a second DOCTYPE");
            }
            prolog.doctype = true;
            doctype(&mut at, &mut prolog.declared)?;
            continue;
        }
        prolog.root = at.at;
        return if at.peek() == Some(b'<') { Ok(prolog) } else { flaw(at.at, "text before the root element") };
    }
}

/// ` version="1.0" encoding="…" standalone="…"?>`; gives the encoding.
fn declaration_body(at: &mut Cursor<'_>) -> Result<Declares, Flaw> {
    let mut declares = Declares::Utf8;
    at.space();
    match pseudo_attribute(at, b"version")? {
        Some(version) if is_version(&version) => {}
        Some(version) => return flaw(at.at, format!("XML version {version} is not known")),
        None => return flaw(at.at, "the XML declaration has no version"),
    }
    let mut spaced = at.space();
    if at.starts(b"encoding") {
        if !spaced {
            return flaw(at.at, "a space is missing in the XML declaration");
        }
        let name = pseudo_attribute(at, b"encoding")?.unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => {}
            "utf-16" | "utf16" => declares = Declares::Utf16,
            "us-ascii" | "ascii" => declares = Declares::Ascii,
            "iso-8859-1" | "iso_8859-1" | "latin1" | "latin-1" | "iso-latin-1" => declares = Declares::Latin,
            _ => return flaw(at.at, format!("encoding {name} is not supported")),
        }
        // libxml2 wants the space only behind a name that makes it convert.
        spaced = at.space() || declares == Declares::Utf8;
    }
    if at.starts(b"standalone") {
        if !spaced {
            return flaw(at.at, "a space is missing in the XML declaration");
        }
        match pseudo_attribute(at, b"standalone")?.as_deref() {
            Some("yes" | "no") => {}
            _ => return flaw(at.at, "standalone must be yes or no"),
        }
        at.space();
    }
    if at.take(b"?>") { Ok(declares) } else { flaw(at.at, "the XML declaration is not finished") }
}

/// `1.` and digits, of which libxml2 wants none.
fn is_version(text: &str) -> bool {
    text.strip_prefix("1.").is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()))
}

fn pseudo_attribute(at: &mut Cursor<'_>, name: &[u8]) -> Result<Option<String>, Flaw> {
    if !at.take(name) {
        return Ok(None);
    }
    at.space();
    if !at.take(b"=") {
        return flaw(at.at, "`=` was expected here");
    }
    at.space();
    quoted(at).map(|value| Some(String::from_utf8_lossy(value).into_owned()))
}

fn quoted<'a>(at: &mut Cursor<'a>) -> Result<&'a [u8], Flaw> {
    let quote = match at.peek() {
        Some(it @ (b'"' | b'\'')) => it,
        _ => return flaw(at.at, "a quote was expected here"),
    };
    at.at += 1;
    at.until(&[quote], "a quoted value")
}

fn doctype(at: &mut Cursor<'_>, declared: &mut Declared) -> Result<(), Flaw> {
    if !at.space() {
        return flaw(at.at, "a space was expected after DOCTYPE");
    }
    at.name()?;
    at.space();
    external(at)?;
    at.space();
    if at.take(b"[") {
        subset(at, declared)?;
        at.space();
    }
    if at.take(b">") { Ok(()) } else { flaw(at.at, "the DOCTYPE is not finished") }
}

/// `SYSTEM "…"` or `PUBLIC "…" "…"`; true if there was one.
fn external(at: &mut Cursor<'_>) -> Result<bool, Flaw> {
    let quotes = if at.take(b"SYSTEM") {
        1
    } else if at.take(b"PUBLIC") {
        2
    } else {
        return Ok(false);
    };
    for left in (1..=quotes).rev() {
        at.space();
        let from = at.at;
        if !quoted(at)?.iter().all(|it| left == 1 || is_public(*it)) {
            return flaw(from, "a character that can't be part of a public identifier");
        }
    }
    Ok(true)
}

/// XML 1.0 §2.3, `PubidChar`.
fn is_public(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" \r\n-'()+,./:=?;!*#@$_%".contains(&byte)
}

fn subset(at: &mut Cursor<'_>, declared: &mut Declared) -> Result<(), Flaw> {
    loop {
        at.space();
        if at.take(b"]") {
            return Ok(());
        }
        if at.skip_aside()? {
            continue;
        }
        if at.take(b"<!ENTITY") {
            entity(at, declared)?;
        } else if at.take(b"<!ELEMENT") || at.take(b"<!ATTLIST") || at.take(b"<!NOTATION") {
            markup(at)?;
        } else {
            return flaw(at.at, "not understood in a DOCTYPE");
        }
    }
}

/// The rest of a declaration that changes nothing for us.
fn markup(at: &mut Cursor<'_>) -> Result<(), Flaw> {
    loop {
        match at.peek() {
            None => return flaw(at.at, "the DOCTYPE is not finished"),
            Some(b'>') => {
                at.at += 1;
                return Ok(());
            }
            Some(b'"' | b'\'') => drop(quoted(at)?),
            Some(_) => at.at += 1,
        }
    }
}

fn entity(at: &mut Cursor<'_>, declared: &mut Declared) -> Result<(), Flaw> {
    at.space();
    if at.peek() == Some(b'%') {
        return flaw(at.at, "parameter entities are not supported");
    }
    let name = String::from_utf8_lossy(at.name()?).into_owned();
    if name.contains(':') {
        return flaw(at.at, "a colon in the name of an entity");
    }
    if !at.space() {
        return flaw(at.at, "a space was expected in an entity's declaration");
    }
    let value = if external(at)? { None } else { Some(entity_value(at)?) };
    // The first declaration counts (XML 1.0 §4.2).
    declared.entry(name).or_insert(value);
    markup(at)
}

/// Character references are replaced, others are kept as they are (XML 1.0 §4.4.5).
fn entity_value(at: &mut Cursor<'_>) -> Result<String, Flaw> {
    let from = at.at;
    let bytes = quoted(at)?;
    let none = Declared::new();
    let mut value = Vec::with_capacity(bytes.len());
    let mut inner = Cursor::new(bytes, 0);
    while let Some(byte) = inner.peek() {
        match byte {
            b'%' => return flaw(from, "parameter entities are not supported"),
            b'&' if inner.starts(b"&#") => match inner.reference(&none) {
                Ok(Reference::Character(it)) if is_xml_character(it) => {
                    value.extend_from_slice(it.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return flaw(from, "a numeric entity that is not a character"),
            },
            b'&' => {
                let start = inner.at;
                inner.at += 1;
                if inner.name().is_err() || !inner.take(b";") {
                    return flaw(from, "an entity without `;`");
                }
                value.extend_from_slice(bytes.get(start..inner.at).unwrap_or_default());
            }
            other => {
                value.push(other);
                inner.at += 1;
            }
        }
    }
    Ok(String::from_utf8_lossy(&value).into_owned())
}
