//! Any bytes as what a daemon's control socket gives back: taken apart without a panic, an error shows nothing of them,
//! and pages of leases come to an end and make a lease file with one line for each lease.
#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../../src/error.rs"]
mod error;
#[path = "systems.rs"]
mod systems;
#[path = "../../../src/text.rs"]
mod text;

use error::Error;
use libfuzzer_sys::fuzz_target;
use systems::kea::daemon::answer::{self, Answer, NotDone, Statistics};
use systems::kea::leases::file::Leases;
use systems::kea::leases::pages;
use systems::kea::text::Document;

fuzz_target!(|data: &[u8]| {
    // One answer a line.
    let mut answers = data.split(|it| *it == b'\n');
    for bytes in answers.clone() {
        one(bytes);
    }
    let (mut asked, mut pages) = (0, 0);
    let mut last = answers.next().unwrap_or_default();
    let mut ask = |_: &str, _| {
        asked += 1;
        let given = answer::read(last).map_err(Error::new);
        pages += usize::from(matches!(given, Ok(Ok(_))));
        last = answers.next().unwrap_or(last);
        given
    };
    let Ok(file) = pages::read(4, 1, &mut ask) else { return };
    assert!(asked <= data.len() + 2, "the same page again and again");
    let leases = Leases::read(&file, "f").expect("a lease file with its header");
    let lines = file.iter().filter(|it| **it == b'\n').count() - 1;
    assert!(lines <= pages && leases.all.len() + leases.bad_lines.len() <= lines && !leases.torn);
});

fn one(bytes: &[u8]) {
    match answer::read(bytes) {
        Err(fact) => {
            let facts = ["the daemon closed", "half an answer (", "an answer without a result"];
            assert!(fact.len() < 80 && facts.iter().any(|it| fact.starts_with(it)));
        }
        Ok(Err(NotDone::Failed(text))) => assert!(text.chars().count() <= 600 && !text.contains(char::is_control)),
        Ok(Err(NotDone::Unsupported | NotDone::Empty)) => {}
        Ok(Ok(answer)) => {
            assert_eq!(format!("{answer:?}"), "Answer([may hold secrets])");
            let counters = Statistics::of(&answer.arguments);
            let _ = (counters.at_rest(), counters.received());
            // As what `config-get` gives is read.
            let _ = Document::parse(answer.arguments.to_string().as_bytes(), "config-get");
        }
    }
}
