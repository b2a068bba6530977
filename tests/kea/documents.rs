//! Documents as the daemons themselves judge them, beyond the recorded vectors.

use crate::each_version;
use crate::harness::{Kea, KeaHome, real, write};
use pfddns::systems::kea::Version;
use pfddns::systems::kea::daemon::apply;
use pfddns::systems::kea::lint::{Checked, Severity, check};
use pfddns::systems::kea::text::Document;
use pfddns::world::Host;
use pfddns::world::local::Local;
use std::process::Command;

each_version!(small_mistakes_are_found_where_the_daemon_finds_them);

/// Documents with one mistake or none; `{S}` stands for a valid server list, `{K}` for a valid key.
const DOCUMENTS: [&str; 79] = [
    r#"{"DhcpDdns":{"ip-address" : ""}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name" : "", {K}}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name": "k", "algorithm" : "", "secret": "QQ=="}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name": "k", "algorithm": "HMAC-SHA256", "secret" : ""}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"algorithm": "HMAC-SHA256", "secret" : "QQ=="}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name": "k", {K}}, {"name": "k", {K}}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name": "a", "algorithm": "HMAC-SHA256", "secret": "QR=="}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name": "a", "algorithm": "HMAC-SHA256", "secret": "QQ==QQ=="}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name": "a", "algorithm": "HMAC-SHA256", "secret": "Q"}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name": "a:b", {K}}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name": ".a", {K}}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":{}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"dns-servers":{S}}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":{S}},{"name":"a.","dns-servers":{S}}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[]}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{}]}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{"port":53}]}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{"ip-address":""}]}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{"port":53,"ip-address":"x"}]}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{"ip-address":"::1","hostname":""}]}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{"ip-address":"::1","hostname" : "n"}]}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{"ip-address":"::1","key-name":"zz"}]}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a."}]}}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{"ip-address":"::1","port":65536}]}]}}}"#,
    r#"{"DhcpDdns":{"ncr-protocol" : "tcp"}}"#,
    r#"{"DhcpDdns":{"ncr-protocol" : "sctp"}}"#,
    r#"{"DhcpDdns":{"port":-1}}"#,
    r#"{"DhcpDdns":{"port":99999999999999999999}}"#,
    r#"{"DhcpDdns":{"port":53001,"dns-server-timeout":-5}}"#,
    r#"{"DhcpDdns":{"port":53001,"user-context":"x"}}"#,
    r#"{"DhcpDdns":{"port":53001,"user-context":{"a":[1,2,]}}}"#,
    r#"{"DhcpDdns":{"port":53001,"user-context":{"a":[,1]}}}"#,
    r#"{"DhcpDdns":{"port":53001 "user-context":{}}}"#,
    r#"{"DhcpDdns":{"port":53001,"user-context":{"a" 1}}}"#,
    r#"{"DhcpDdns":{"port":53001,"user-context":{"a":-}}}"#,
    r#"{"DhcpDdns":{"port":53001,"user-context":{"a":1.5e3,"b":-0.25,"c":[true,null]}}}"#,
    r#"{"DhcpDdns":{"port":53001,"user-context":{"a":"\q"}}}"#,
    r#"{"DhcpDdns":{"port":53001,"loggers":[{}]}}"#,
    r#"{"DhcpDdns":{"port":53001,"loggers":[{"severity":"DEBUG"}]}}"#,
    r#"{"DhcpDdns":{"port":53001,"loggers":[{"name":"kea-dhcp-ddns","output_options":[{}],"severity":"INFO"}]}}"#,
    r#"{"DhcpDdns":{"port":53001,"control-socket":{}}}"#,
    r#"{"DhcpDdns":{"port":53001}} {}"#,
    r#"{"DhcpDdns":{"port":53001,/* a */"port":1}}"#,
    r#"{"DhcpDdns":{/* a  b */"x":1}}"#,
    "{\"DhcpDdns\":{/* a\n b */\"x\":1}}",
    r#"{"DhcpDdns":{/* a */}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{,},"port":1}}"#,
    r#"{"DhcpDdns":{,"port":1}}"#,
    r#"{"DhcpDdns":{"port":1,"user-context":{,"a":1}}}"#,
    r#"{"DhcpDdns":{"port":007,"user-context":{"a":+5,"b":.5,"c":5.}}}"#,
    r#"{"DhcpDdns":{"port":1,"user-context":{"a":1e999}}}"#,
    r#"{"DhcpDdns":{"x":TRUE}}"#,
    r#"{"DhcpDdns":{"port":1,"port":"x"}}"#,
    r#"{"DhcpDdns":{"p\u006frt":1}}"#,
    r#"{"DhcpDdns":{"ncr-protocol":"\u0055DP"}}"#,
    r#"{"DhcpDdns":{"dns-server-timeout":4294967296}}"#,
    r#"{"DhcpDdns":{"user-context":{"comment":"a"},"comment":"b"}}"#,
    r#"{"DhcpDdns":{"comment":"b","user-context":{"comment":"a"}}}"#,
    r#"{"DhcpDdns":{"port":1,"user-context":{"a":{"b":1,"b":2}}}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name":".a","algorithm":"x","secret":"QQ=="}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name":"a\\300b", {K}}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name":"@", {K}}]}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name":"a","algorithm":"HMAC-SHA256","secret":"Q Q = ="}]}}"#,
    r#"{"DhcpDdns":{"forward-ddns":{"ddns-domains":[{"name":"a.","dns-servers":[{"ip-address":"::1%1"}]}]}}}"#,
    r#"{"DhcpDdns":{"tsig-keys":[{"name":"k",{K}}],"forward-ddns":{"ddns-domains":[{"name":"a.","key-name":"nope","dns-servers":[{"ip-address":"::1","key-name":"k"}]}]}}}"#,
    r#"{"DhcpDdns":{"loggers":[]}}"#,
    r#"{"DhcpDdns":{"loggers":[{"name":"x","severity":"INFO","output_options":[]}]}}"#,
    r#"{"DhcpDdns":{"loggers":[{"name":"x","severity":"INFO","output_options":[{"flush":true}]}]}}"#,
    r#"{"DhcpDdns":{"loggers":[{"name":"x"}]}}"#,
    r#"{"DhcpDdns":{"loggers":[{"name":"x","severity":"INFO","output_options":[{"output":"stdout","maxver":2147483648}]}]}}"#,
    r#"{"DhcpDdns":{"hooks-libraries":[{"parameters":{}}]}}"#,
    r#"{"DhcpDdns":{"hooks-libraries":[{"library":" "}]}}"#,
    r#"{"DhcpDdns":{"control-sockets":[{"socket-type":"http","authentication":{"realm":"r"}}]}}"#,
    r#"{"DhcpDdns":{"control-sockets":[{"socket-type":"http","socket-name":"x","socket-address":"::1"}]}}"#,
    r#"{"127.0.0.1","DhcpDdns":{}}"#,
    "{\"DhcpDdns\":{\"port\":53001,\n// one\n# two\n/* three */ \"comment\":\"x\"}}\n",
];

