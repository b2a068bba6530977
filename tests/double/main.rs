//! The doubles against what real servers answered, and the promises of the doubles themselves: what a crash loses, what
//! a lost reply leaves behind. Messages are built and read byte by byte here, with no code of the double.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may stop anywhere, and prints its counts

#[path = "../doubles/mod.rs"]
mod doubles;

mod calls;
mod copies;
mod faults;
mod forwards;
mod http;
mod persistence;
mod records;
mod rights;
mod semantics;
mod tsig;
mod updates;
mod wire;

use doubles::technitium::{Handle, Options, Technitium, Version};
use serde_json::Value;

/// A double with short delays where the time itself is not what is tested.
fn start(version: Version) -> Handle {
    let options = Options { login_delay: std::time::Duration::from_millis(10), ..Options::new(version) };
    Technitium::start(options).unwrap()
}

/// A recorded file of the project.
fn fixture(name: &str) -> Value {
    let path = format!("{}/fixtures/technitium/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The answer of a version among `{"13.6 14.3": …, "15.2": …}`.
fn answer_for(answers: &Value, version: Version) -> Option<&Value> {
    let found = |(names, _): &(&String, &Value)| names.split(' ').any(|name| name == version.name());
    answers.as_object()?.iter().find(found).map(|(_, answer)| answer)
}

/// Fails if what deviates is not exactly what is known to deviate.
fn conclude(what: &str, version: Version, total: usize, deviating: &[(String, String)], known: &[&str]) {
    let names: Vec<&str> = deviating.iter().map(|(name, _)| name.as_str()).collect();
    println!("{what}: {} of {total} as recorded for {}", total - names.len(), version.name());
    for (name, why) in deviating {
        println!("  - {name}: {why}");
    }
    assert_eq!(names, known, "the list of deviations of {what} for {} has changed", version.name());
}
