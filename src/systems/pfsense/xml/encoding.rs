//! config.xml in another encoding than UTF-8: pfSense never writes one, but its parser accepts it. Such a file is read if it
//! fits into one of the parser's reads, and never edited. Measured on libxml2 2.9.14 through PHP's xml extension.

use super::scan::{Flaw, flaw};

/// Files beyond this are refused: how the parser cuts long texts while it converts is not modelled.
const LIMIT: usize = 4096;

/// The encoding by the first bytes: a byte order mark, or `<?` in two bytes each.
pub(super) fn utf16(bytes: &[u8]) -> Result<Option<String>, Flaw> {
    let word: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] | [b'<', 0, b'?', 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, b'<', 0, b'?', ..] => u16::from_be_bytes,
        _ => return Ok(None),
    };
    within_one_read(bytes)?;
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| word(*pair))).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(Some(text)),
        _ => flaw(0, "not valid UTF-16"),
    }
}

/// ISO 8859-1 is the first 256 characters of Unicode.
pub(super) fn latin(bytes: &[u8]) -> Result<String, Flaw> {
    within_one_read(bytes)?;
    Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
}

fn within_one_read(bytes: &[u8]) -> Result<(), Flaw> {
    if bytes.len() <= LIMIT { Ok(()) } else { flaw(0, "not in UTF-8, and too long to be read otherwise") }
}