/// What only we refuse.
const HARSHER: [&str; 0] = [];

fn small_mistakes_are_found_where_the_daemon_finds_them(kea: Kea) {
    let Some(home) = real(kea.home()) else { return };
    let version = apply::program_version(&Host::Local(Local), &home.d2).unwrap();
    let mut wrong = Vec::new();
    for document in DOCUMENTS {
        let text = document
            .replace("{K}", r#""algorithm": "HMAC-SHA256", "secret": "LSWXnfkKZjdPJI5QxlpnfQ==""#)
            .replace("{S}", r#"[{"ip-address":"127.0.0.1"}]"#);
        let theirs = theirs(&home, &text);
        let ours = ours(&text, version);
        let agree = match &theirs {
            None => ours.iter().all(|it| HARSHER.contains(&it.1.as_str())),
            Some(place) if place.is_empty() => !ours.is_empty(),
            Some(place) => ours.iter().any(|it| &it.0 == place),
        };
        if !agree {
            wrong.push(format!("{text}\n   daemon {theirs:?}\n   we     {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), DOCUMENTS.len(), wrong.join("\n"));
}

/// `None` if the daemon accepts it, else the `line:column` it names, empty if it names none.
fn theirs(home: &KeaHome, text: &str) -> Option<String> {
    let path = home.folder().join("t.conf");
    write(&path, text, 0o600);
    let out = Command::new(&home.d2).env_clear().args(["-t", &path.display().to_string()]).output().unwrap();
    if out.status.success() {
        return None;
    }
    let printed = String::from_utf8_lossy(&[out.stderr, out.stdout].concat()).into_owned();
    let line = printed.lines().find(|it| it.contains("failed with") || it.contains("Error encountered"));
    let place = line.and_then(|it| it.split("t.conf:").nth(1)).unwrap_or_default();
    let numbers: Vec<&str> = place.split(|it: char| !it.is_ascii_digit()).take(2).collect();
    Some(if numbers.len() == 2 { numbers.join(":") } else { String::new() })
}

fn ours(text: &str, version: Version) -> Vec<(String, String)> {
    let place = |text: &str| text.split("t.conf:").nth(1).map(|it| it.split(": ").next().unwrap_or(it).to_owned());
    match Document::scan(text.as_bytes(), "t.conf", &|_| None) {
        Err(error) => vec![(place(error.what()).unwrap_or_default(), "syntax".into())],
        Ok(document) => {
            let found = check::d2(&document, &Checked::new(version));
            let errors = found.iter().filter(|it| it.severity == Severity::Error);
            errors.map(|it| (place(&it.place).unwrap_or_default(), it.code.to_owned())).collect()
        }
    }
}
