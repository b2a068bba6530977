//! The text of an element as pfSense builds it: chunk by chunk, each trimmed and decoded separately.
//! Not for: where elements begin and end; see `document`.

use super::cuts::{chunks, may_be_cut, section_pieces, text_pieces};
use super::document::{Document, Id, Kind};
use super::entities::decode_into;
use super::scan::{Cursor, Reference};

impl Document<'_> {
    /// What pfSense makes of the text of an element; `cut: false`, what it would make of it if its reads had no ends.
    pub(super) fn read_text(&self, id: Id, cut: bool) -> String {
        let mut text = None;
        let mut children = self.every_child(id);
        let content = self.content(id);
        let mut at = Cursor::new(self.bytes().get(..content.end).unwrap_or_default(), content.start);
        while let Some(byte) = at.peek() {
            let from = at.at;
            match byte {
                b'<' if at.take(b"<![CDATA[") => {
                    let Ok(section) = at.until(b"]]>", "") else { break };
                    let section = at.at - 3 - section.len()..at.at - 3;
                    match cut {
                        true => section_pieces(self.bytes(), section, |it| self.chunk(&mut text, self.slice(it))),
                        false => self.chunk(&mut text, self.slice(section)),
                    }
                }
                b'<' => match at.skip_aside() {
                    Ok(true) => {}
                    _ => {
                        // An element before the text: pfSense forgets it.
                        let Some(child) = children.next() else { break };
                        at.at = self.span(child).end;
                        text = None;
                    }
                },
                b'&' => match at.reference(&self.declared) {
                    Ok(Reference::Character(it)) => self.chunk(&mut text, it.encode_utf8(&mut [0; 4])),
                    Ok(Reference::Declared(it)) => self.chunk(&mut text, it.unwrap_or_default()),
                    Err(_) => break,
                },
                _ => {
                    let length = memchr::memchr2(b'<', b'&', at.rest()).unwrap_or(at.rest().len());
                    at.at += length;
                    let mut piece = |it| chunks(self.slice(it), |chunk| self.chunk(&mut text, &chunk));
                    match cut {
                        true => text_pieces(self.bytes(), from..at.at, piece),
                        false => piece(from..at.at),
                    }
                }
            }
        }
        text.unwrap_or_default()
    }

    fn chunk(&self, text: &mut Option<String>, chunk: &str) {
        let trimmed = trim(chunk);
        match text {
            Some(text) => decode_into(trimmed, self.dialect.entities(), text),
            None if is_data(chunk) => {
                decode_into(trimmed, self.dialect.entities(), text.insert(String::new()));
            }
            None => {}
        }
    }

    /// Long texts of which pfSense loses something at the end of a read: white space there, or an entity it cuts through.
    pub(in crate::systems::pfsense) fn texts_cut_short(&self) -> impl Iterator<Item = Id> + '_ {
        let all = (0..self.nodes.len()).filter_map(|it| u32::try_from(it).ok().map(Id));
        all.filter(|id| self.kind(*id) == Kind::Text && may_be_cut(&self.content(*id)))
            .filter(|id| self.read_text(*id, true) != self.read_text(*id, false))
    }
}

/// What pfSense trims from each chunk of text. Spaces stay.
fn trim(chunk: &str) -> &str {
    chunk.trim_matches(['\t', '\n', '\r'])
}

/// Does a chunk start a text, or is it only white space between elements?
pub(super) fn is_data(chunk: &str) -> bool {
    !trim(chunk).trim_matches(' ').is_empty()
}
