//! What a server, its policies and its operator can do to us: each has a sentence of its own, and none shows a secret.

use crate::harness::{Bao, real, until};
use crate::site::{Ground, Site, config, key, name};
use jiff::Timestamp;
use pfddns::config::StoreConfig;
use pfddns::error::Exit;
use pfddns::model::HostName;
use pfddns::systems::store::Edit;
use pfddns::world::{Clock, World};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

fn bao() -> Option<Site> {
    real(Bao::start()).map(Site::bao)
}

/// The same server with other settings.
fn with(site: &Site, store: &str) -> Site {
    let token = site.bao_server().token_file.display().to_string();
    let store = store.replace("URL", &site.bao_server().url).replace("TOKEN", &token);
    Site::new(config(&format!("type = \"vault\"\n{store}")), Arc::clone(&site.ground))
}

/// Reading and writing fail with these words and a hint with that one, and tell neither token nor key.
fn fails(site: &mut Site, words: &str, hint: &str) {
    let mine = key("canary");
    let token = fs::read_to_string(&site.bao_server().token_file).unwrap();
    for error in [site.try_read().unwrap_err(), site.edit(1, &[Edit::Add(&mine)]).unwrap_err()] {
        assert!(error.contains(words), "`{error}` lacks `{words}`");
        let tip = error.split_once("\n  try    ").unwrap_or_default().1;
        assert!(tip.contains(hint), "`{error}` lacks the hint `{hint}`");
        assert!(!error.contains(mine.secret.expose()) && !error.contains(&token), "{error}");
    }
}

#[test]
fn a_sealed_server_says_so() {
    let Some(mut site) = bao() else { return };
    assert_eq!(site.bao_server().call("PUT", "sys/seal", "").0, 204);
    fails(&mut site, "is sealed", "operator unseal");
}

#[test]
fn a_wrong_token_is_refused() {
    let Some(site) = bao() else { return };
    let wrong = site.bao_server().token_file("wrong", "s.canary-of-a-token");
    let mut site = with(&site, &format!("url = \"URL\"\ntoken-file = \"{}\"", wrong.display()));
    fails(&mut site, "refused the token", "policy lacks create, read and patch on secret/data/dns/ddns");
    assert!(!site.try_read().unwrap_err().contains("canary-of-a-token"));
}

#[test]
fn a_token_file_must_be_private_there_and_a_token() {
    let Some(mut site) = bao() else { return };
    let file = site.bao_server().token_file.clone();
    for mode in [0o644, 0o640, 0o604, 0o620] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        fails(&mut site, "others on this machine may read it", &format!("chmod 600 {}", file.display()));
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    site.read();
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("\n {good} \n")).unwrap();
    site.read();
    for bad in ["", "\n", "two words", "line\nline", "tok\u{e9}n", "\0"] {
        fs::write(&file, bad).unwrap();
        assert!(site.try_read().unwrap_err().contains("not a token"), "{bad:?}");
    }
    fs::remove_file(&file).unwrap();
    assert!(site.try_read().unwrap_err().contains("no such file"));
}

#[test]
fn no_mount_and_an_old_mount_are_told_apart() {
    let Some(site) = bao() else { return };
    let mut nowhere = with(&site, "url = \"URL\"\ntoken-file = \"TOKEN\"\nmount = \"nowhere\"");
    fails(&mut nowhere, "has no mount `nowhere`", "secrets enable -path=nowhere -version=2 kv");
    let (code, body) = site.bao_server().call("POST", "sys/mounts/old", r#"{"type":"kv","options":{"version":"1"}}"#);
    assert_eq!(code, 204, "{body}");
    let mut old = with(&site, "url = \"URL\"\ntoken-file = \"TOKEN\"\nmount = \"old\"");
    let error = old.edit(0, &[Edit::Add(&key("ddns-a"))]).unwrap_err();
    assert!(error.contains("mount `old` is not KV version 2 (type kv); nothing was written"), "{error}");
    assert_eq!(site.bao_server().call("LIST", "old/", "").0, 404, "nothing was written");
}

#[test]
fn a_deleted_secret_is_not_an_empty_one() {
    let Some(mut site) = bao() else { return };
    site.edit(0, &[Edit::Add(&key("ddns-a"))]).unwrap();
    assert_eq!(site.bao_server().call("DELETE", "secret/data/dns/ddns", "").0, 204);
    fails(
        &mut site,
        "the latest version (1) of the secret was deleted",
        "kv undelete -mount=secret -versions=1 dns/ddns",
    );
    let (code, _) = site.bao_server().call("POST", "secret/destroy/dns/ddns", r#"{"versions":[1]}"#);
    assert_eq!(code, 204);
    fails(&mut site, "was deleted or destroyed", "another secret in [store]");
    assert!(site.secret(&site.store.place(1, &name("ddns-a"))).is_err());
}

#[test]
fn a_foreign_write_in_between_is_noticed() {
    let Some(mut site) = bao() else { return };
    site.edit(0, &[Edit::Add(&key("ddns-a"))]).unwrap();
    let body = r#"{"options":{"cas":1},"data":{"foreign":"theirs"}}"#;
    assert_eq!(site.bao_server().call("PATCH", "secret/data/dns/ddns", body).0, 200);
    let error = site.edit(1, &[Edit::Add(&key("ddns-b"))]).unwrap_err();
    assert!(error.contains("is at version 2, not 1"), "{error}");
    site.edit(2, &[Edit::Add(&key("ddns-b"))]).unwrap();
    assert!(site.siblings().contains("theirs"));
}

/// Passes requests on to the server, but lets somebody else write just before ours arrives.
fn somebody_writes_just_before(site: &Site) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Weak: this thread outlives the test, and its server must not.
    let ground = Arc::downgrade(&site.ground);
    let server = site.bao_server().url.strip_prefix("http://").unwrap().to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut request = vec![0u8; 65536];
            let mut length = client.read(&mut request).unwrap();
            let is_write = request.starts_with(b"PATCH ") || request.starts_with(b"POST ");
            while is_write && !request[..length].ends_with(b"}}") {
                length += client.read(&mut request[length..]).unwrap();
            }
            if is_write {
                let ground = ground.upgrade().unwrap();
                let Ground::Bao(bao) = &*ground else { panic!("a server") };
                bao.call("POST", "secret/data/dns/ddns", r#"{"data":{"foreign":"just before"}}"#);
            }
            let request = String::from_utf8(request[..length].to_vec()).unwrap();
            let mut upstream = TcpStream::connect(&server).unwrap();
            upstream.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes()).unwrap();
            let mut answer = Vec::new();
            upstream.read_to_end(&mut answer).unwrap();
            let _ = client.write_all(&answer);
        }
    });
    with(site, &format!("url = \"{url}\"\ntoken-file = \"TOKEN\""))
}

