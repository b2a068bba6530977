//! Tests of `text`: the dialect's table, and hostile input.

use super::*;
use crate::text::splice;
use proptest::prelude::*;

fn fails(text: &str) -> String {
    Document::parse(text.as_bytes(), "d2.conf").unwrap_err().what().to_owned()
}

/// The document with these values in place of those at the paths. Errors tell what is wrong with the new text.
fn replace(document: &Document, edits: &[(&[&str], String)]) -> Result<Document> {
    let span = |path: &[&str]| document.root().at(path).unwrap().span;
    let cuts = edits.iter().map(|(path, new)| (span(path).start..span(path).end, new.clone()));
    Document::parse(splice(document.text(), cuts.collect()).unwrap().as_bytes(), "f")
}

#[test]
fn edits_leave_comments_order_and_includes_alone() {
    let text =
        "# top\n{ \"b\": 1, // one\n  <?include \"/etc/x.json\"?>,\n  \"a\": [ { \"k\": \"old\" } /* two */ ],\n}\n";
    let document = Document::parse(text.as_bytes(), "f").unwrap();
    let edited = replace(&document, &[(&["a", "0", "k"], quoted("nové \"k\"")), (&["b"], "[2]".into())]).unwrap();
    assert_eq!(edited.text(), text.replace("\"old\"", "\"nové \\\"k\\\"\"").replace("\"b\": 1", "\"b\": [2]"));
    assert_eq!(edited.root().at(&["a", "0", "k"]).unwrap().text(), Some("nové \"k\""));
    assert_eq!(document.includes().len(), 1);
    assert_eq!(document.extra_commas().len(), 1);
}

#[test]
fn includes_are_spliced_and_keep_their_own_places() {
    let loader = |file: &str| (file == "/x.json").then(|| b"\"x\": 1,\n \"y\": \"z\"".to_vec());
    let text = b"{ <?include \"/x.json\"?>, \"w\": 2 }";
    let document = Document::scan(text, "f", &loader).and_then(Document::whole).unwrap();
    let y = document.root().get("y").unwrap();
    assert_eq!((y.text(), document.place(y.span)), (Some("z"), "/x.json:2:7".into()));
    let looping = |_: &str| Some(b"<?include \"/x.json\"?>".to_vec());
    assert!(
        Document::scan(text, "f", &looping)
            .and_then(Document::whole)
            .unwrap_err()
            .what()
            .contains("too many nested includes")
    );
    let twice = |_: &str| Some(b"<?include \"/x\"?>, <?include \"/x\"?>".to_vec());
    assert!(Document::scan(text, "f", &twice).and_then(Document::whole).is_err());
}

#[test]
fn errors_have_a_place_and_never_show_a_value() {
    assert_eq!(fails("{ \"a\": 1,\n \"a\": 2 }"), "d2.conf:2:2: `a` is given twice (first at d2.conf:1:3)");
    assert_eq!(fails("{ \"secret\" \"S3CRET\" }"), "d2.conf:1:12: expected `:` after `secret`, found a string");
    assert_eq!(fails("{ \"a\": TRUE }"), "d2.conf:1:8: `true` is written in lower case only");
    assert!(fails("{ \"a\": \"x\ny\" }").starts_with("d2.conf:1:8: a raw control character"));
    assert!(fails("{ \"a\": \"\\u20ac\" }").starts_with("d2.conf:1:8: Kea does not support the escape \\u20ac"));
    assert!(fails("\u{feff}{}").contains("byte order mark"));
    assert!(fails("{ \"a\": 99999999999999999999 }").contains("64 bits"));
    assert!(fails("{,}").starts_with("d2.conf:1:2: "));
    assert!(fails("{} x").starts_with("d2.conf:1:4: "));
    assert!(Document::parse(b"{ \"a\": \"\xff\" }", "f").unwrap_err().what().starts_with("f:1:9: not UTF-8"));
}

#[test]
fn hostile_nesting_is_refused_in_linear_time() {
    let deep = "[".repeat(1_000_000);
    assert!(fails(&format!("{{\"a\":{deep}")).contains("nested deeper"));
    let commas = format!("{{\"a\":[1{}]}}", ",".repeat(200_000));
    assert_eq!(Document::parse(commas.as_bytes(), "f").unwrap().extra_commas().len(), 200_000);
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&bytes, "f");
    }

    #[test]
    fn any_soup_of_words_parses_or_fails(words in proptest::collection::vec(0usize..18, 0..40)) {
        const WORDS: [&str; 18] = ["{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-2.5e3", "true", "null", "/*", "*/", "//", "\n", "<?include \"x\"?>", "\\"];
        let text: String = words.iter().filter_map(|it| WORDS.get(*it)).copied().collect();
        let _ = Document::parse(text.as_bytes(), "f");
    }

    #[test]
    fn a_quoted_text_reads_back(text in "\\PC*|[\u{1}-\u{1f}a-z\"\\\\é€]*") {
        let document = Document::parse(format!("{{\"a\":{}}}", quoted(&text)).as_bytes(), "f").unwrap();
        prop_assert_eq!(document.root().text_of("a"), Some(text.as_str()));
    }
}

