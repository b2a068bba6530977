//! Tests of `d2`: documents as Kea reads them, and nothing in them that is not meant.

use super::*;
use crate::secret::SecretRef;

pub(crate) fn key(name: &str) -> KeyRef {
    let secret = SecretRef { path: "dns/ddns".into(), version: 8, field: name.into() };
    KeyRef { name: KeyName::new(name).unwrap(), algorithm: Algorithm::HmacSha256, secret }
}

pub(crate) fn spec(count: usize) -> D2Spec {
    let mut spec = D2Spec::new("/run/kea/kea-ddns-ctrl-socket", Some(KeyName::new("ddns-2026a").unwrap()));
    let servers: Vec<SocketAddr> = vec!["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:5353".parse().unwrap()];
    for index in 0..count {
        let zone = ZoneName::new(&format!("z{index}.lan.example")).unwrap();
        spec.domains.push(D2Domain { zone, reverse: false, servers: servers.clone(), key: None });
        let zone = ZoneName::new(&format!("{}.{}.10.in-addr.arpa", index % 256, index / 256)).unwrap();
        spec.domains.push(D2Domain { zone, reverse: true, servers: servers.clone(), key: None });
    }
    spec
}

#[test]
fn what_is_rendered_reads_back_and_is_wholly_ours() {
    let mut spec = spec(2);
    spec.log = Some(D2Log { output: "stdout".into(), severity: "DEBUG".into(), debug_level: 55 });
    let (old, new) = (key("old"), key("ddns-2026a"));
    let (one, two) = (Secret::new("b2xk"), Secret::new("bmV3"));
    let text = render(&spec, &[(&old, &one), (&new, &two)]).unwrap();
    let installed = Installed::read(text.as_bytes(), "d2").unwrap();
    assert_eq!(installed.foreign, [""; 0]);
    assert_eq!(installed.marker.as_deref(), Some("ddns-2026a"));
    assert_eq!(installed.listen, Some(LISTEN.into()));
    assert_eq!(installed.keys[0].fingerprint, Some(one.fingerprint()));
    assert_eq!(installed.used_keys(), ["ddns-2026a"]);
    assert_eq!(installed.domains.len(), 4);
    assert_eq!(installed.domains.iter().filter(|it| it.reverse).count(), 2);
    assert_eq!(installed.domains[0].zone, "z0.lan.example.");
    assert_eq!(installed.domains[0].servers[1].0, "[2001:db8::53]:5353".parse().unwrap());
}

#[test]
fn nothing_incomplete_is_rendered() {
    let (new, secret) = (key("ddns-2026a"), Secret::new("bmV3"));
    let mut empty = spec(1);
    empty.domains[0].servers.clear();
    assert!(render(&empty, &[(&new, &secret)]).unwrap_err().what().contains("has no DNS server"));
    let other = key("other");
    assert!(render(&spec(1), &[(&other, &secret)]).unwrap_err().what().contains("which is not among the keys"));
    assert!(render(&spec(1), &[(&new, &secret), (&new, &secret)]).unwrap_err().what().contains("given twice"));
}

#[test]
fn the_buffer_with_secrets_never_moves() {
    for count in [0, 1, 500] {
        let (new, secret) = (key("ddns-2026a"), Secret::new("bmV3"));
        let mut spec = spec(count);
        for domain in &mut spec.domains {
            domain.servers = vec!["[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap(); 4];
        }
        let keys = [(&new, &secret)];
        assert_eq!(render(&spec, &keys).unwrap().capacity(), room(&spec, &keys));
    }
}
