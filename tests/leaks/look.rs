//! Looks for secrets in every form a program might give them: as they are, base64, hex, percent-encoded, and the bytes
//! that a base64 secret stands for.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A secret that must not be found.
pub struct Canary {
    /// What it is, for the report: a finding never repeats the secret.
    pub what: &'static str,
    /// As it was planted.
    pub text: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// Plants one. Padding is left off where it may be: half a leak is a leak.
    pub fn new(what: &'static str, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut forms = vec![
            ("as it is", text.trim_end_matches('=').as_bytes().to_vec()),
            ("in base64", STANDARD.encode(bytes).trim_end_matches('=').into()),
            ("in URL-safe base64", URL_SAFE_NO_PAD.encode(bytes).into()),
            ("in hex", hex(bytes).into()),
            ("in capital hex", hex(bytes).to_uppercase().into()),
            ("percent-encoded", percent(text).trim_end_matches("%3D").into()),
        ];
        if let Some(raw) = STANDARD.decode(bytes).ok().filter(|raw| raw.len() >= 16) {
            let debug: Vec<String> = raw.iter().map(ToString::to_string).collect();
            forms.push(("decoded, in hex", hex(&raw).into()));
            forms.push(("decoded, in capital hex", hex(&raw).to_uppercase().into()));
            forms.push(("decoded, in URL-safe base64", URL_SAFE_NO_PAD.encode(&raw).into()));
            forms.push(("decoded, as a list", debug.join(", ").into()));
            forms.push(("decoded", raw));
        }
        Self { what, text: text.to_owned(), forms }
    }

    fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let has = |form: &&(&'static str, Vec<u8>)| memchr::memmem::find(bytes, &form.1).is_some();
        self.forms.iter().find(has).map(|form| form.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~*".contains(&byte);
    text.bytes().map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
}

/// Something that was said.
pub struct Place {
    name: String,
    bytes: Vec<u8>,
}

impl Place {
    /// By whom, and what.
    pub fn new(name: String, bytes: &[u8]) -> Self {
        Self { name, bytes: bytes.to_vec() }
    }

    /// For a person.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Secrets found in what was said.
pub fn places(places: &[Place], canaries: &[Canary]) -> Vec<String> {
    let found = |place: &Place| {
        let all = canaries.iter().filter_map(|it| it.found_in(&place.bytes).map(|form| (it.what, form)));
        all.map(|(what, form)| format!("{}: a {what}, {form}", place.name)).collect::<Vec<_>>()
    };
    places.iter().flat_map(found).collect()
}

/// What a folder holds.
#[derive(Default)]
pub struct Found {
    /// Leaks, and files whose mode lets others read a secret.
    pub wrong: Vec<String>,
    /// Files that hold a secret as they may.
    pub held: usize,
}

/// Secrets in files and in their names; `may_hold` says which files may have one, and these must be private.
/// So must every key of a sealed store be.
pub fn folder(top: &Path, canaries: &[Canary], may_hold: &dyn Fn(&str) -> bool) -> Found {
    let mut found = Found::default();
    walk(top, top, canaries, may_hold, &mut found);
    found
}

fn walk(top: &Path, folder: &Path, canaries: &[Canary], may_hold: &dyn Fn(&str) -> bool, found: &mut Found) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(top).unwrap().display().to_string();
        let file_name = Place::new(format!("the name of a file in {}", folder.display()), name.as_bytes());
        found.wrong.extend(places(&[file_name], canaries));
        let data = fs::symlink_metadata(&path).unwrap();
        if data.is_dir() {
            walk(top, &path, canaries, may_hold, found);
        } else if data.is_file() {
            let leaks = places(&[Place::new(name.clone(), &fs::read(&path).unwrap())], canaries);
            let private = data.mode() & 0o077 == 0;
            found.held += usize::from(may_hold(&name) && !leaks.is_empty());
            if (may_hold(&name) || name.ends_with(".sealed.key")) && !private {
                found.wrong.push(format!("{name}: others may read it (mode {:04o})", data.mode() & 0o7777));
            }
            if !may_hold(&name) {
                found.wrong.extend(leaks);
            }
        }
    }
}

#[test]
fn a_planted_leak_is_found_in_every_form_and_place() {
    let secret = STANDARD.encode([7u8, 250, 33, 62, 63, 255, 1, 0, 9, 8, 7, 6, 5, 4, 3, 251]);
    let canary = || vec![Canary::new("TSIG secret", &secret)];
    for (form, bytes) in &Canary::new("TSIG secret", &secret).forms {
        let said = [b"some words: ".as_slice(), bytes, b" and more"].concat();
        assert_eq!(places(&[Place::new("stdout".into(), &said)], &canary()).len(), 1, "{form}");
    }
    assert!(places(&[Place::new("stdout".into(), b"[secret]")], &canary()).is_empty());

    let folder = tempfile::tempdir().unwrap();
    let look = |may: bool| super::look::folder(folder.path(), &canary(), &|name| may && name == "d2.conf");
    assert!(look(false).wrong.is_empty());
    let file = folder.path().join("d2.conf");
    fs::write(&file, &secret).unwrap();
    let mode = |mode| fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o600);
    assert_eq!(look(false).wrong.len(), 1, "a file that must not hold it");
    assert_eq!((look(true).wrong.len(), look(true).held), (0, 1), "a file that may");
    mode(0o640);
    assert_eq!(look(true).wrong, ["d2.conf: others may read it (mode 0640)"]);
    mode(0o600);
    fs::create_dir(folder.path().join(percent(&secret))).unwrap();
    assert_eq!(look(true).wrong.len(), 1, "the name of a folder");
}
