//! Each trap by name: what the document says, which finding it gives, and nothing on a clean pair.

use super::*;
use crate::model::KeyName;
use crate::systems::kea::Version;

const D2: &str = r#"{"DhcpDdns":{"dns-server-timeout":1000,
  "control-socket":{"socket-type":"unix","socket-name":"/run/kea/d2"},
  "tsig-keys":[{"name":"k1","algorithm":"HMAC-SHA256","secret":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="}],
  "forward-ddns":{"ddns-domains":[{"name":"lan.example.","key-name":"k1","dns-servers":[{"ip-address":"192.0.2.53"}]}]},
  "reverse-ddns":{"ddns-domains":[{"name":"2.0.192.in-addr.arpa.","key-name":"k1","dns-servers":[{"ip-address":"192.0.2.53"}]}]}}}"#;

const DHCP4: &str = r#"{"Dhcp4":{"valid-lifetime":7200,
  "control-socket":{"socket-type":"unix","socket-name":"/run/kea/d4"},
  "dhcp-ddns":{"enable-updates":true},
  "ddns-qualifying-suffix":"lan.example.","ddns-override-client-update":true,"ddns-replace-client-name":"when-not-present",
  "subnet4":[{"id":1,"subnet":"192.0.2.0/24","reservations":[{"hw-address":"02:00:00:00:00:01","hostname":"printer"}]}]}}"#;

fn found(d2: &str, dhcp: &[&str], version: Version, types: &[&str]) -> Vec<Finding> {
    let d2 = Document::parse(d2.as_bytes(), "d2.conf").unwrap();
    let dhcp: Vec<Document> = dhcp.iter().map(|it| Document::parse(it.as_bytes(), "dhcp.conf").unwrap()).collect();
    let key = KeyName::new("k1").unwrap();
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    let zone = |name: &str| ZoneFacts {
        zone: ZoneName::new(name).unwrap(),
        soa_expire: Some(604_800),
        types: Some(vec![(key.clone(), types.clone())]),
    };
    let zones = [zone("lan.example"), zone("2.0.192.in-addr.arpa")];
    let reserved = ["nas".to_owned()];
    let context = Context { against: Checked::new(version), zones: &zones, reserved: &reserved };
    lint(Some(&d2), &dhcp.iter().collect::<Vec<_>>(), &context)
}

const NEW: Version = Version(3, 0, 4);
const OLD: Version = Version(2, 2, 0);

#[test]
fn a_clean_pair_has_no_finding_in_any_version() {
    for version in [OLD, Version(2, 6, 3), NEW] {
        assert_eq!(found(D2, &[DHCP4], version, &["ANY"]), []);
    }
}

/// A mistake planted in one of the two documents, and the finding it must give: `fixtures/kea/traps.json`.
#[derive(serde::Deserialize)]
struct Trap {
    #[serde(rename = "in")]
    place: String,
    replace: String,
    by: String,
    version: String,
    finding: String,
}

fn traps() -> Vec<Trap> {
    let mut all: serde_json::Value = serde_json::from_str(include_str!("../../../../fixtures/kea/traps.json")).unwrap();
    assert_eq!((all["d2"].as_str(), all["dhcp"].as_str()), (Some(D2), Some(DHCP4)));
    serde_json::from_value(all["traps"].take()).unwrap()
}

#[test]
fn every_planted_trap_is_found_at_its_place() {
    for Trap { place, replace, by, version, finding: code } in traps() {
        let (d2, dhcp) = match place.as_str() {
            "d2" => (D2.replacen(&replace, &by, 1), DHCP4.to_owned()),
            _ => (D2.to_owned(), DHCP4.replace(&replace, &by)),
        };
        let version = Version::parse(&version).unwrap();
        assert!(d2 != D2 || dhcp != DHCP4, "{code}: nothing was planted");
        let found = found(&d2, &[&dhcp], version, &["ANY"]);
        let hit = found.iter().find(|it| it.code == code).unwrap_or_else(|| panic!("{code}: {found:?}"));
        assert!(!hit.consequence.is_empty() && !hit.fix.is_empty() && hit.place.contains(".conf:"));
        assert!(!format!("{hit}").contains("hunter2"), "{hit}");
    }
}

#[test]
fn grants_are_judged_by_mode() {
    let grant = |mode: &str, types: &[&str]| {
        let member = format!("\"ddns-conflict-resolution-mode\":\"{mode}\",\"valid-lifetime\"");
        let found = found(D2, &[&DHCP4.replace("\"valid-lifetime\"", &member)], NEW, types);
        found.iter().filter(|it| it.code == "grant-any").count()
    };
    let all = ["A", "AAAA", "PTR", "DHCID"];
    assert_eq!(grant("check-with-dhcid", &all), 2);
    assert_eq!(grant("check-exists-with-dhcid", &all), 1);
    assert_eq!(grant("no-check-with-dhcid", &all), 0);
    assert_eq!(grant("no-check-without-dhcid", &["A", "AAAA", "PTR"]), 0);
    assert_eq!(grant("no-check-without-dhcid", &["A"]), 2);
    assert_eq!(grant("check-with-dhcid", &["ANY"]), 0);
}

#[test]
fn one_suffix_for_both_families_is_told() {
    let six = r#"{"Dhcp6":{"dhcp-ddns":{"enable-updates":true},"ddns-qualifying-suffix":"LAN.example.",
      "control-socket":{"socket-name":"/run/kea/d6"},
      "ddns-override-client-update":true,"ddns-replace-client-name":"always",
      "subnet6":[{"id":1,"subnet":"2001:db8:1::/64"}]}}"#;
    let found = found(D2, &[DHCP4, six], NEW, &["ANY"]);
    let codes: Vec<&str> = found.iter().map(|it| it.code).collect();
    assert_eq!(codes, ["reverse-missing", "dual-stack"]);
}

#[test]
fn a_domain_below_a_zone_is_told_with_the_zone() {
    let below = D2.replace("lan.example.", "dhcp.lan.example.");
    let all = found(&below, &[&DHCP4.replace("lan.example.", "dhcp.lan.example.")], NEW, &["ANY"]);
    let codes: Vec<(&str, &str)> = all.iter().map(|it| (it.code, it.place.as_str())).collect();
    assert_eq!(codes, [("below-zone", "d2.conf:4:43")]);
    assert!(all[0].consequence.contains("written into lan.example,"), "{}", all[0]);
}

#[test]
fn sockets_of_a_dhcp_server_follow_the_rules_of_its_version() {
    let document = Document::parse(DHCP4.as_bytes(), "dhcp.conf").unwrap();
    let codes = |version, folder, mode| {
        let against = Checked { socket_folder: Some(folder), socket_folder_mode: Some(mode), ..Checked::new(version) };
        let context = Context { against, zones: &[], reserved: &[] };
        lint(None, &[&document], &context).into_iter().map(|it| (it.code, it.place)).collect::<Vec<_>>()
    };
    let at = |code| vec![(code, "dhcp.conf:2:56".to_owned())];
    assert_eq!(codes(OLD, "/elsewhere", 0o777), []);
    assert_eq!(codes(NEW, "/run/kea", 0o700), []);
    assert_eq!(codes(Version(2, 6, 3), "/run/kea", 0o750), []);
    assert_eq!(codes(Version(2, 6, 3), "/run/kea", 0o700), at("socket-folder-mode"));
    assert_eq!(codes(NEW, "/var/run/kea", 0o750), at("socket-folder"));
}
