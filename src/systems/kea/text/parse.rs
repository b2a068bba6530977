//! From words to the tree of a document. A mistake ends the reading and is recorded; the part before it stays.

use super::lex::{Lexer, Span, Word};
use super::{Member, Node, Value};
use crate::error::Error;

/// Deepest nesting of maps and lists; real files have about ten levels.
const NESTING: usize = 100;

/// Reads one document.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    /// Files that are included and were not opened.
    pub(super) includes: Vec<(String, Span)>,
    /// Commas with nothing after them.
    pub(super) extra_commas: Vec<Span>,
    /// Commas with nothing before them in a map.
    pub(super) early_commas: Vec<Span>,
    /// The mistake that ended the reading.
    pub(super) broken: Option<Error>,
}

/// A mistake was noted in `Parser::broken`; what was read so far goes up as it is.
struct Stop;
type Parsed<T> = Result<T, Stop>;

impl<'a> Parser<'a> {
    pub(super) fn new(lexer: Lexer<'a>) -> Self {
        Self { lexer, includes: Vec::new(), extra_commas: Vec::new(), early_commas: Vec::new(), broken: None }
    }

    /// The root, as far as it could be read.
    pub(super) fn whole(&mut self) -> Node {
        let mut root = Node { span: Span::default(), value: Value::Included };
        // Where it stops is noted, and `root` holds what was read.
        let _ = self.document(&mut root);
        root
    }

    fn document(&mut self, root: &mut Node) -> Parsed<()> {
        let (word, span) = self.word()?;
        if word != Word::Sign(b'{') {
            return self.wrong(span, format!("expected `{{`, found {}", say(&word)));
        }
        self.value(word, span, 0, root)?;
        match self.word()? {
            (Word::End, _) => Ok(()),
            (word, span) => self.wrong(span, format!("{} after the end of the document", say(&word))),
        }
    }

    fn word(&mut self) -> Parsed<(Word, Span)> {
        self.lexer.read().map_err(|error| self.stop(error))
    }

    fn stop(&mut self, error: Error) -> Stop {
        self.broken = Some(error);
        Stop
    }

    fn wrong<T>(&mut self, span: Span, fact: String) -> Parsed<T> {
        let error = self.lexer.wrong(span, fact);
        Err(self.stop(error))
    }

    /// Reads a value into `node`, which holds what was read of it when it stops.
    fn value(&mut self, word: Word, span: Span, depth: usize, node: &mut Node) -> Parsed<()> {
        if depth > NESTING {
            return self.wrong(span, format!("maps and lists are nested deeper than {NESTING} levels"));
        }
        node.span = span;
        node.value = match word {
            Word::Null => Value::Null,
            Word::Bool(it) => Value::Bool(it),
            Word::Int(it) => Value::Int(it),
            Word::Float(it) => Value::Float(it),
            Word::Text(it) => Value::Text(it),
            Word::Include(file) => {
                self.includes.push((file, span));
                Value::Included
            }
            Word::Sign(b'{') => return self.map(span, depth, node),
            Word::Sign(b'[') => return self.list(span, depth, node),
            other => return self.wrong(span, format!("expected a value, found {}", say(&other))),
        };
        Ok(())
    }

    fn map(&mut self, open: Span, depth: usize, node: &mut Node) -> Parsed<()> {
        let mut members: Vec<Member> = Vec::new();
        let end = self.items(open, b'}', |parser, word, name_span| {
            let Word::Text(name) = word else {
                return parser.wrong(name_span, format!("expected a name or `}}`, found {}", say(&word)));
            };
            let empty = Node { span: Span { end: name_span.start, ..name_span }, value: Value::Included };
            members.push(Member { name, name_span, colon: name_span, node: empty });
            // It was pushed one line above.
            let Some(member) = members.last_mut() else { return Ok(()) };
            match parser.word()? {
                (Word::Sign(b':'), span) => member.colon = span,
                (word, span) => {
                    return parser.wrong(span, format!("expected `:` after `{}`, found {}", member.name, say(&word)));
                }
            }
            let (word, span) = parser.word()?;
            parser.value(word, span, depth + 1, &mut member.node)
        });
        node.value = Value::Map(members);
        node.span = join(open, end?);
        Ok(())
    }

    fn list(&mut self, open: Span, depth: usize, node: &mut Node) -> Parsed<()> {
        let mut nodes = Vec::new();
        let end = self.items(open, b']', |parser, word, span| {
            let mut item = Node { span, value: Value::Included };
            let done = parser.value(word, span, depth + 1, &mut item);
            nodes.push(item);
            done
        });
        node.value = Value::List(nodes);
        node.span = join(open, end?);
        Ok(())
    }

    /// Items between commas up to `close`. Commas too many are noted, not refused, once there was an item; in a map
    /// before that too, for its form to judge.
    fn items(
        &mut self,
        open: Span,
        close: u8,
        mut item: impl FnMut(&mut Self, Word, Span) -> Parsed<()>,
    ) -> Parsed<Span> {
        let mut any = false;
        let mut comma: Option<Span> = None;
        // The end of an unexpanded include is unknown: it may bring its own comma.
        let mut free = false;
        loop {
            let (word, span) = self.word()?;
            match word {
                Word::Sign(sign) if sign == close => {
                    self.extra_commas.extend(comma);
                    return Ok(span);
                }
                Word::Sign(b',') if any || close == b'}' => {
                    if any {
                        self.extra_commas.extend(comma);
                    } else {
                        self.early_commas.push(span);
                    }
                    comma = Some(span);
                    any = true;
                    continue;
                }
                Word::End => {
                    let error = self.cut_off(open, close, span);
                    return Err(self.stop(error));
                }
                _ if any && comma.is_none() && !free && !matches!(word, Word::Include(_)) => {
                    let close = char::from(close);
                    return self.wrong(span, format!("expected `,` or `{close}`, found {}", say(&word)));
                }
                Word::Include(file) => {
                    self.includes.push((file, span));
                    free = true;
                }
                word => {
                    item(self, word, span)?;
                    free = false;
                }
            }
            any = true;
            comma = None;
        }
    }

    fn cut_off(&self, open: Span, close: u8, span: Span) -> Error {
        let opened = self.lexer.sources.get(open.source as usize).map(|it| it.place(open.start)).unwrap_or_default();
        let fact = format!("the file ends here, but the `{}` that closes {opened} is missing", char::from(close));
        self.lexer
            .wrong(span, fact)
            .hint("the file may be only half written: restore it from a backup, or move it aside and render it again")
    }
}

fn join(open: Span, close: Span) -> Span {
    // A map may start in one file and end in another; then only its start has a place.
    if open.source == close.source { Span { end: close.end, ..open } } else { open }
}

/// A word for messages. String values are not shown: they may be secrets.
fn say(word: &Word) -> String {
    match word {
        Word::Sign(sign) => format!("`{}`", char::from(*sign)),
        Word::Text(_) => "a string".into(),
        Word::Int(_) | Word::Float(_) => "a number".into(),
        Word::Bool(_) => "true or false".into(),
        Word::Null => "null".into(),
        Word::Include(file) => format!("an include of {file}"),
        Word::End => "the end of the file".into(),
    }
}
