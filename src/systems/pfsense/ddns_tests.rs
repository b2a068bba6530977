//! Tests of `ddns`, with the config.xml of a pfSense 2.8.

use super::*;
use crate::systems::pfsense::Seen;

const CONFIG: &str = include_str!("../../../fixtures/pfsense/2.8/config.xml");

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn wiring() -> Wiring {
    Wiring {
        global: object(
            json!({"dhcp-ddns": {"enable-updates": true, "server-port": 53001}, "ddns-send-updates": false}),
        ),
        interfaces: vec![(
            "lan".into(),
            object(json!({"ddns-send-updates": true, "ddns-qualifying-suffix": "lan.example."})),
        )],
    }
}

fn with(text: &str, path: &str, custom: Value) -> String {
    let document = Document::read(text.as_bytes()).unwrap();
    let edit = Edit::put(path, STANDARD.encode(custom.to_string()).as_str());
    String::from_utf8(document.edited(&[edit]).unwrap()).unwrap()
}

fn apply(text: &str, edits: &[Edit]) -> String {
    String::from_utf8(Document::read(text.as_bytes()).unwrap().edited(edits).unwrap()).unwrap()
}

#[test]
fn on_and_off_again_is_the_same_file() {
    let before = Document::read(CONFIG.as_bytes()).unwrap();
    let on = apply(CONFIG, &enable(&before, &wiring()).unwrap());
    let wired = Document::read(on.as_bytes()).unwrap();
    assert!(state(&wired, &wiring()).unwrap().iter().all(|(_, holds)| *holds));
    assert!(enable(&wired, &wiring()).unwrap().is_empty(), "a second time there is nothing to do");
    let off = apply(&on, &disable(&wired).unwrap());
    assert_eq!(off, CONFIG);
    assert!(disable(&before).unwrap().is_empty());
}

#[test]
fn what_the_operator_wrote_stays() {
    let theirs = json!({"valid-lifetime": 3600, "dhcp-ddns": {"max-queue-size": 99}, "user-context": {"note": "x"}});
    let text = with(CONFIG, "kea/custom_kea_config", theirs.clone());
    let text = with(&text, "dhcpd/lan/custom_kea_config", json!({"renew-timer": 900}));
    let document = Document::read(text.as_bytes()).unwrap();
    let on = apply(&text, &enable(&document, &wiring()).unwrap());
    let wired = Document::read(on.as_bytes()).unwrap();
    let global = value(&wired, &Section::Global).unwrap().unwrap();
    assert_eq!(global["dhcp-ddns"], json!({"max-queue-size": 99, "enable-updates": true, "server-port": 53001}));
    assert_eq!(global["valid-lifetime"], 3600);
    let off = apply(&on, &disable(&wired).unwrap());
    let off = Document::read(off.as_bytes()).unwrap();
    assert_eq!(Value::Object(value(&off, &Section::Global).unwrap().unwrap()), theirs);
    let lan = value(&off, &Section::Interface("lan".into())).unwrap().unwrap();
    assert_eq!(Value::Object(lan), json!({"renew-timer": 900}));
}

#[test]
fn a_conflict_is_refused_and_our_own_value_renewed() {
    let text = with(CONFIG, "dhcpd/lan/custom_kea_config", json!({"ddns-send-updates": false}));
    let error = enable(&Document::read(text.as_bytes()).unwrap(), &wiring()).unwrap_err().to_string();
    assert!(error.contains("custom Kea JSON of lan already sets ddns-send-updates"), "{error}");

    let document = Document::read(CONFIG.as_bytes()).unwrap();
    let on = apply(CONFIG, &enable(&document, &wiring()).unwrap());
    let mut other = wiring();
    other.global["dhcp-ddns"]["server-port"] = json!(53002);
    let wired = Document::read(on.as_bytes()).unwrap();
    let moved = apply(&on, &enable(&wired, &other).unwrap());
    let moved = Document::read(moved.as_bytes()).unwrap();
    assert_eq!(value(&moved, &Section::Global).unwrap().unwrap()["dhcp-ddns"]["server-port"], 53002);
    assert!(!state(&moved, &wiring()).unwrap().iter().all(|(_, holds)| *holds), "the drift is seen");
}

#[test]
fn the_global_value_is_never_alone_and_never_empty() {
    let document = Document::read(CONFIG.as_bytes()).unwrap();
    let only_global = Wiring { interfaces: Vec::new(), ..wiring() };
    let on = apply(CONFIG, &enable(&document, &only_global).unwrap());
    let wired = Document::read(on.as_bytes()).unwrap();
    assert_eq!(wired.text(wired.at(&["dhcpd", "lan", "custom_kea_config"]).unwrap()).unwrap(), NOTHING);
    let off = apply(&on, &disable(&wired).unwrap());
    assert_eq!(off, CONFIG);
    // Theirs stays global: an interface-level tag stays too, so that it is linted.
    let text = with(CONFIG, "kea/custom_kea_config", json!({"valid-lifetime": 3600}));
    let document = Document::read(text.as_bytes()).unwrap();
    let on = apply(&text, &enable(&document, &wiring()).unwrap());
    let off = apply(&on, &disable(&Document::read(on.as_bytes()).unwrap()).unwrap());
    let off = Document::read(off.as_bytes()).unwrap();
    assert_eq!(off.text(off.at(&["dhcpd", "lan", "custom_kea_config"]).unwrap()).unwrap(), NOTHING);
}

/// pfSense's HA sync sends `kea` only if there is one: nothing there would leave the other firewall as it is.
#[test]
fn the_primary_of_a_pair_tells_the_other_one_that_it_is_off() {
    let primary = apply(CONFIG, &[Edit::put("hasync/synchronizetoip", "10.0.99.2")]);
    let document = Document::read(primary.as_bytes()).unwrap();
    let on = apply(&primary, &enable(&document, &wiring()).unwrap());
    let off = apply(&on, &disable(&Document::read(on.as_bytes()).unwrap()).unwrap());
    let off = Document::read(off.as_bytes()).unwrap();
    assert_eq!(off.text(off.at(&["kea", "custom_kea_config"]).unwrap()).unwrap(), NOTHING);
    assert!(off.at(&["dhcpd", "lan", "custom_kea_config"]).is_none());
    assert!(disable(&off).unwrap().is_empty());
    assert!(!enable(&off, &wiring()).unwrap().is_empty());
}

#[test]
fn where_it_cannot_work_it_is_refused_with_the_reason() {
    let refused = |text: &str| enable(&Document::read(text.as_bytes()).unwrap(), &wiring()).unwrap_err().to_string();
    assert!(refused(&CONFIG.replace(">kea</dhcpbackend>", ">isc</dhcpbackend>")).contains("ISC"));
    assert!(refused(&CONFIG.replace("<version>23.9<", "<version>23.3<")).contains("needs 2.8"));
    let document = Document::read(CONFIG.as_bytes()).unwrap();
    let ha = Seen::Map(vec![("enable".into(), "".into()), ("role".into(), "standby".into())]);
    let standby = apply(CONFIG, &[Edit::put("kea/ha", ha)]);
    assert!(refused(&standby).contains("standby"));
    let broken = with(CONFIG, "kea/custom_kea_config", json!([1]));
    assert!(refused(&broken).contains("not a JSON object"));
    let off = Wiring { interfaces: vec![("wan".into(), object(json!({"a": 1})))], ..wiring() };
    assert!(enable(&document, &off).unwrap_err().to_string().contains("no DHCP section for interface wan"));
}