#[test]
fn a_write_between_our_look_and_ours_is_not_overwritten() {
    let Some(site) = bao() else { return };
    let mut raced = somebody_writes_just_before(&site);
    let error = raced.edit(0, &[Edit::Add(&key("ddns-a"))]).unwrap_err();
    assert!(error.contains("is at another version, not 0: somebody else wrote it; nothing was written"), "{error}");
    assert_eq!((site.read().version, site.read().keys.len()), (1, 0));
    let error = raced.edit(1, &[Edit::Add(&key("ddns-a"))]).unwrap_err();
    assert!(error.contains("is at another version, not 1: somebody else wrote it; nothing was written"), "{error}");
    assert_eq!((site.read().version, site.read().keys.len()), (2, 0));
    assert!(site.siblings().contains("just before"));
}

#[test]
fn the_documented_policy_is_enough_and_less_is_told() {
    let Some(site) = bao() else { return };
    let token = |policy: &str, name: &str| {
        let body = serde_json::json!({ "policy": policy }).to_string();
        assert_eq!(site.bao_server().call("PUT", &format!("sys/policies/acl/{name}"), &body).0, 204);
        let (_, answer) = site.bao_server().call("POST", "auth/token/create", &format!(r#"{{"policies":["{name}"]}}"#));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        site.bao_server().token_file(name, answer["auth"]["client_token"].as_str().unwrap())
    };
    let enough = token(r#"path "secret/data/dns/ddns" { capabilities = ["read", "patch", "create"] }"#, "enough");
    let mut narrow = with(&site, &format!("url = \"URL\"\ntoken-file = \"{}\"", enough.display()));
    narrow.edit(0, &[Edit::Add(&key("ddns-a"))]).unwrap();
    narrow.edit(1, &[Edit::Current(name("ddns-a"))]).unwrap();
    assert_eq!(narrow.read().version, 2);
    let reader = token(r#"path "secret/data/dns/ddns" { capabilities = ["read"] }"#, "reader");
    let mut reader = with(&site, &format!("url = \"URL\"\ntoken-file = \"{}\"", reader.display()));
    let error = reader.edit(2, &[Edit::Add(&key("ddns-b"))]).unwrap_err();
    assert!(error.contains("(HTTP 403)") && error.contains("create, read and patch"), "{error}");
    assert_eq!(reader.read().version, 2);
}

#[test]
fn nobody_there_and_nonsense_are_told_apart() {
    let Some(site) = bao() else { return };
    let port = crate::harness::free_port();
    let mut gone = with(&site, &format!("url = \"http://127.0.0.1:{port}\"\ntoken-file = \"TOKEN\""));
    fails(&mut gone, &format!("no answer from http://127.0.0.1:{port}: connection refused"), "check that it is up");
    for (answer, words) in [
        ("404 Not Found\r\n\r\n<html>not here</html>", "not that of a KV version 2 secret"),
        ("200 OK\r\n\r\n<html>hello</html>", "not that of a KV version 2 secret"),
        ("200 OK\r\n\r\n{\"data\":{\"data\":{}}}", "not that of a KV version 2 secret"),
        ("500 Oops\r\n\r\n{\"errors\":[\"echo canary-canary-+/==\"]}", "refused the request (HTTP 500)"),
        ("307 Elsewhere\r\nLocation: http://127.0.0.1:9/\r\n\r\n", "is a standby (HTTP 307)"),
        ("501 No\r\n\r\n{\"errors\":[]}", "was never initialised"),
    ] {
        // One read, one write.
        let (mut site, server) = answered(&site, vec![answer; 2]);
        fails(&mut site, words, "");
        server.join().unwrap();
    }
}

/// The same store behind a server with these answers, each for one connection.
fn answered(site: &Site, answers: Vec<&'static str>) -> (Site, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        for answer in answers {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0u8; 4096]);
            stream.write_all(format!("HTTP/1.0 {answer}").as_bytes()).unwrap();
        }
    });
    (with(site, &format!("url = \"{url}\"\ntoken-file = \"TOKEN\"")), server)
}

/// For some seconds after unsealing, or on a new leader, the mount says no to everything.
#[test]
fn a_mount_that_is_not_ready_yet_is_waited_for() {
    const NOT_YET: &str = "400 Bad Request\r\n\r\n{\"errors\":[\"Upgrading from non-versioned to versioned data. This \
        backend will be unavailable for a brief period and will resume service shortly.\"]}";
    const KEPT: &str = "200 OK\r\n\r\n{\"data\":{\"data\":{},\"metadata\":{\"version\":7}}}";
    let Some(site) = bao() else { return };
    let seconds = |site: &Site| site.world.clock.now().duration_since(Timestamp::UNIX_EPOCH).as_secs();

    let (mut late, server) =
        answered(&site, vec![NOT_YET, NOT_YET, KEPT, KEPT, NOT_YET, "200 OK\r\n\r\n{\"data\":{\"version\":8}}"]);
    late.world.clock = Clock::fake(Timestamp::UNIX_EPOCH);
    assert_eq!(late.read().version, 7);
    assert_eq!(seconds(&late), 2);
    assert_eq!(late.edit(7, &[Edit::Add(&key("ddns-a"))]).unwrap(), 8, "a write is asked again as well");
    server.join().unwrap();

    let (mut never, server) = answered(&site, vec![NOT_YET; 61]);
    never.world.clock = Clock::fake(Timestamp::UNIX_EPOCH);
    let error = never.try_read().unwrap_err();
    assert!(error.contains("mount `secret` is still not ready after 60 s"), "{error}");
    assert_eq!(seconds(&never), 60);
    server.join().unwrap();

    // Any other 400 is no reason to wait.
    let (other, server) = answered(&site, vec!["400 Bad Request\r\n\r\n{\"errors\":[\"missing path\"]}"]);
    assert!(other.try_read().unwrap_err().contains("refused the request (HTTP 400)"));
    server.join().unwrap();
}

#[test]
fn a_bad_url_is_a_sentence_not_a_crash() {
    let Some(site) = bao() else { return };
    for url in ["vault:8200", "mailto:x", "ftp://h", "http://h/v1", "http://u:p@h", "http://h?x", "", "http://"] {
        let mut config = site.config.clone();
        let StoreConfig::Vault { url: old, .. } = &mut config.store else { panic!("a Vault store") };
        *old = url.into();
        let error = Site::new(config, Arc::clone(&site.ground)).try_read().unwrap_err();
        assert!(error.contains("is not http(s)://host[:port]"), "{url}: {error}");
    }
}

/// The rest of the tests again, with everything in the environment that a Vault client might listen to.
#[test]
fn the_environment_has_no_say() {
    let Some(_) = bao() else { return };
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "versions_count_up_and_keys_come_back::bao"]);
    for name in ["VAULT_ADDR", "BAO_ADDR", "HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        again.env(name, "http://127.0.0.1:1");
    }
    again.env("VAULT_TOKEN", "wrong").env("VAULT_NAMESPACE", "wrong").env("VAULT_CACERT", "/nowhere");
    let output = again.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// A private authority is what most Vaults have: refused until it is named, and then it works.