/// A document of any layout, with the place of each value as it was written: not as the parser says.
struct Written {
    choice: u64,
    text: String,
    values: Vec<(Vec<String>, std::ops::Range<usize>)>,
}

impl Written {
    fn below(&mut self, end: u64) -> u64 {
        self.choice = self.choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.choice >> 33) % end
    }

    fn gap(&mut self) {
        const GAPS: [&str; 9] =
            ["", "", " ", "\n  ", "\r\n\t", "/* \"a\": { */", " // } é\n", "# ]\r\n", "/**/ /* two\r\n lines */"];
        let at = usize::try_from(self.below(9)).unwrap();
        self.text.push_str(GAPS[at]);
    }

    fn items(&mut self, path: &[String], depth: u64, map: bool) {
        let count = self.below(4);
        for number in 0..count {
            self.gap();
            if self.below(6) == 0 {
                self.text.push_str("<?include \"/etc/x.json\"?>,");
                self.gap();
            }
            let step = if map { format!("m{number}") } else { number.to_string() };
            if map {
                self.text.push_str(&quoted(&step));
                self.gap();
                self.text.push(':');
                self.gap();
            }
            self.value(&[path, &[step]].concat(), depth + 1);
            self.gap();
            if number + 1 < count || self.below(4) == 0 {
                let commas = if self.below(5) == 0 { ",," } else { "," };
                self.text.push_str(commas);
            }
        }
        self.gap();
    }

    fn value(&mut self, path: &[String], depth: u64) {
        let start = self.text.len();
        match self.below(if depth > 3 { 4 } else { 8 }) {
            0 => self.text.push_str("-12.5e3"),
            1 => self.text.push_str("null"),
            2 => self.text.push_str("\"x\\u00e9 \\\" // é\""),
            3 => self.text.push_str("53001"),
            kind => {
                let map = kind % 2 == 0;
                self.text.push(if map { '{' } else { '[' });
                self.items(path, depth, map);
                self.text.push(if map { '}' } else { ']' });
            }
        }
        if depth > 0 {
            self.values.push((path.to_vec(), start..self.text.len()));
        }
    }

    fn of(seed: u64) -> Self {
        let mut it = Self { choice: seed, text: String::new(), values: Vec::new() };
        it.gap();
        it.text.push_str("{\"first\":1,");
        it.items(&[], 0, true);
        it.text.push('}');
        it.gap();
        it
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn edits_change_the_named_values_and_nothing_else(seed in any::<u64>(), picks in proptest::collection::vec(any::<proptest::sample::Index>(), 1..4)) {
        let Written { text, values, .. } = Written::of(seed);
        let document = Document::parse(text.as_bytes(), "f").unwrap();
        let seen = |path: &[String]| document.root().at(&path.iter().map(String::as_str).collect::<Vec<_>>()).map(|it| it.span);
        let mut chosen: Vec<&(Vec<String>, std::ops::Range<usize>)> = Vec::new();
        for (path, place) in picks.iter().filter(|_| !values.is_empty()).map(|it| it.get(&values)).map(|it| (&it.0, &it.1)) {
            let apart = chosen.iter().all(|it| it.1.end <= place.start || place.end <= it.1.start);
            prop_assert_eq!(seen(path).map(|it| it.start..it.end), Some(place.clone()), "{:?} in {}", path, text);
            if apart {
                chosen.push(values.iter().find(|it| &it.1 == place).unwrap());
            }
        }
        chosen.sort_by_key(|it| it.1.start);
        let paths: Vec<Vec<&str>> = chosen.iter().map(|it| it.0.iter().map(String::as_str).collect()).collect();
        let edits: Vec<(&[&str], String)> = paths.iter().enumerate().map(|(n, it)| (it.as_slice(), format!("[{n}, \"new\"]"))).collect();
        let mut wanted = text.clone();
        for (number, (_, place)) in chosen.iter().enumerate().rev() {
            wanted.replace_range(place.clone(), &format!("[{number}, \"new\"]"));
        }
        let edited = replace(&document, &edits).unwrap();
        prop_assert_eq!(edited.text(), &wanted);
        prop_assert_eq!((edited.comments().len() <= document.comments().len(), edited.includes().len() <= document.includes().len()), (true, true));
        let back: Vec<(&[&str], String)> = paths.iter().zip(&chosen).map(|(path, it)| (path.as_slice(), text[it.1.clone()].to_owned())).collect();
        let back = replace(&edited, &back).unwrap();
        prop_assert_eq!(back.text(), text);
    }
}
