//! One module per product we talk to.
//! Not for: combining two of them; that is a task.

pub mod pfsense;
