//! Kea's side, for `kea_json` and `kea_answer`: only what reads files and answers, without its tests.
#[path = "../../../src/systems/kea/answer.rs"]
pub mod answer;
#[path = "../../../src/systems/kea/check.rs"]
pub mod check;
#[path = "../../../src/systems/kea/forms.rs"]
mod forms;
#[path = "../../../src/systems/kea/lease_pages.rs"]
pub mod lease_pages;
#[path = "../../../src/systems/kea/leases.rs"]
pub mod leases;
#[path = "../../../src/systems/kea/lex.rs"]
mod lex;
#[path = "../../../src/systems/kea/parse.rs"]
mod parse;
#[path = "../../../src/systems/kea/redact.rs"]
pub mod redact;
#[path = "../../../src/systems/kea/rules.rs"]
mod rules;
#[path = "../../../src/systems/kea/rules_keys.rs"]
mod rules_keys;
#[path = "../../../src/systems/kea/rules_paths.rs"]
mod rules_paths;
#[path = "../../../src/systems/kea/rules_sockets.rs"]
mod rules_sockets;
#[path = "../../../src/systems/kea/schema.rs"]
mod schema;
#[path = "../../../src/systems/kea/text.rs"]
pub mod text;
#[path = "../../../src/systems/kea/version.rs"]
mod version;

pub use version::Version;
