//! Talks to Kea's daemons: the control channel, D2's UDP port and its start script, and a new document for a running D2.

pub mod answer;
pub mod apply;
pub mod listener;
pub mod ncr;
pub mod rc;
pub mod socket;
