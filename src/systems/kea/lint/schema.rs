//! A D2 document against the grammar of its version (`forms`), in the order in which the daemon reads it. Unknown members
//! are an error in a file (and silently ignored over the control channel).

use super::forms::{Form, Kind};
use super::report::{Finding, Path, Report, Severity};
use crate::systems::kea::Version;
use crate::systems::kea::text::lex::Span;
use crate::systems::kea::text::{Document, Member, Node, Value};

/// Members that are two names for one thing: giving both counts as giving it twice.
const SAME: [(&str, &str); 4] = [
    ("secret", "secret-file"),
    ("control-socket", "control-sockets"),
    ("socket-name", "socket-address"),
    ("output_options", "output-options"),
];

/// Checks a tree against a form. The findings are in the order in which the daemon meets them, so it stops at the first
/// error.
pub(super) fn check(report: &mut Report<'_>, root: &Node, form: &'static Form, version: Version) {
    let mut grammar = Grammar::new(report.document, version, ["unknown-member", "too-new-member"]);
    grammar.map(root, form, &Path::root());
    grammar.tell(report);
}

/// A document that is checked against forms.
pub(super) struct Grammar<'d> {
    document: &'d Document,
    version: Version,
    /// Codes of unknown members, and of members of a later version.
    codes: [&'static str; 2],
    /// With the place in the text at which the daemon notices it, which is not always the place it names.
    found: Vec<(Vec<usize>, Finding)>,
}

