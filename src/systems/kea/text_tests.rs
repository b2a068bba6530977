//! Tests of `text`: the dialect's table, and hostile input.

use super::*;
use proptest::prelude::*;

fn fails(text: &str) -> String {
    Document::parse(text.as_bytes(), "d2.conf").unwrap_err().what().to_owned()
}

#[test]
fn edits_leave_comments_order_and_includes_alone() {
    let text =
        "# top\n{ \"b\": 1, // one\n  <?include \"/etc/x.json\"?>,\n  \"a\": [ { \"k\": \"old\" } /* two */ ],\n}\n";
    let document = Document::parse(text.as_bytes(), "f").unwrap();
    let edited = document.replace(&[(&["a", "0", "k"], quoted("nové \"k\"")), (&["b"], "[2]".into())]).unwrap();
    assert_eq!(edited.text(), text.replace("\"old\"", "\"nové \\\"k\\\"\"").replace("\"b\": 1", "\"b\": [2]"));
    assert_eq!(edited.root().at(&["a", "0", "k"]).unwrap().text(), Some("nové \"k\""));
    assert_eq!(document.includes().len(), 1);
    assert_eq!(document.extra_commas().len(), 1);
}

#[test]
fn edits_that_make_no_sense_are_refused() {
    let document = Document::parse(b"{ \"a\": { \"b\": 1 } }", "f").unwrap();
    assert!(document.replace(&[(&["x"], "1".into())]).unwrap_err().what().contains("there is no `x`"));
    assert!(document.replace(&[(&["a"], "1".into()), (&["a", "b"], "2".into())]).is_err());
    assert!(document.replace(&[(&["a"], "1, \"a\": 2".into())]).is_err());
}

#[test]
fn includes_are_spliced_and_keep_their_own_places() {
    let loader = |file: &str| (file == "/x.json").then(|| b"\"x\": 1,\n \"y\": \"z\"".to_vec());
    let text = b"{ <?include \"/x.json\"?>, \"w\": 2 }";
    let document = Document::parse_with(text, "f", &loader).unwrap();
    let y = document.root().get("y").unwrap();
    assert_eq!((y.text(), document.place(y.span)), (Some("z"), "/x.json:2:7".into()));
    assert!(document.replace(&[(&["y"], "1".into())]).unwrap_err().what().starts_with("/x.json:2:7: "));
    let looping = |_: &str| Some(b"<?include \"/x.json\"?>".to_vec());
    assert!(Document::parse_with(text, "f", &looping).unwrap_err().what().contains("too many nested includes"));
    let twice = |_: &str| Some(b"<?include \"/x\"?>, <?include \"/x\"?>".to_vec());
    assert!(Document::parse_with(text, "f", &twice).is_err());
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
