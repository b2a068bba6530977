//! New elements, written the way pfSense writes them: one tab a level, `<tag></tag>`, CDATA where its writer uses it.
//! Entities are the ones all versions read alike, in ASCII.

use crate::error::{Error, Result};
use crate::systems::pfsense::xml::{Dialect, Seen};

/// How lines are made around a new element.
pub(super) struct Layout<'a> {
    /// The text before each `<` of the element itself.
    pub indent: &'a str,
    /// Line end of the file.
    pub line_end: &'a str,
    /// One more level.
    pub step: &'a str,
}

/// The element without its own indentation and line end.
pub(super) fn element(tag: &str, value: &Seen, dialect: Dialect, layout: &Layout<'_>, out: &mut String) -> Result<()> {
    match value {
        Seen::Text(text) => {
            out.push_str(&format!("<{tag}>"));
            text_into(tag, text, dialect, out)?;
            out.push_str(&format!("</{tag}>"));
        }
        Seen::List(members) => {
            for (n, member) in members.iter().enumerate() {
                if n > 0 {
                    out.push_str(layout.line_end);
                    out.push_str(layout.indent);
                }
                element(tag, member, dialect, layout, out)?;
            }
        }
        Seen::Map(map) => {
            out.push_str(&format!("<{tag}>{}", layout.line_end));
            let indent = format!("{}{}", layout.indent, layout.step);
            let inner = Layout { indent: &indent, ..*layout };
            for (key, value) in map {
                if matches!(value, Seen::List(members) if members.is_empty()) {
                    continue;
                }
                out.push_str(&indent);
                element(key, value, dialect, &inner, out)?;
                out.push_str(layout.line_end);
            }
            out.push_str(&format!("{}</{tag}>", layout.indent));
        }
    }
    Ok(())
}

/// The text between the tags.
pub(super) fn text_into(tag: &str, text: &str, dialect: Dialect, out: &mut String) -> Result<()> {
    let section = dialect.is_cdata(tag) && !text.is_empty();
    if !section && !text.is_ascii() && !dialect.takes_raw_unicode() {
        return Err(Error::new(format!("<{tag}> can't hold characters beyond ASCII: pfSense {dialect} would write them in a form it can't read back"))
            .hint("use ASCII, or a description field"));
    }
    if section {
        out.push_str("<![CDATA[");
    }
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Before 2.7 the entity is not decoded inside CDATA, and the bare character means the same to all.
            '\'' if dialect > Dialect::V2_6 => out.push_str("&#039;"),
            it if it.is_ascii() => out.push(it),
            it => out.push_str(&format!("&#{};", u32::from(it))),
        }
    }
    if section {
        out.push_str("]]>");
    }
    Ok(())
}
