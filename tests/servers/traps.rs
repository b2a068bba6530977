//! Where Technitium says `ok` and means something else, and what happens when an answer is lost or somebody dies halfway.

use crate::canned::Http;
use crate::doubles::technitium::{Group, Handle, Version};
use crate::technitium::{Api, start};
use crate::{new_secret, world};
use pfddns::error::Error;
use pfddns::model::{Algorithm, GrantRow, KeyName, KeyRef, UpdateMode, ZoneName, ZoneRules};
use pfddns::secret::SecretRef;
use pfddns::systems::servers::{NameServer as _, Technitium};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

const ZONE: &str = "lan.traps.test";
const TOKEN: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

fn key(name: &str) -> KeyRef {
    let secret = SecretRef { path: "dns/test".into(), version: 1, field: name.into() };
    KeyRef { name: KeyName::new(name).unwrap(), algorithm: Algorithm::HmacSha256, secret }
}

fn zone() -> ZoneName {
    ZoneName::new(ZONE).unwrap()
}

fn rules(mode: UpdateMode, acl: &[&str], keys: &[&str]) -> ZoneRules {
    let row =
        |key: &&str| GrantRow { key: KeyName::new(key).unwrap(), name: format!("*.{ZONE}"), types: vec!["ANY".into()] };
    ZoneRules { mode, acl: acl.iter().map(ToString::to_string).collect(), rows: keys.iter().map(row).collect() }
}

/// A double with one zone.
async fn double(version: Version) -> (Api, Technitium) {
    let handle = start(version);
    let (url, dns, token) = (handle.base_url(), handle.dns(), handle.token().to_owned());
    let api = Api::new(&url, &token, Some(handle));
    api.call("zones/create", &[("zone", ZONE), ("type", "Primary")]).await;
    let server = api.server(dns);
    (api, server)
}

fn handle(api: &Api) -> &Handle {
    api.double.as_ref().unwrap()
}

/// An adapter that talks to a canned server.
fn on(http: &Http) -> (Api, Technitium) {
    let api = Api::new(&http.url(), TOKEN, None);
    let server = api.server(SocketAddr::from(([127, 0, 0, 1], 9)));
    (api, server)
}

fn says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert!(!text.contains(TOKEN), "{text}");
}

#[tokio::test]
async fn a_token_others_may_read_is_not_used() {
    let (api, server) = double(Version::V15_2).await;
    let before = handle(&api).calls().len();
    for mode in [0o644, 0o640, 0o604] {
        fs::set_permissions(api.token_file(), fs::Permissions::from_mode(mode)).unwrap();
        says(&server.zones(&world()).await.unwrap_err(), &["others on this machine may read it", "chmod 600", "token"]);
    }
    assert_eq!(handle(&api).calls().len(), before);
    fs::remove_file(api.token_file()).unwrap();
    says(&server.zones(&world()).await.unwrap_err(), &["no such file", "mode 0600"]);
}

#[tokio::test]
async fn a_wrong_token_is_named_by_its_file_in_every_version() {
    for version in Version::ALL {
        let (api, server) = double(version).await;
        for (text, why) in [(TOKEN, "unknown"), ("\n", "one line"), ("two words", "one line")] {
            fs::write(api.token_file(), text).unwrap();
            says(&server.keys(&world()).await.unwrap_err(), &[why, &api.token_file().display().to_string()]);
        }
    }
}

#[tokio::test]
async fn secrets_and_tokens_travel_in_the_form_only() {
    let (api, server) = double(Version::V14_3).await;
    let mut world = world();
    server.add_key(&mut world, &key("ddns-1"), &new_secret(32)).await.unwrap();
    let deny = rules(UpdateMode::Deny, &[], &[]);
    server.set_rules(&mut world, &zone(), &deny, &rules(UpdateMode::Acl, &["10.0.0.1"], &["ddns-1"])).await.unwrap();
    for call in handle(&api).calls() {
        assert_eq!((call.method.as_str(), call.query.len(), call.json.is_none()), ("POST", 0, true), "{}", call.path);
    }
}

