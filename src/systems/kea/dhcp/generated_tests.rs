//! Tests of `generated`, with the file that pfSense 2.7.2 wrote.

use super::*;

const FILE: &str = include_str!("../../../../fixtures/pfsense/2.7.2/kea-dhcp4.conf");

fn wiring(version: Option<Version>) -> Wiring {
    let lan = Network::new("10.0.10.0/24").unwrap();
    let d2 = "127.0.0.1:53001".parse().unwrap();
    Wiring::new(d2, "lan.example.", ConflictMode::CheckWithDhcid, version, &[lan]).unwrap()
}

fn read(bytes: &[u8]) -> Generated {
    Generated::read(bytes, "kea-dhcp4.conf").unwrap()
}

#[test]
fn keys_come_as_text_and_go_without_a_trace() {
    let wanted = wiring(Some(Version(2, 4, 0)));
    let new = read(FILE.as_bytes()).with(&wanted).unwrap().unwrap();
    let text = String::from_utf8(new.clone()).unwrap();
    let diff = similar::TextDiff::from_lines(FILE, &text);
    let lines = |tag| diff.iter_all_changes().filter(|it| it.tag() == tag).map(|it| it.value()).collect::<String>();
    // Two lines get the comma that JSON wants; everything else of the file is as it was.
    assert_eq!(lines(similar::ChangeTag::Delete), "                \"reservations-in-subnet\": true\n        ]\n");
    assert!(lines(similar::ChangeTag::Insert).contains(
        "                \"ddns-use-conflict-resolution\": true,\n                \"user-context\": {\n                    \"pfddns\": [\n                        \"ddns-send-updates\",\n"
    ), "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["Dhcp4"]["dhcp-ddns"]["server-port"], 53001);
    assert_eq!(value["Dhcp4"]["subnet4"][0]["ddns-qualifying-suffix"], "lan.example.");
    assert_eq!(value["Dhcp4"]["subnet4"][1].get("ddns-send-updates"), None);
    let wired = read(&new);
    assert_eq!(wired.holds(&wanted), (true, vec![true]));
    assert!(wired.with(&wanted).unwrap().is_none(), "a second time there is nothing to do");
    assert_eq!(wired.ours(), Some(wanted.clone()));
    assert_eq!(wired.without().unwrap().unwrap(), FILE.as_bytes());
    // Others of ours replace them.
    let later = wiring(Some(Version(3, 0, 0)));
    let renewed = read(&wired.with(&later).unwrap().unwrap());
    assert_eq!((renewed.ours(), renewed.holds(&wanted).0), (Some(later), true));
    let plain = read(FILE.as_bytes());
    assert!(plain.without().unwrap().is_none() && plain.ours().is_none());
    assert_eq!(plain.holds(&wanted), (false, vec![false]));
}

#[test]
fn what_somebody_else_put_there_stays() {
    let theirs = r#"{"Dhcp4":{"user-context":{"a":1},"dhcp-ddns":{"enable-updates":false},"subnet4":[{"subnet":"10.0.10.0/24"}]}}"#;
    let error = read(theirs.as_bytes()).with(&wiring(None)).err().unwrap().to_string();
    assert!(error.contains("kea-dhcp4.conf:1:46: `dhcp-ddns` already has another value"), "{error}");
    for theirs in [
        r#"{"Dhcp4":{"user-context":{"a":1},"ddns-send-updates":false,"subnet4":[{"subnet":"10.0.10.0/24"}]}}"#,
        r#"{"Dhcp4":{"subnet4":[{"user-context":{"a":[]},"subnet":"10.0.10.0/24","ddns-send-updates":true}]}}"#,
    ] {
        let new = read(theirs.as_bytes()).with(&wiring(None)).unwrap().unwrap();
        let value: Value = serde_json::from_slice(&new).unwrap();
        assert_eq!(value["Dhcp4"]["dhcp-ddns"]["enable-updates"], true);
        assert_eq!(String::from_utf8(read(&new).without().unwrap().unwrap()).unwrap(), theirs);
    }
}

#[test]
fn what_the_firewall_would_not_write_is_refused() {
    let refused = |text: &str| Generated::read(text.as_bytes(), "f").err().unwrap().to_string();
    assert!(refused("{\"Dhcp4\": {} // note\n}").contains("not the JSON that the firewall writes"));
    assert!(refused(&FILE[..FILE.len() / 2]).contains("pfSense may be writing it"));
    assert!(refused("{\"Dhcp6\": {}}").contains("it has no Dhcp4"));
    assert!(refused("{\"Dhcp4\": null, \"Dhcp4\": {}}").contains("given twice"));
    let other = Wiring { subnets: vec![(Network::new("10.9.9.0/24").unwrap(), Map::new())], ..wiring(None) };
    let error = read(FILE.as_bytes()).with(&other).err().unwrap().to_string();
    assert!(error.contains("it has no subnet 10.9.9.0/24"), "{error}");
    let null = Generated::read(b"{\"Dhcp4\": null}", "f").unwrap();
    assert!(null.with(&wiring(None)).is_err());
}

#[test]
fn an_old_kea_is_told_in_its_own_words_or_not_at_all() {
    let keys = |version, mode| {
        let lan = Network::new("10.0.10.0/24").unwrap();
        Wiring::new("127.0.0.1:53001".parse().unwrap(), "lan.example.", mode, version, &[lan])
            .map(|it| it.subnets[0].1.clone())
    };
    let old = Some(Version(2, 4, 1));
    assert_eq!(keys(old, ConflictMode::NoCheckWithDhcid).unwrap()["ddns-use-conflict-resolution"], false);
    assert_eq!(
        keys(None, ConflictMode::NoCheckWithDhcid).unwrap()["ddns-conflict-resolution-mode"],
        "no-check-with-dhcid"
    );
    let error = keys(old, ConflictMode::NoCheckWithoutDhcid).unwrap_err().to_string();
    assert!(error.contains("Kea 2.4.1 does not know conflict-mode no-check-without-dhcid"), "{error}");
}

#[test]
fn a_running_server_is_compared_by_what_decides() {
    let wiring = wiring(None);
    let running = json!({"Dhcp4": {"dhcp-ddns": wiring.global["dhcp-ddns"], "subnet4": [
        {"subnet": "10.0.10.0/24", "ddns-send-updates": true, "ddns-qualifying-suffix": "lan.example."}
    ]}});
    assert_eq!(wiring.missing_in(&running), None);
    let mut other = running.clone();
    other["Dhcp4"]["subnet4"][0]["ddns-send-updates"] = json!(false);
    assert_eq!(wiring.missing_in(&other).unwrap(), "has a different ddns-send-updates for 10.0.10.0/24");
    other["Dhcp4"]["subnet4"] = json!([]);
    assert_eq!(wiring.missing_in(&other).unwrap(), "has no subnet 10.0.10.0/24");
    assert_eq!(wiring.missing_in(&json!({"Dhcp4": {}})).unwrap(), "does not send names to D2");
}
