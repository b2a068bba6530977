//! Any bytes: reading and checking a D2 file never panics, an edit moves nothing but what it names and can be taken back,
//! and a lease file is read or refused.
#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../../src/error.rs"]
mod error;
#[path = "systems.rs"]
mod systems;
#[path = "../../../src/text.rs"]
mod text;

use libfuzzer_sys::fuzz_target;
use systems::kea::Version;
use systems::kea::leases::file::Leases;
use systems::kea::lint::against::Checked;
use systems::kea::lint::check;
use systems::kea::text::{Document, Node, Value};
use text::splice;

fuzz_target!(|data: &[u8]| {
    if let Ok(leases) = Leases::read(data, "f") {
        let active = leases.active(0).count();
        assert!(active <= leases.all.len());
    }
    // An included file that includes itself, and one with a bit of everything.
    let loader = |file: &str| match file {
        "a" => Some(data.iter().copied().take(64).collect()),
        _ => Some(b"/* */ \"port\": 1".to_vec()),
    };
    if let Ok(document) = Document::scan(data, "f", &loader) {
        for version in [Version(2, 2, 0), Version(2, 6, 3), Version(3, 0, 4)] {
            for finding in check::d2(&document, &Checked::new(version)) {
                assert!(!finding.consequence.is_empty() && !finding.fix.is_empty());
            }
        }
    }
    let Ok(document) = Document::parse(data, "f") else { return };
    let text = document.text();
    for path in leaves(document.root()) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let span = document.root().at(&path).expect("it was just there").span;
        let new = splice(text, vec![(span.start..span.end, "[1]".into())]).expect("a place in the text");
        let new = Document::parse(new.as_bytes(), "f").expect("one value for another");
        let there = new.root().at(&path).expect("the new value").span;
        assert_eq!(&new.text()[there.start..there.end], "[1]");
        let old = text[span.start..span.end].to_owned();
        assert_eq!(splice(new.text(), vec![(there.start..there.end, old)]).as_deref(), Some(text));
    }
});

/// Paths of a few values; a name that looks like a number is one in a list only.
fn leaves(node: &Node) -> Vec<Vec<String>> {
    let names = node.members().iter().map(|it| (it.name.clone(), &it.node));
    let numbers = node.items().iter().enumerate().map(|(at, it)| (at.to_string(), it));
    let below = names.chain(numbers).take(3).flat_map(|(step, node)| {
        let deeper = leaves(node).into_iter().take(2);
        let here = if matches!(node.value, Value::Included) { Vec::new() } else { vec![Vec::new()] };
        here.into_iter().chain(deeper).map(move |path| [vec![step.clone()], path].concat()).collect::<Vec<_>>()
    });
    below.collect()
}