impl<'d> Grammar<'d> {
    pub(super) fn new(document: &'d Document, version: Version, codes: [&'static str; 2]) -> Self {
        Self { document, version, codes, found: Vec::new() }
    }

    /// All findings, in the order in which the daemon meets them.
    pub(super) fn tell(mut self, report: &mut Report<'_>) {
        self.found.sort_by(|one, other| one.0.cmp(&other.0));
        report.found.extend(self.found.into_iter().map(|it| it.1));
    }

    pub(super) fn error(&mut self, code: &'static str, span: Span, path: &Path<'_>, consequence: String, fix: &str) {
        self.error_noticed(span, code, span, path, consequence, fix);
    }

    fn error_noticed(
        &mut self,
        noticed: Span,
        code: &'static str,
        span: Span,
        path: &Path<'_>,
        consequence: String,
        fix: &str,
    ) {
        let (place, path, fix) = (self.document.place(span), path.to_string(), fix.to_owned());
        let finding = Finding { code, severity: Severity::Error, place, path, consequence, fix };
        self.found.push((self.document.order(noticed), finding));
    }

    /// Maps and lists that a `scan` could not read to their end: their missing members are unknown.
    fn is_whole(&self, node: &Node) -> bool {
        node.span.end > node.span.start + 1 && self.document.includes().is_empty()
    }

    pub(super) fn map(&mut self, node: &Node, form: &'static Form, path: &Path<'_>) {
        let Value::Map(members) = &node.value else { return self.wrong_kind(node, "a map", path) };
        if form.filled && members.is_empty() && self.is_whole(node) && self.document.early_commas().is_empty() {
            let fix = "write its members, or remove the map";
            let fact = format!("the daemon refuses an empty {} map", form.name);
            self.error("empty-map", self.document.closing(node.span), path, fact, fix);
        } else if form.filled {
            self.early_comma(node, path);
        }
        let mut comment = Context::default();
        for (index, member) in members.iter().enumerate() {
            let path = path.name(&member.name);
            let Some(kind) = self.kind(member, index >= form.strict_from, form, &path) else { continue };
            let before = members.get(..index).unwrap_or_default();
            // The daemon reads numbers and truth values before it checks for duplicates.
            let late = match (kind, &member.node.value) {
                (Kind::Int(..) | Kind::Bits, value) => !matches!(value, Value::Int(_)),
                (Kind::Bool, value) => !matches!(value, Value::Bool(_)),
                _ => false,
            };
            match kind {
                Kind::Comment | Kind::Context => self.context(member, kind, &mut comment, &path),
                _ if late => {}
                _ => self.twice(before, member, kind, &path),
            }
            self.value(&member.node, member.colon, kind, &path);
            if let Kind::Map(form) = kind {
                self.needed(&member.node, member.name_span, form, &path);
            }
        }
    }

    /// Members without which the daemon refuses a map at its end; `told` is the place it names then.
    fn needed(&mut self, node: &Node, told: Span, form: &'static Form, path: &Path<'_>) {
        if !self.is_whole(node) || node.members().is_empty() {
            return;
        }
        for name in form.needs.iter().filter(|it| node.get(it).is_none()) {
            let fact = format!("the daemon refuses the file: {} has no `{name}`", form.name);
            self.error_noticed(last(node.span), "incomplete", told, path, fact, &format!("add `{name}`"));
        }
    }

    /// A comma before the first member. The domain lists alone may have one.
    fn early_comma(&mut self, node: &Node, path: &Path<'_>) {
        if self.document.early_commas().is_empty() {
            return;
        }
        let order = |span| self.document.order(span);
        let (open, first) = (order(node.span), node.members().first().map(|it| order(it.name_span)));
        let end = self.is_whole(node).then(|| order(last(node.span)));
        let inside = |it: &&Span| {
            let at = order(**it);
            at > open && [&first, &end].iter().all(|it| it.as_ref().is_none_or(|it| at < *it))
        };
        if let Some(comma) = self.document.early_commas().iter().find(inside).copied() {
            let fact = "the daemon refuses the file: a comma with nothing before it".into();
            self.error("early-comma", comma, path, fact, "remove the comma");
        }
    }

    /// The kind of a member, if this version accepts it here.
    fn kind(&mut self, member: &Member, strict: bool, form: &'static Form, path: &Path<'_>) -> Option<Kind> {
        let name = &member.name;
        let by_name = || form.members.iter().filter(|it| it.0 == name);
        let taken = by_name().rfind(|it| it.2 <= self.version).or_else(|| by_name().next());
        let colon = member.colon != member.name_span || strict;
        let Some((_, kind, since)) = taken else {
            // Without its colon the name is not yet the mistake.
            if !colon || form.open {
                return None;
            }
            let near = form.members.iter().find(|it| it.0.eq_ignore_ascii_case(name));
            let fix = near.map_or("remove it, or correct its spelling".into(), |it| format!("write `{}`", it.0));
            let fact = format!("the daemon refuses the file: `{name}` is unknown in {}", form.name);
            self.error(self.codes[0], member.name_span, path, fact, &fix);
            return None;
        };
        if colon && !is_plain(name, member.name_span) {
            let fact = format!("the daemon refuses the file: it knows `{name}` only when written without escapes");
            self.error(self.codes[0], member.name_span, path, fact, &format!("write `{name}`"));
            return None;
        }
        if colon && *since > self.version {
            let fact = format!("Kea {} refuses the file: `{name}` is new in {since}", self.version);
            self.error(self.codes[1], member.name_span, path, fact, "remove it, or use a newer version");
            return None;
        }
        Some(*kind)
    }

    /// A member that the map has already, under this name or its other name.
    fn twice(&mut self, before: &[Member], member: &Member, kind: Kind, path: &Path<'_>) {
        let other = |name: &str| {
            SAME.iter().any(|(one, two)| (*one == name && *two == member.name) || (*two == name && *one == member.name))
        };
        let Some(first) = before.iter().find(|it| it.name == member.name || other(&it.name)) else { return };
        let fact = if first.name == member.name {
            let place = self.document.place(first.name_span);
            format!("the daemon refuses the file: `{}` is given twice (first at {place})", member.name)
        } else {
            format!("`{}` and `{}` exclude each other: the daemon refuses the file", first.name, member.name)
        };
        let late = matches!(kind, Kind::Int(..) | Kind::Bits | Kind::Bool);
        let noticed = if late { member.node.span } else { member.name_span };
        self.error_noticed(noticed, "duplicate", member.name_span, path, fact, "keep one of them");
    }

    /// `comment` and `user-context` are the same member: decides which of them may follow which.
    fn context(&mut self, member: &Member, kind: Kind, seen: &mut Context, path: &Path<'_>) {
        let inside = member.node.members();
        let (count, comment) = match kind {
            Kind::Comment => (1, true),
            _ => (inside.len(), inside.iter().any(|it| it.name == "comment")),
        };
        let refused = match kind {
            Kind::Comment => seen.comment,
            _ => seen.any && !(seen.count == 1 && seen.comment),
        };
        if refused {
            let fact = format!("the daemon refuses the file: `{}` repeats the member above", member.name);
            let fix = "keep one `user-context`, with the comment in it";
            self.error_noticed(last(member.node.span), "duplicate", member.name_span, path, fact, fix);
        }
        let added = count + usize::from(seen.comment && !comment);
        *seen = Context {
            any: true,
            count: if seen.any { added.max(seen.count + 1) } else { count },
            comment: comment || seen.comment,
        };
    }

    /// Maps of any form: only names given twice are refused, after the value was read.
    fn any(&mut self, node: &Node, path: &Path<'_>) {
        if matches!(node.value, Value::Map(_)) {
            self.early_comma(node, path);
        }
        for (index, member) in node.members().iter().enumerate() {
            let path = path.name(&member.name);
            self.any(&member.node, &path);
            let before = node.members().get(..index).unwrap_or_default();
            if let Some(first) = before.iter().find(|it| it.name == member.name) {
                let place = self.document.place(first.name_span);
                let fact = format!("the daemon refuses the file: `{}` is given twice (first at {place})", member.name);
                let noticed = last(member.node.span);
                self.error_noticed(noticed, "duplicate", member.name_span, &path, fact, "keep one of them");
            }
        }
        for (index, item) in node.items().iter().enumerate() {
            self.any(item, &path.item(index));
        }
    }

    fn value(&mut self, node: &Node, colon: Span, kind: Kind, path: &Path<'_>) {
        if matches!(node.value, Value::Included) {
            return;
        }
        match (kind, &node.value) {
            (Kind::Text | Kind::Comment, Value::Text(_)) | (Kind::Bool, Value::Bool(_)) => {}
            (Kind::AnyMap | Kind::Context, Value::Map(_)) => self.any(node, path),
            (Kind::Filled, Value::Text(text)) if !text.is_empty() => {}
            (Kind::Filled, Value::Text(_)) => {
                self.error(
                    "blank",
                    colon,
                    path,
                    "the daemon does not accept an empty text here".into(),
                    "write a value",
                );
            }
            (Kind::Word([""]), Value::Text(text)) if text.is_empty() => {}
            (Kind::Word([""]), Value::Text(_)) => {
                let fact = "the daemon refuses the file: servers are named by address, `hostname` is not supported";
                self.error("hostname", colon, path, fact.into(), "write `ip-address` instead");
            }
            (Kind::Word(words), Value::Text(text))
                if is_plain(text, node.span) && words.iter().any(|it| it.eq_ignore_ascii_case(text)) => {}
            (Kind::Exact(words), Value::Text(text)) if is_plain(text, node.span) && words.contains(&text.as_str()) => {}
            (Kind::Word(words) | Kind::Exact(words), Value::Text(_)) => {
                let fix = format!("write {}", words.join(" or "));
                self.error("bad-word", node.span, path, "the daemon refuses this word".into(), &fix);
            }
            (Kind::Int(low, high), Value::Int(number)) if (low..=high).contains(number) => {}
            (Kind::Int(low, high), Value::Int(_)) => {
                let fix = if high == i64::MAX { format!("at least {low}") } else { format!("{low} to {high}") };
                self.error("out-of-range", node.span, path, "the daemon refuses this number".into(), &fix);
            }
            (Kind::Float, Value::Float(_)) => {}
            (Kind::Bits, Value::Int(bits)) if *bits >= 0 && bits % 8 == 0 => {}
            (Kind::Bits, Value::Int(_)) => {
                let fact = "the daemon refuses the file: digest-bits is 0 or a multiple of 8";
                self.error("digest-bits", node.span, path, fact.into(), "leave `digest-bits` out: full length");
            }
            (Kind::Map(form), _) => self.map(node, form, path),
            (Kind::SomeMaps(_), Value::List(items)) if items.is_empty() && self.is_whole(node) => {
                let fact = "the daemon refuses the file: this list is empty".into();
                self.error(
                    "empty-list",
                    self.document.closing(node.span),
                    path,
                    fact,
                    "write its items, or remove the list",
                );
            }
            (Kind::Maps(form) | Kind::SomeMaps(form), Value::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let path = path.item(index);
                    self.map(item, form, &path);
                    self.needed(item, item.span, form, &path);
                }
            }
            (kind, _) => self.wrong_kind(node, expected(kind), path),
        }
    }

    fn wrong_kind(&mut self, node: &Node, wanted: &str, path: &Path<'_>) {
        if !matches!(node.value, Value::Included) {
            let fact = format!("the daemon refuses the file: here it expects {wanted}");
            self.error("wrong-kind", node.span, path, fact, &format!("write {wanted}"));
        }
    }
}

/// The `comment` and `user-context` of one map so far.
#[derive(Default)]
struct Context {
    any: bool,
    count: usize,
    comment: bool,
}

/// True if a text is written without escapes; only then is it a word of the daemon's grammar.
fn is_plain(text: &str, span: Span) -> bool {
    span.end - span.start == text.len() + 2
}

/// The last byte: the bracket that closes.
fn last(span: Span) -> Span {
    let start = span.end.saturating_sub(1).max(span.start);
    Span { start, told: start, ..span }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Filled | Kind::Word(_) | Kind::Exact(_) | Kind::Comment => "a string",
        Kind::Bool => "true or false",
        Kind::Float => "a number with a point",
        Kind::Int(..) | Kind::Bits => "a whole number without quotes, point or exponent",
        Kind::AnyMap | Kind::Context | Kind::Map(_) => "a map",
        Kind::Maps(_) | Kind::SomeMaps(_) => "a list",
    }
}
