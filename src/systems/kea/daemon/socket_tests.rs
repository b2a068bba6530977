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

const LITTLE: Duration = Duration::from_millis(300);

/// What comes of a request to a daemon that does this with each connection.
fn served(serve: impl Fn(std::os::unix::net::UnixStream) + Send + 'static, request: &[u8]) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || serve(listener.accept().unwrap().0));
    Host::Local(Local).talk(&path, request, LITTLE)
}

fn within(result: Result<Vec<u8>>) -> bool {
    result.unwrap_err().what().ends_with("no whole answer within 0 s")
}

#[test]
fn the_limit_is_for_the_whole_answer() {
    // Byte by byte, whole in the end: each of them comes in time, all of them do not.
    let drip = |mut stream: std::os::unix::net::UnixStream| {
        for byte in br#"{"result":0,"text":"2.6.3"}"# {
            std::thread::sleep(LITTLE / 10);
            let _ = stream.write_all(&[*byte]);
        }
    };
    assert!(within(served(drip, b"{}")));
    let wait = |stream| {
        std::thread::sleep(LITTLE * 10);
        drop(stream);
    };
    assert!(within(served(wait, b"{}")), "an answer");
    assert!(within(served(wait, &vec![b' '; 8 << 20])), "a request that nobody reads");
}

#[test]
fn a_daemon_that_takes_no_connection_any_more_is_given_up() {
    use rustix::net;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener =
        net::socket_with(net::AddressFamily::UNIX, net::SocketType::STREAM, net::SocketFlags::CLOEXEC, None).unwrap();
    net::bind(&listener, &net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    net::listen(&listener, 0).unwrap();
    let waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let error = Host::Local(Local).talk(&path, b"{}", LITTLE).unwrap_err();
    // FreeBSD refuses at once.
    let expected = if cfg!(target_os = "linux") { "no whole answer within 0 s" } else { "refused" };
    assert!(error.what().contains(expected), "{error}");
    drop(waiting);
}

#[test]
fn an_answer_without_end_is_given_up() {
    let endless = |mut stream: std::os::unix::net::UnixStream| while stream.write_all(&[b' '; 1 << 20]).is_ok() {};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || endless(listener.accept().unwrap().0));
    let error = command(&Host::Local(Local), &path, "config-get", None).unwrap_err();
    assert!(error.what().ends_with("an answer of more than 64 MiB"), "{error}");
}

#[test]
fn strange_answers_are_errors_that_show_none_of_it() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let deep_arguments = format!(r#"{{"result":0,"arguments":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    for (bytes, fact) in [
        (deep.as_bytes(), "half an answer (200000 bytes, no whole JSON)"),
        (deep_arguments.as_bytes(), "half an answer (1025 bytes, no whole JSON)"),
        (b"{\"result\":1,\"text\":\"\xff\xfeLSWX\"}", "half an answer (28 bytes, no whole JSON)"),
        (b"\xef\xbb\xbf{\"result\":0}", "half an answer (15 bytes, no whole JSON)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "half an answer (28 bytes, no whole JSON)"),
        (b"{\"result\":0}{\"result\":0}", "half an answer (24 bytes, no whole JSON)"),
        (b"[]", "an answer without a result"),
        (b"null", "an answer without a result"),
        (b"{\"result\":\"0\"}", "an answer without a result"),
        (b"{\"result\":0.0}", "an answer without a result"),
        (b"{\"result\":99999999999999999999}", "an answer without a result"),
    ] {
        assert_eq!(answer::read(bytes).unwrap_err(), fact);
    }
    // A daemon's own words are cut and cleaned.
    let long = format!(r#"{{"result":1,"text":"{}\u001b[2J\u0000"}}"#, "no ".repeat(1000));
    let Ok(Err(NotDone::Failed(text))) = answer::read(long.as_bytes()) else { panic!("it is a refusal") };
    assert!(text.chars().count() == 600 && !text.contains(char::is_control));
    let secret = answer::read(br#"{"result":0,"text":"LSWX","arguments":{"secret":"LSWX"}}"#).unwrap().unwrap();
    assert!(!format!("{secret:?}").contains("LSWX"));
}

#[test]
fn counters_beyond_all_measure_are_counted_on() {
    let most = i64::MAX;
    let statistics = Statistics::of(&json!({
        "update-sent": [[most, ""]], "update-success": [[most, ""]], "update-error": [[most, ""]],
        "ncr-received": [[most, ""]], "ncr-invalid": [[1, ""]], "ncr-error": [[1e300, ""]],
    }));
    assert!(statistics.at_rest());
    assert_eq!(statistics.received(), most);
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
