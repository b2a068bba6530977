//! What the targets exercise, and nothing that it does not need.

/// config.xml: reading and editing.
#[path = "../../../src/systems/pfsense"]
pub mod pfsense {
    mod edit;
    mod xml;

    pub use edit::Edit;
    pub use xml::{Dialect, Document, Kind, Seen};
}

/// Kea: what reads files and answers.
#[path = "../../../src/systems/kea"]
pub mod kea {
    pub mod text;
    mod version;

    pub use version::Version;

    pub mod daemon {
        pub mod answer;
    }
    pub mod leases {
        pub mod file;
        pub mod pages;
    }
    pub mod lint {
        pub mod against;
        pub mod check;
        mod forms;
        pub mod report;
        mod rules;
        mod schema;
    }
}
