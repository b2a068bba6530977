//! Tests of `socket`: answers whole, half and wrong, and no secret in an error.

use super::*;
use crate::world::local::Local;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;

/// A daemon that gives one answer and closes.
fn daemon(answer: &'static [u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(answer).unwrap();
    });
    (folder, path)
}

fn answer(bytes: &'static [u8]) -> Result<Answer> {
    let (_folder, path) = daemon(bytes);
    command(&Host::Local(Local), &path, "config-get", None)
}

#[test]
fn result_codes_are_told_apart() {
    assert_eq!(answer(br#"{"result":0,"text":"2.6.3"}"#).unwrap().text, "2.6.3");
    assert_eq!(answer(br#"[{"result":0,"arguments":{"a":1}}]"#).unwrap().arguments["a"], 1);
    let what = |bytes| answer(bytes).unwrap_err().what().split(": ").skip(1).collect::<Vec<_>>().join(": ");
    assert_eq!(what(br#"{"result":1,"text":"no"}"#), "`config-get` failed: no");
    assert_eq!(what(br#"{"result":2,"text":"'x' command not supported."}"#), "the daemon has no command `config-get`");
    assert_eq!(what(br#"{"result":3}"#), "`config-get` found nothing");
    assert_eq!(what(br#"{"text":"x"}"#), "an answer without a result to `config-get`");
    assert_eq!(what(b""), "the daemon closed the connection without an answer to `config-get`");
    assert_eq!(
        what(br#"{"result":0,"arguments":{"secret":"LSWXnfkKZjdPJI5Qxl"#),
        "half an answer (53 bytes, no whole JSON) to `config-get`"
    );
}

#[test]
fn a_daemon_that_is_gone_is_an_error_with_a_hint() {
    let error = command(&Host::Local(Local), Path::new("/nonexistent/s"), "config-get", None).unwrap_err();
    assert!(error.what().starts_with("/nonexistent/s: "), "{error}");
    assert!(error.hint_text().is_some());
}

#[test]
fn a_bad_secret_in_a_message_is_scrubbed() {
    let key = "Cannot make D2TsigKey: ";
    for text in
        ["attempt to decode a value not in base64 char set: !!!! hi (F:1:7)", "non-zero bits left over QR== (F:1:7)"]
    {
        let wanted = "Cannot make D2TsigKey: a bad name or secret [secret] (F:1:7)";
        assert_eq!(scrub(&format!("{key}{text}")), wanted);
    }
    for (text, wanted) in
        [("odd LSWXnfkKZjdPJI5QxlpnfQ== there", "odd [secret] there"), ("port 53001 busy", "port 53001 busy")]
    {
        assert_eq!(scrub(text), wanted);
    }
}

#[test]
fn missing_counters_are_zero() {
    let statistics = Statistics::of(&json!({
        "update-sent": [[7, "2026-01-01 00:00:00.000000"]], "update-success": [[5, ""]], "update-error": [[2, ""]],
        "key[k-old.].update-sent": [[3, ""]], "odd": [], "odder": 3,
    }));
    assert!(statistics.at_rest());
    assert_eq!(statistics.get("update-timeout"), 0);
    assert_eq!(statistics.of_key(&crate::model::KeyName::new("K-old").unwrap(), "sent"), 3);
}
