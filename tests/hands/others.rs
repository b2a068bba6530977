//! What may answer instead of `hands`, and how a connection may end.

use super::{LIMIT, Place, carrier, here};
use pfddns::error::Error;
use pfddns::world::{Host, NewFile, Remote};
use std::path::Path;
use std::time::Duration;

/// The first call through a shell script, where `$0` is the real program.
fn through(script: &str) -> Result<Vec<String>, Error> {
    host(script).list(Path::new("/nonexistent"))
}

fn host(script: &str) -> Host {
    Host::Remote(Remote::new(carrier(&["/bin/sh", "-c", script, env!("CARGO_BIN_EXE_pfddns")])))
}

fn refused(script: &str, what: &str, hint: &str) {
    let error = through(script).unwrap_err();
    assert!(error.what().contains(what), "{script}: {error}");
    assert!(error.hint_text().unwrap_or_default().contains(hint), "{script}: {error}");
    assert!(!error.to_string().contains('\u{1b}'), "{script}: {error:?}");
}

#[test]
fn a_login_that_talks_first_is_no_trouble() {
    let banner = "echo Welcome to pfSense; echo '{\"id\":1}'; printf '\\033[1mmotd\\033[0m\\n\\n'; echo news >&2; exec \"$0\" hands";
    assert!(through(banner).unwrap().is_empty());
}

#[test]
fn whatever_else_answers_is_told_apart() {
    refused(
        "echo 'sh: /usr/local/bin/pfddns: not found' >&2; exit 127",
        "admin@fw has no /usr/local/bin/pfddns: sh:",
        "install pfddns there",
    );
    refused("exec \"$0\" no-such-command", "does not know the command `hands`", "install the same pfddns there");
    refused(
        "echo 'Host key verification failed.' >&2; exit 255",
        "no connection to admin@fw: Host key verification failed",
        "accept it once",
    );
    refused(
        "echo 'admin@fw: Permission denied (publickey).' >&2; exit 255",
        "Permission denied",
        "an agent or a key file",
    );
    refused(
        "echo 'ssh: connect to host fw port 22: Connection refused' >&2; exit 255",
        "Connection refused",
        "`ssh admin@fw` must work",
    );
    refused("exit 0", "has ended (exit code 0)", "pfddns runs");
    refused("kill -9 $$", "was cut", "pfddns resume");
    refused(
        "printf 'This account is \\033[31mdisabled\\033[0m\\n'; exit 1",
        "This account is [31mdisabled[0m",
        "--version",
    );
    refused("yes nonsense", "said endless unexpected output", "install the same pfddns there");
    let other = r#"read hello; echo '{"id":1,"said":{"Ok":{"hello":{"protocol":2,"version":"9.9.9","os":"x"}}}}'; cat"#;
    let ours = env!("CARGO_PKG_VERSION");
    refused(
        other,
        &format!("admin@fw has pfddns 9.9.9, which speaks protocol 2; this is pfddns {ours}, which speaks 1"),
        "install the same pfddns there",
    );
    let wrong = r#"read hello; echo '{"id":1,"said":{"Ok":"done"}}'; cat"#;
    refused(wrong, "gave an unexpected answer to the greeting", "install the same pfddns there");
    let garbled = r#"read hello; echo '{"id":1,"said":{"Ok":{"hello":{"protocol":1,"version":"1","os":"x"}}}}'; read x; echo what; cat"#;
    refused(garbled, "said something that is not an answer", "install the same pfddns there");
    let swapped = r#"read hello; echo '{"id":1,"said":{"Ok":{"hello":{"protocol":1,"version":"1","os":"x"}}}}'; read x; echo '{"id":2,"said":{"Ok":{"mode":4}}}'; cat"#;
    refused(swapped, "admin@fw answered a different request", "install the same pfddns there");
}

#[test]
fn without_the_ssh_client_the_error_says_so() {
    let host = Host::Remote(Remote::new(carrier(&["/nonexistent/ssh"])));
    let error = host.list(Path::new("/")).unwrap_err();
    assert_eq!(error.what(), "/nonexistent/ssh: can't be started: no such file or directory");
    // It is not tried again and again.
    assert_eq!(host.list(Path::new("/")).unwrap_err().what(), error.what());
}

/// The other side's input ends while it holds something: by a shell between that passes on so many lines and no more.
#[test]
fn when_its_input_ends_it_lets_go_and_ends() {
    let place = Place::new();
    let ended = place.at("ended");
    let script = format!(
        "{{ for i in 1 2 3; do read -r line; printf '%s\\n' \"$line\"; done; sleep 0.2; }} | \"$0\" hands; echo $? > {}; cat >/dev/null",
        ended.display()
    );
    let mut host = host(&script);
    let lock = host.lock(&place.at("lock"), LIMIT).unwrap();
    let staged = host
        .stage(&place.at("new"), &NewFile { bytes: b"secret", replaces: None, mode: 0o600, keep_mode: false })
        .unwrap();
    let temporary = staged.path().to_owned();
    assert!(temporary.exists());
    let free = here().lock(&place.at("lock"), LIMIT);
    assert!(free.is_ok(), "it still holds the lock");
    let deadline = std::time::Instant::now() + LIMIT;
    while !ended.exists() && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(std::fs::read_to_string(ended).unwrap().trim(), "0");
    assert!(!temporary.exists() && !place.at("new").exists());
    drop((lock, staged));
}