#[test]
fn a_certificate_by_an_authority_of_ones_own_needs_its_name() {
    let Some(bao) = real(Bao::start_tls()) else { return };
    let authority = bao.authority();
    let mut site = Site::bao(bao);
    fails(&mut site, "its certificate is not signed by a trusted authority", "ca-file under [site]");

    site.world = World::here(HostName::new("fw").unwrap()).unwrap().trusting(&authority).unwrap();
    let ready = || site.try_read().is_ok();
    until(Duration::from_secs(10), "OpenBao by TLS", ready).unwrap();
    let key = key("ddns-tls");
    site.edit(0, &[Edit::Add(&key)]).unwrap();
    assert_eq!(site.read().keys.len(), 1);

    let refused = |file: &Path| match World::here(HostName::new("fw").unwrap()).unwrap().trusting(file) {
        Ok(_) => panic!("{} was taken for certificates", file.display()),
        Err(error) => (error.exit(), error.to_string()),
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    for (text, words) in [
        (None, "can't be read: no such file"),
        (Some(""), "there is no certificate in it"),
        (Some("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"), "not certificates in PEM form"),
    ] {
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let (exit, error) = refused(&file);
        assert!(exit == Exit::Usage && error.contains(words) && error.contains("ca.pem"), "{text:?}: {error}");
    }
}
