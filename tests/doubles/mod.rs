//! Stand-ins for the products around us, for tests and for the lab: small in-process servers on loopback that copy a
//! product's answers *and its traps*. They share no code with the program they are used to judge.
#![allow(dead_code)] // each target that includes them uses another part

pub mod d2;
pub mod dhcp4;
pub mod dns;
pub mod firewall;
pub mod site;
pub mod technitium;
