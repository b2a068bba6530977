//! `pfddns kea lint` and `kea explain` as typed: output, exit code. `SNAPSHOTS=overwrite` refreshes the golden files.

use snapbox::{assert_data_eq, file};
use std::path::Path;
use std::process::Command;

/// Runs the program in `fixtures/kea/lint`; what it printed and its exit code as one text.
fn pfddns(arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kea/lint");
    let out = Command::new(env!("CARGO_BIN_EXE_pfddns"))
        .env_clear()
        .current_dir(folder)
        .args(["--config", "/nonexistent/pfddns.toml"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&out.stdout), text(&out.stderr));
    for secret in ["LSWXnfkKZjdPJI5QxlpnfQ", "c2hvcnQ"] {
        assert!(!stdout.contains(secret) && !stderr.contains(secret), "a secret was printed");
    }
    format!("$ pfddns {}\n{stdout}{stderr}exit {}\n", arguments.join(" "), out.status.code().unwrap())
}

#[test]
fn lint_names_every_planted_mistake() {
    assert_data_eq!(pfddns(&["kea", "lint", "kea-dhcp-ddns.conf", "kea-dhcp4.conf"]), file!["golden/lint.txt"]);
}

#[test]
fn lint_judges_by_version() {
    assert_data_eq!(pfddns(&["kea", "lint", "--kea", "2.2.0", "kea-dhcp4.conf"]), file!["golden/lint-2.2.txt"]);
}

#[test]
fn lint_as_json() {
    assert_data_eq!(pfddns(&["--json", "kea", "lint", "kea-dhcp-ddns.conf"]), file!["golden/lint-json.txt"]);
}

#[test]
fn a_clean_file_has_no_finding() {
    assert_data_eq!(pfddns(&["kea", "lint", "clean-dhcp-ddns.conf"]), file!["golden/lint-clean.txt"]);
}

#[test]
fn a_half_written_file_is_an_error_with_its_place() {
    assert_data_eq!(pfddns(&["kea", "lint", "half-written.conf"]), file!["golden/lint-half.txt"]);
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let all = [
        pfddns(&["kea", "lint", "missing.conf"]),
        pfddns(&["kea", "lint"]),
        pfddns(&["kea", "lint", "--kea", "newest", "clean-dhcp-ddns.conf"]),
        pfddns(&["kea", "explain", "a", "--file", "kea-dhcp4.conf"]),
        pfddns(&["kea", "explain", "a", "--file", "half-written.conf"]),
        pfddns(&["kea", "explain", "a b", "--file", "clean-dhcp-ddns.conf"]),
        pfddns(&["kea", "heal"]),
    ];
    assert_data_eq!(all.concat(), file!["golden/refused.txt"]);
}

#[test]
fn two_firewalls_of_a_pair_have_to_agree() {
    let text = pfddns(&["kea", "lint", "clean-dhcp-ddns.conf", "clean-dhcp-ddns.conf", "kea-dhcp-ddns.conf"]);
    assert_eq!(text.matches("[pair-differs]").count(), 1, "{text}");
    assert!(text.contains("which is clean-dhcp-ddns.conf: after a fail-over"), "{text}");
}

#[test]
fn explain_tells_the_way_of_names_and_addresses() {
    let files = ["--file", "kea-dhcp-ddns.conf", "--file", "kea-dhcp4.conf"];
    let asked = ["kea", "explain", "printer", "pc.guest.example", "192.0.2.7", "198.51.100.7", "203.0.113.7"];
    assert_data_eq!(pfddns(&[&asked[..], &files[..]].concat()), file!["golden/explain.txt"]);
    let files = ["--file", "clean-dhcp-ddns.conf", "--file", "kea-dhcp4.conf"];
    assert_data_eq!(
        pfddns(&[&["--json", "kea", "explain", "192.0.2.7"], &files[..]].concat()),
        file!["golden/explain-json.txt"]
    );
}
