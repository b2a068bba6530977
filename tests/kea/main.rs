//! pfddns against real Kea 2.2.0, 2.6.3 and 3.0.4: documents, the control channel, changes of a running D2, load.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../harness/mod.rs"]
mod harness;

mod apply;
mod by_hook;
mod cli;
mod dhcp_documents;
mod differential;
mod documents;
mod explain;
mod generated;
mod heal;
mod load;
mod mistakes;
mod rc;

mod silent;
mod site;
mod traps;

/// One test of each function per build of Kea.
#[macro_export]
macro_rules! each_version {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[test]
            fn kea_2_2() {
                super::$name($crate::harness::Kea::ALL[0]);
            }
            #[test]
            fn kea_2_6() {
                super::$name($crate::harness::Kea::ALL[1]);
            }
            #[test]
            fn kea_3_0() {
                super::$name($crate::harness::Kea::ALL[2]);
            }
        }
    )+ };
}
