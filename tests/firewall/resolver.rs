//! What `unbound auth-zone` writes, read and served by a real unbound that validates, with a real BIND to copy from.

use super::harness::{Named, Unbound, real};
use super::{Box_, run_json};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

fn dig(at: SocketAddr, name: &str, of: &str) -> String {
    let port = at.port().to_string();
    let asked = ["@127.0.0.1", "-p", &port, "+noall", "+comments", "+answer", name, of];
    let output = Command::new("/usr/bin/dig").args(asked).output().expect("dig");
    String::from_utf8(output.stdout).expect("text")
}

/// Without more than the copy, a resolver that validates finds that the root knows no `example.`, and it has an answer of
/// its own for 10.in-addr.arpa.
#[test]
fn a_real_unbound_answers_from_its_copies() {
    let records = |folder: &Path, zone: &str, record: &str| {
        let statement = Named::zone(folder, zone, "");
        let file = folder.join(format!("{zone}.zone"));
        let text = std::fs::read_to_string(&file).expect("the zone's file");
        std::fs::write(file, text + record).expect("the zone's file");
        statement
    };
    let named = Named::start(|folder| {
        records(folder, "lan.example", "pc A 10.0.10.7\n")
            + &records(folder, "10.0.10.in-addr.arpa", "7 PTR pc.lan.example.\n")
    });
    let Some(named) = real(named) else { return };
    let it = Box_::new("2.8/config.xml");
    assert_eq!(it.run(&["unbound", "auth-zone", "--from", "127.0.0.1"]).code, 0);
    let shown: Value = serde_json::from_str(&run_json(&it, &["--json", "unbound", "show"])).unwrap();
    let options = shown["custom-options"].as_str().unwrap();
    let options = options.replace("primary: 127.0.0.1", &format!("primary: 127.0.0.1@{}", named.dns.port()));
    let Some(unbound) = real(Unbound::start(&options, named.dns)) else { return };
    let copied = super::harness::until(std::time::Duration::from_secs(15), "the copy", || {
        dig(unbound.dns, "pc.lan.example", "A").contains("10.0.10.7")
    });
    assert_eq!(copied, Ok(()), "{}", dig(unbound.dns, "pc.lan.example", "A"));
    let reverse = dig(unbound.dns, "7.10.0.10.in-addr.arpa", "PTR");
    assert!(reverse.contains("PTR\tpc.lan.example."), "{reverse}");
    assert!(dig(unbound.dns, "nobody.lan.example", "A").contains("NXDOMAIN"));
}
