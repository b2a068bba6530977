//! BIND: what is not ours stays, and what named does not like is taken back.

use crate::bind::{Named, start};
use crate::{new_secret, world};
use pfddns::error::Error;
use pfddns::model::{Algorithm, GrantRow, KeyName, KeyRef, UpdateMode, ZoneName, ZoneRules};
use pfddns::secret::SecretRef;
use pfddns::systems::servers::NameServer as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn key(name: &str) -> KeyRef {
    let secret = SecretRef { path: "dns/test".into(), version: 1, field: name.into() };
    KeyRef { name: KeyName::new(name).unwrap(), algorithm: Algorithm::HmacSha256, secret }
}

fn granted(zone: &ZoneName, key: &KeyRef) -> ZoneRules {
    let name = format!("*.{}", zone.without_dot());
    let row = GrantRow { key: key.name.clone(), name, types: vec!["ANY".into()] };
    ZoneRules { mode: UpdateMode::Acl, acl: vec!["127.0.0.1".into()], rows: vec![row] }
}

fn says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    parts.iter().for_each(|part| assert!(text.contains(part), "`{part}` is not in:\n{text}"));
}

fn text(named: &Named) -> String {
    fs::read_to_string(named.include_file()).unwrap()
}

#[tokio::test]
async fn bind_files_that_are_not_as_we_left_them_are_not_touched() {
    let Some(named) = start().await else { return };
    let (server, mut world) = (named.server(), world());
    let before = text(&named);
    let edited = before.replace("none;", "any;");
    fs::write(named.include_file(), &edited).unwrap();
    let error = server.add_key(&mut world, &key("ddns-1"), &new_secret(32)).await.unwrap_err();
    says(&error, &["pfddns.conf", "edited"]);
    assert_eq!(text(&named), edited);
    fs::write(named.include_file(), &before).unwrap();
    fs::set_permissions(named.include_file(), fs::Permissions::from_mode(0o644)).unwrap();
    says(&server.keys(&world).await.unwrap_err(), &["everybody may read", "chmod 640"]);
    fs::remove_file(named.include_file()).unwrap();
    says(&server.keys(&world).await.unwrap_err(), &["not found", "install "]);
}

#[tokio::test]
async fn bind_keys_outside_our_file_are_left_alone() {
    let Some(named) = start().await else { return };
    let (server, mut world) = (named.server(), world());
    let before = text(&named);
    assert!(server.keys(&world).await.unwrap().iter().any(|it| it.name.as_str() == "foreign."));
    let error = server.add_key(&mut world, &key("foreign"), &new_secret(32)).await.unwrap_err();
    says(&error, &["foreign.", "was not changed"]);
    says(&server.remove_key(&mut world, &key("foreign").name).await.unwrap_err(), &["was not changed"]);
    assert_eq!(text(&named), before);
}

#[tokio::test]
async fn bind_gets_its_old_file_back_when_named_refuses_the_new_one() {
    let Some(named) = start().await else { return };
    let (server, mut world) = (named.server(), world());
    let before = text(&named);
    let conf = named.folder.path().join("named.conf");
    let good = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, format!("{good}nonsense;\n")).unwrap();
    let error = server.add_key(&mut world, &key("ddns-1"), &new_secret(32)).await.unwrap_err();
    says(&error, &["rndc reconfig", "named's log"]);
    assert_eq!(text(&named), before);
    fs::write(&conf, good).unwrap();
    server.add_key(&mut world, &key("ddns-1"), &new_secret(32)).await.unwrap();
    let mode = fs::metadata(named.include_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[tokio::test]
async fn bind_zones_are_taken_over_one_step_at_a_time() {
    let Some(named) = start().await else { return };
    let (server, mut world) = (named.server(), world());
    let zone = ZoneName::new("unwired.test").unwrap();
    let it = key("ddns-1");
    server.add_key(&mut world, &it, &new_secret(32)).await.unwrap();
    let deny = server.rules(&world, &zone).await.unwrap();
    assert_eq!((deny.mode, deny.rows.len()), (UpdateMode::Deny, 0));
    // The list is written, and it is said that named.conf does not name it yet.
    server.set_rules(&mut world, &zone, &deny, &deny).await.unwrap();
    assert!(text(&named).contains("acl \"pfddns-unwired.test\""));
    let wanted = granted(&zone, &it);
    let error = server.set_rules(&mut world, &zone, &deny, &wanted).await.unwrap_err();
    says(&error, &["unwired.test", "allow-update { \"pfddns-unwired.test\"; };"]);
    let conf = named.folder.path().join("named.conf");
    let text = fs::read_to_string(&conf).unwrap();
    let wired = "unwired.test.db\"; allow-update { \"pfddns-unwired.test\"; };";
    fs::write(&conf, text.replace("unwired.test.db\";", wired)).unwrap();
    server.set_rules(&mut world, &zone, &deny, &wanted).await.unwrap();
    assert_eq!(server.rules(&world, &zone).await.unwrap(), wanted);
    // Ruled by named.conf itself.
    let foreign = ZoneName::new("foreign.test").unwrap();
    says(&server.rules(&world, &foreign).await.unwrap_err(), &["named.conf itself sets", "pfddns-foreign.test"]);
    assert!(server.set_rules(&mut world, &foreign, &deny, &granted(&foreign, &it)).await.is_err());
}

#[tokio::test]
async fn bind_says_what_it_cannot_do() {
    let Some(named) = start().await else { return };
    let (server, mut world) = (named.server(), world());
    let zone = ZoneName::new("lan.pfddns.test").unwrap();
    let deny = server.rules(&world, &zone).await.unwrap();
    let good = granted(&zone, &key("ddns-1"));
    let mut deep = good.clone();
    deep.rows[0].name = "*.deep.lan.pfddns.test".into();
    for bad in [ZoneRules { mode: UpdateMode::ZoneNameServers, ..good.clone() }, deep] {
        says(&server.set_rules(&mut world, &zone, &deny, &bad).await.unwrap_err(), &["BIND can't"]);
    }
    assert_eq!(server.rules(&world, &zone).await.unwrap(), deny);
}