#[tokio::test]
async fn a_redirect_is_reported_and_not_followed() {
    let other = Http::json(&[("zones/list", r#"{"response":{"zones":[]},"status":"ok"}"#)]);
    let location = format!("Location: {}/api/zones/list?token={TOKEN}\r\n", other.url());
    let http = Http::start(vec![("zones/list", "307 Temporary Redirect", location, String::new())]);
    let (_api, server) = on(&http);
    says(&server.zones(&world()).await.unwrap_err(), &["redirects", &other.url(), "pfddns.toml"]);
    assert!(other.calls().is_empty());
}

#[tokio::test]
async fn answers_that_are_no_answers_are_errors_and_stay_unquoted() {
    let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlYw==";
    let bodies = [
        String::new(),
        "<html>".into(),
        "{}".into(),
        format!(r#"{{"response":{{"tsigKeys":"{secret}"}},"status":"ok"}}"#),
        format!(r#"{{"response":{{"tsigKeys":[{{"keyName":"a","sharedSecret":"{secret}"}}]}},"status":"ok"}}"#),
        r#"{"response":{},"status":"ok"}"#.into(),
        format!(r#"{{"status":"error","errorMessage":"row {secret} is bad\n  at Stack.Trace"}}"#),
        r#"{"status":"2fa-required"}"#.into(),
    ];
    for body in bodies {
        let http = Http::json(&[("settings/get", &body)]);
        let (_api, server) = on(&http);
        let error = server.keys(&world()).await.unwrap_err();
        says(&error, &["ns1"]);
        assert!(!error.to_string().contains(secret) && !error.to_string().contains("Stack"), "{error}");
    }
    let http = Http::start(vec![("settings/get", "500 Oops", String::new(), secret.into())]);
    let (_api, server) = on(&http);
    says(&server.keys(&world()).await.unwrap_err(), &["HTTP 500"]);
    let nobody = Technitium::new(
        server_name(),
        SocketAddr::from(([127, 0, 0, 1], 9)),
        "http://127.0.0.1:9",
        &_api.token_file(),
        None,
    );
    says(&nobody.keys(&world()).await.unwrap_err(), &["no HTTP answer from ns1", "refused"]);
}

fn server_name() -> pfddns::model::ServerName {
    pfddns::model::ServerName::new("ns1").unwrap()
}

const ALONE: &str = r#"{"info":{"version":"15.2","uptimestamp":"x","clusterInitialized":false},"status":"ok"}"#;

#[tokio::test]
async fn a_table_that_cannot_be_carried_is_not_written() {
    for (secret, algorithm) in [("", "hmac-sha256"), ("a|b", "hmac-sha256"), ("YWJj", ""), ("YWJj", "a|b")] {
        let row = format!(r#"{{"keyName":"foreign","sharedSecret":"{secret}","algorithmName":"{algorithm}"}}"#);
        let settings = format!(r#"{{"response":{{"tsigKeys":[{row}]}},"status":"ok"}}"#);
        let http = Http::json(&[("user/session/get", ALONE), ("settings/get", &settings), ("settings/set", &settings)]);
        let (_api, server) = on(&http);
        let error = server.add_key(&mut world(), &key("ddns-1"), &new_secret(32)).await.unwrap_err();
        says(&error, &["foreign", "nothing was changed"]);
        assert!(!http.calls().iter().any(|it| it.contains("settings/set")), "{:?}", http.calls());
    }
    let rows: Vec<String> = (0..255)
        .map(|n| format!(r#"{{"keyName":"k{n}","sharedSecret":"YWJj","algorithmName":"hmac-sha256"}}"#))
        .collect();
    let settings = format!(r#"{{"response":{{"tsigKeys":[{}]}},"status":"ok"}}"#, rows.join(","));
    let http = Http::json(&[("user/session/get", ALONE), ("settings/get", &settings), ("settings/set", &settings)]);
    let (_api, server) = on(&http);
    says(&server.add_key(&mut world(), &key("ddns-1"), &new_secret(32)).await.unwrap_err(), &["255 keys"]);
    assert!(!http.calls().iter().any(|it| it.contains("settings/set")));
}

#[tokio::test]
async fn an_ok_that_changed_nothing_is_an_error() {
    let settings = r#"{"response":{"tsigKeys":[]},"status":"ok"}"#;
    let options = format!(
        r#"{{"response":{{"name":"{ZONE}","type":"Primary","update":"Deny","updateNetworkACL":[],"updateSecurityPolicies":[]}},"status":"ok"}}"#
    );
    let http = Http::json(&[
        ("user/session/get", ALONE),
        ("settings/get", settings),
        ("settings/set", settings),
        ("zones/options/get", &options),
        ("zones/options/set", r#"{"response":{},"status":"ok"}"#),
    ]);
    let (_api, server) = on(&http);
    says(&server.add_key(&mut world(), &key("ddns-1"), &new_secret(32)).await.unwrap_err(), &["ddns-1", "written"]);
    let (deny, open) = (rules(UpdateMode::Deny, &[], &[]), rules(UpdateMode::Acl, &["10.0.0.1"], &["ddns-1"]));
    says(&server.set_rules(&mut world(), &zone(), &deny, &open).await.unwrap_err(), &["did not set", ZONE]);
}

#[tokio::test]
async fn a_cluster_is_written_to_on_its_primary_only() {
    let info = |kind: &str| {
        let other = if kind == "Primary" { "Secondary" } else { "Primary" };
        format!(
            r#"{{"info":{{"version":"15.2","uptimestamp":"x","clusterInitialized":true,"clusterNodes":[
            {{"name":"me.lab.example","type":"{kind}","state":"Self"}},
            {{"name":"other.lab.example","type":"{other}","state":"Connected"}}]}},"status":"ok"}}"#
        )
    };
    let settings = r#"{"response":{"tsigKeys":[]},"status":"ok"}"#;
    let answers =
        |info: &str| Http::json(&[("user/session/get", info), ("settings/get", settings), ("settings/set", settings)]);
    let http = answers(&info("Secondary"));
    let (_api, server) = on(&http);
    let error = server.add_key(&mut world(), &key("ddns-1"), &new_secret(32)).await.unwrap_err();
    says(&error, &["secondary node", "other.lab.example", "nothing was changed"]);
    assert_eq!(http.calls(), ["/api/user/session/get"]);
    let http = answers(&info("Primary"));
    let (_api, server) = on(&http);
    let _ = server.add_key(&mut world(), &key("ddns-1"), &new_secret(32)).await; // the canned read-back lacks it
    assert!(http.calls().contains(&"/api/settings/set".to_owned()));
}

#[tokio::test]
async fn a_lost_answer_is_an_error_and_the_repeat_finds_it_done() {
    for version in Version::ALL {
        let (api, server) = double(version).await;
        let mut world = world();
        api.set_keys(&[["foreign".into(), "a foreign+secret".into(), "HMAC-MD5.sig-alg.reg.int".into()]]).await;
        let (it, secret) = (key("ddns-1"), new_secret(32));
        handle(&api).lose_reply("settings/set", 1);
        says(&server.add_key(&mut world, &it, &secret).await.unwrap_err(), &["no HTTP answer", "ddns-1"]);
        server.add_key(&mut world, &it, &secret).await.unwrap();
        assert_eq!(api.keys().await.len(), 2);
        handle(&api).lose_reply("settings/set", 1);
        assert!(server.remove_key(&mut world, &it.name).await.is_err());
        server.remove_key(&mut world, &it.name).await.unwrap();
        assert_eq!(api.keys().await, [["foreign", "a foreign+secret", "HMAC-MD5.sig-alg.reg.int"]]);
        api.set_keys(&[]).await;
        server.add_key(&mut world, &it, &secret).await.unwrap();
        server.remove_key(&mut world, &it.name).await.unwrap();
        assert!(api.keys().await.is_empty(), "the last key can go, too");
    }
}

/// Each way from rules to rules, cut off after each call; the repeat arrives, and no moment is open that should not be.
#[tokio::test]
async fn no_moment_of_a_change_is_open_wherever_it_is_cut_off() {
    let deny = rules(UpdateMode::Deny, &[], &[]);
    let one = rules(UpdateMode::Acl, &["10.0.0.1"], &["ddns-1"]);
    let both = rules(UpdateMode::Acl, &["10.0.0.2", "10.0.0.1"], &["ddns-1", "ddns-2"]);
    let any = rules(UpdateMode::Allow, &[], &["ddns-2"]);
    let bypass = rules(UpdateMode::Acl, &["10.0.0.9"], &[]);
    let parked = rules(UpdateMode::Deny, &["10.0.0.1"], &["ddns-1"]);
    let ways = [(&deny, &one), (&one, &both), (&both, &any), (&any, &deny), (&one, &deny), (&parked, &any)];
    let bypasses =
        [(&one, &bypass), (&bypass, &one), (&any, &bypass), (&bypass, &any), (&bypass, &deny), (&parked, &bypass)];
    for (from, to) in ways.into_iter().chain(bypasses) {
        for lost in 0..3u32 {
            let (api, server) = double(Version::V14_3).await;
            let mut world = world();
            if !from.signature_required() {
                server.set_bypass_rules(&mut world, &zone(), &deny, from).await.unwrap();
            } else {
                server.set_rules(&mut world, &zone(), &deny, from).await.unwrap();
            }
            // What lets unsigned updates in while we work: only the bypass on one of both ends, and only its addresses.
            let open = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&open);
            handle(&api).observe(move |moment| {
                let open = moment.zones.values().filter(|rules| rules.open_to_unsigned());
                seen.lock().unwrap().extend(open.map(|rules| (rules.update.clone(), rules.acl.clone())));
            });
            let mut tries = 0;
            loop {
                if tries < lost {
                    handle(&api).lose_reply("zones/options/set", 1);
                }
                let change = if to.signature_required() {
                    server.set_rules(&mut world, &zone(), from, to).await
                } else {
                    server.set_bypass_rules(&mut world, &zone(), from, to).await
                };
                tries += 1;
                match change {
                    Ok(()) => break,
                    Err(error) => assert!(tries <= lost, "{from} → {to}: {error}"),
                }
            }
            assert_eq!(&server.rules(&world, &zone()).await.unwrap(), to);
            let allowed = ("UseSpecifiedNetworkACL".to_owned(), bypass.acl.clone());
            for moment in open.lock().unwrap().iter() {
                let bypassing = !from.signature_required() || !to.signature_required();
                assert!(bypassing && *moment == allowed, "{from} → {to} was open: {moment:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_user_without_rights_is_not_a_server_without_zones() {
    let (api, server) = double(Version::V15_2).await;
    let token = handle(&api).add_user("nobody", "labpassword", Group::Everyone);
    fs::write(api.token_file(), token).unwrap();
    says(&server.zones(&world()).await.unwrap_err(), &["no zone", "DNS Administrators"]);
    says(&server.keys(&world()).await.unwrap_err(), &["Access was denied", "Settings"]);
}

#[tokio::test]
async fn zones_without_rules_are_told_apart() {
    let secondary = format!(
        r#"{{"response":{{"name":"{ZONE}","type":"Secondary","update":"Deny","updateNetworkACL":[]}},"status":"ok"}}"#
    );
    let http = Http::json(&[("zones/options/get", &secondary)]);
    let (_api, server) = on(&http);
    says(&server.rules(&world(), &zone()).await.unwrap_err(), &["Secondary zone", "primary"]);
    let other = secondary.replace(ZONE, "example");
    let http = Http::json(&[("zones/options/get", &other)]);
    let (_api, server) = on(&http);
    says(&server.rules(&world(), &zone()).await.unwrap_err(), &["answered for zone example"]);
    let (api, server) = double(Version::V13_6).await;
    says(&server.rules(&world(), &ZoneName::new("nowhere.test").unwrap()).await.unwrap_err(), &["No such zone"]);
    api.call("zones/disable", &[("zone", ZONE)]).await;
    assert!(server.zones(&world()).await.unwrap().is_empty());
}

#[tokio::test]
async fn bad_rules_are_refused_before_anything_is_written() {
    let (_api, server) = double(Version::V14_3).await;
    let mut world = world();
    let deny = rules(UpdateMode::Deny, &[], &[]);
    let good = rules(UpdateMode::Acl, &["10.0.0.1"], &["ddns-1"]);
    let with = |name: &str, types: &[&str]| {
        let types = types.iter().map(ToString::to_string).collect();
        ZoneRules { rows: vec![GrantRow { key: key("ddns-1").name, name: name.into(), types }], ..good.clone() }
    };
    let below = format!("*.{ZONE}");
    for bad in [
        ZoneRules { acl: vec!["example".into()], ..good.clone() },
        ZoneRules { acl: vec!["10.0.0.1,0.0.0.0/0".into()], ..good.clone() },
        with("*.other.test", &["ANY"]),
        with("*.notlan.traps.test", &["ANY"]),
        with(&format!("a|b.{ZONE}"), &["ANY"]),
        with(&below, &[]),
        with(&below, &[""]),
        with(&below, &["A|x"]),
    ] {
        assert!(server.set_rules(&mut world, &zone(), &deny, &bad).await.is_err(), "{bad}");
        assert_eq!(server.rules(&world, &zone()).await.unwrap(), deny);
    }
    // Refused by the server, for a type it does not know: nothing is left halfway.
    assert!(server.set_rules(&mut world, &zone(), &deny, &with(&below, &["NOSUCHTYPE"])).await.is_err());
    assert_eq!(server.rules(&world, &zone()).await.unwrap(), deny);
}

#[tokio::test]
async fn the_save_delay_follows_the_version() {
    for (version, seconds) in [(Version::V13_6, 10), (Version::V14_3, 5), (Version::V15_2, 5)] {
        let (api, server) = double(version).await;
        let standing = server.standing(&world()).await.unwrap();
        assert_eq!((standing.version.as_str(), standing.save_delay.as_secs()), (version.name(), seconds));
        handle(&api).restart();
        assert_ne!(server.standing(&world()).await.unwrap().started, standing.started);
    }
}
