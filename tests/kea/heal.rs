//! Names that DNS lost come back through a real D2 and a real BIND, and only those.

use crate::each_version;
use crate::harness::{Kea, Named, real};
use crate::site::{Site, run, secret};
use pfddns::model::{DomainName, ZoneName};
use pfddns::systems::dns::{Rtype, lookup};
use pfddns::systems::kea::daemon::ncr::Mode;
use pfddns::systems::kea::daemon::socket;
use pfddns::systems::kea::leases::Leases;
use pfddns::systems::kea::leases::heal::{Limits, Records, Target, missing, send_all};
use std::fmt::Write as _;

each_version!(lost_names_come_back);

fn lost_names_come_back(kea: Kea) {
    let named = real(Named::start(|folder| {
        let key = format!("key \"ddns-1\" {{ algorithm hmac-sha256; secret \"{}\"; }};\n", secret(1).expose());
        key + &Named::zone(folder, "lan.example", "allow-update { key \"ddns-1\"; };")
            + &Named::zone(folder, "2.0.192.in-addr.arpa", "allow-update { key \"ddns-1\"; };")
    }));
    let Some(named) = named else { return };
    let Some(mut site) = Site::new(kea) else { return };
    site.domain("lan.example.", &[named.dns]);
    site.domain("2.0.192.in-addr.arpa.", &[named.dns]);
    site.spec.timeout_ms = 2000;
    site.spec.log = None;
    let _d2 = site.start_d2("ddns-1", 1);
    let mut file =
        "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"
            .to_owned();
    for host in 1..=230 {
        let _ =
            writeln!(file, "192.0.2.{host},02:00:00:00:00:{host:02x},,3600,2000000000,1,1,1,h{host}.lan.example,0,");
    }
    let leases = Leases::read(file.as_bytes(), "f").unwrap();
    let zones = ["lan.example", "2.0.192.in-addr.arpa"].map(|it| ZoneName::new(it).unwrap()).to_vec();
    let nothing = Records { zones, ..Records::default() };
    assert!(missing(&leases, 1_000_000, &nothing, &[], Limits::default()).unwrap_err().what().contains("230 of 230"));
    let limits = Limits { percent: 100, ..Limits::default() };
    let lost = missing(&leases, 1_000_000, &nothing, &[], limits).unwrap();
    assert_eq!(lost.len(), 230);
    let control = site.paths.socket.clone();
    let version = socket::version(site.host(), &control).unwrap();
    let target = Target { socket: &control, listen: site.spec.listen, version, mode: Mode::CheckWithDhcid };
    let clock = site.world.clock.clone();
    let mut heard = Vec::new();
    let sent =
        run(send_all(&clock, site.world.host_mut(&site.name).unwrap(), &target, &lost, |so_far| heard.push(so_far)));
    assert_eq!((sent.unwrap(), heard.as_slice()), (230, [100, 200, 230].as_slice()));
    for host in [1, 99, 100, 101, 230] {
        let name = DomainName::new(&format!("h{host}.lan.example")).unwrap();
        let found = run(lookup(&site.world, named.dns, &name, Rtype::A)).unwrap().records;
        assert_eq!(found, [format!("192.0.2.{host}")]);
        let owner = DomainName::new(&format!("{host}.2.0.192.in-addr.arpa")).unwrap();
        let found = run(lookup(&site.world, named.dns, &owner, Rtype::Ptr)).unwrap().records;
        assert_eq!(found, [format!("h{host}.lan.example.")]);
    }
}
