//! Attacks on the sealed file and on the layout of the fields. Tests of both stores are in `tests/store`.

use super::file::FileStore;
use super::layout::Fields;
use super::{Edit, Store, StoredKey};
use crate::model::{Algorithm, HostName, KeyName};
use crate::secret::Secret;
use crate::world::World;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::{fs, thread};

const CANARY: &str = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbmE=";

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn key(text: &str) -> StoredKey {
    let created = "2026-01-02T03:04:05Z".parse().unwrap();
    let secret = Secret::new(CANARY);
    StoredKey { name: name(text), algorithm: Algorithm::HmacSha256, created, retired: None, secret }
}

fn world() -> World {
    World::here(HostName::new("fw").unwrap()).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

struct Sealed {
    folder: tempfile::TempDir,
    store: Store,
}

/// A store with two keys in it, at version 1.
fn sealed() -> Sealed {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::File(FileStore::new(&folder.path().join("keys.sealed"), "dns/ddns"));
    let (one, two) = (key("one"), key("two"));
    let edits = [Edit::Add(&one), Edit::Add(&two), Edit::Current(name("two"))];
    assert_eq!(run(store.edit(&mut world(), 0, &edits)).unwrap(), 1);
    Sealed { folder, store }
}

impl Sealed {
    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("keys.sealed")
    }

    fn key_file(&self) -> std::path::PathBuf {
        self.folder.path().join("keys.sealed.key")
    }

    /// Reading and writing both fail with a text that has `words`, and leave the file as it is.
    fn refuses(&self, words: &str) {
        let before = fs::read(self.file()).unwrap();
        let read = run(self.store.read(&world())).unwrap_err().to_string();
        let write = run(self.store.edit(&mut world(), 1, &[Edit::Current(name("one"))])).unwrap_err().to_string();
        for text in [read, write] {
            assert!(text.contains(words), "`{text}` lacks `{words}`");
            assert!(text.contains("keys.sealed") && text.contains("  try  "), "{text}");
            assert!(!text.contains(CANARY), "{text}");
        }
        assert_eq!(fs::read(self.file()).unwrap(), before);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn files_are_private_and_tell_nothing() {
    let sealed = sealed();
    assert_eq!((mode(&sealed.file()), mode(&sealed.key_file())), (0o600, 0o600));
    let bytes = fs::read(sealed.file()).unwrap();
    assert!(bytes.starts_with(b"pfddns sealed store 1\n"));
    for word in [CANARY, "hmac", "secret", "dns/ddns"] {
        assert!(!bytes.windows(word.len()).any(|it| it == word.as_bytes()), "{word} is readable");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let sealed = sealed();
    let (good, world) = (fs::read(sealed.file()).unwrap(), world());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(sealed.file(), &bad).unwrap();
        assert!(run(sealed.store.read(&world)).is_err(), "byte {at}");
    }
    fs::write(sealed.file(), &good).unwrap();
    assert!(run(sealed.store.read(&world)).is_ok());
}

#[test]
fn every_shortened_file_is_noticed() {
    let sealed = sealed();
    let (good, world) = (fs::read(sealed.file()).unwrap(), world());
    for length in 0..good.len() {
        fs::write(sealed.file(), &good[..length]).unwrap();
        assert!(run(sealed.store.read(&world)).is_err(), "{length} bytes");
    }
    fs::write(sealed.file(), &good[..30]).unwrap();
    sealed.refuses("is cut short");
    fs::write(sealed.file(), [&good[..], b"x"].concat()).unwrap();
    sealed.refuses("the seal is broken");
}

#[test]
fn foreign_files_and_newer_formats_are_left_alone() {
    let sealed = sealed();
    for (bytes, words) in [
        (&b""[..], "not a sealed store of pfddns"),
        (b"<?xml version=\"1.0\"?><pfsense/>", "not a sealed store of pfddns"),
        (
            b"pfddns sealed store 2\n0123456789012345678901234567890123456789",
            "in a format that this program does not know",
        ),
    ] {
        fs::write(sealed.file(), bytes).unwrap();
        sealed.refuses(words);
    }
}

#[test]
fn a_wrong_short_or_missing_key_is_told_apart() {
    let sealed = sealed();
    let key = fs::read(sealed.key_file()).unwrap();
    assert_eq!(key.len(), 32);
    fs::write(sealed.key_file(), [7u8; 32]).unwrap();
    sealed.refuses("the seal is broken");
    fs::write(sealed.key_file(), &key[..31]).unwrap();
    sealed.refuses("31 bytes, but a key has 32");
    fs::remove_file(sealed.key_file()).unwrap();
    sealed.refuses("not found");
    assert!(!sealed.key_file().exists(), "a new key beside an old file would lock it for good");
}

#[test]
fn files_others_may_read_are_refused() {
    let sealed = sealed();
    for (path, mode) in [(sealed.key_file(), 0o640), (sealed.key_file(), 0o604), (sealed.file(), 0o644)] {
        set_mode(&path, mode);
        sealed.refuses("others on this machine may read it");
        let text = run(sealed.store.read(&world())).unwrap_err().to_string();
        assert!(text.contains(&format!("chmod 600 {}", path.display())), "{text}");
        set_mode(&path, 0o600);
    }
}

#[test]
fn a_key_file_without_a_store_is_used_and_kept() {
    let sealed = sealed();
    let key_bytes = fs::read(sealed.key_file()).unwrap();
    fs::remove_file(sealed.file()).unwrap();
    let one = key("one");
    assert_eq!(run(sealed.store.edit(&mut world(), 0, &[Edit::Add(&one)])).unwrap(), 1);
    assert_eq!(fs::read(sealed.key_file()).unwrap(), key_bytes);
}

#[test]
fn of_many_writers_at_one_version_exactly_one_wins() {
    let sealed = sealed();
    for round in 1..=5u64 {
        let wins: usize = thread::scope(|scope| {
            let writers: Vec<_> = (0..6)
                .map(|writer| {
                    let store = &sealed.store;
                    scope.spawn(move || {
                        let mine = key(&format!("k{round}-{writer}"));
                        run(store.edit(&mut world(), round, &[Edit::Add(&mine)])).map_err(|error| error.to_string())
                    })
                })
                .collect();
            let results: Vec<_> = writers.into_iter().map(|it| it.join().unwrap()).collect();
            for lost in results.iter().filter_map(|it| it.as_ref().err()) {
                assert!(lost.contains("somebody else wrote it; nothing was written"), "{lost}");
            }
            results.iter().filter(|it| it.is_ok()).count()
        });
        assert_eq!(wins, 1, "round {round}");
        let book = run(sealed.store.read(&world())).unwrap();
        assert_eq!((book.version, book.keys.len()), (round + 1, 2 + usize::try_from(round).unwrap()));
    }
}

fn fields(value: Value) -> Fields {
    serde_json::from_value(value).unwrap()
}

#[test]
fn keys_that_cannot_be_read_are_named_and_not_quoted() {
    for (field, member, value) in [
        ("k", "algorithm", json!("hmac-md5")),
        ("k", "created", json!("yesterday")),
        ("k", "retired", json!("soon")),
        ("k", "retired", json!(5)),
    ] {
        let mut whole =
            json!({ "k": { "algorithm": "hmac-sha256", "secret": CANARY, "created": "2026-01-02T03:04:05Z" } });
        assert_eq!(fields(whole.clone()).keys().unwrap().len(), 1);
        whole[field][member] = value;
        let text = fields(whole).keys().unwrap_err().to_string();
        assert!(text.contains("`k`") && text.contains(member) && !text.contains(CANARY), "{text}");
    }
    for current in [json!("gone"), json!(""), json!(7), json!({})] {
        assert!(fields(json!({ "current": current })).current().is_err());
    }
}

#[test]
fn edits_that_make_no_sense_are_refused() {
    let when = "2026-02-03T04:05:06Z".parse().unwrap();
    let (one, reserved) = (key("one"), key("current"));
    let start = Fields::default().edited(&[Edit::Add(&one), Edit::Current(name("one"))]).unwrap().1;
    for edits in [
        vec![Edit::Add(&one)],
        vec![Edit::Add(&reserved)],
        vec![Edit::Current(name("two"))],
        vec![Edit::Retire(name("one"), when)],
        vec![Edit::Retire(name("two"), when)],
        vec![Edit::Restore(name("two"))],
        vec![Edit::Forget(name("two"))],
    ] {
        assert!(start.edited(&edits).is_err(), "{edits:?}");
    }
    let (patch, after) = start.edited(&[Edit::Forget(name("one"))]).unwrap();
    assert_eq!(Value::Object(patch.0.clone()), json!({ "one": null, "current": null }));
    assert!(after.0.is_empty());
}

/// RFC 7396, written the plain way: what a KV v2 server does with our patch.
fn server(target: &mut Value, patch: &Value) {
    let (Some(target), Some(patch)) = (target.as_object_mut(), patch.as_object()) else { return };
    for (field, value) in patch {
        match (target.get_mut(field), value) {
            (_, Value::Null) => drop(target.remove(field)),
            (Some(old), Value::Object(_)) if old.is_object() => server(old, value),
            _ => drop(target.insert(field.clone(), value.clone())),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What we think the secret is after our edits is what the server makes of our patch, and siblings stay.
    #[test]
    fn a_patch_means_to_the_server_what_it_means_to_us(moves in prop::collection::vec((0u8..5, 0u8..4), 1..12)) {
        let siblings = json!({ "other": { "algorithm": "aes", "secret": 1.5 }, "text": "a\"b\n", "list": [null, {}] });
        let mut now = fields(siblings.clone());
        let keys: Vec<_> = (0..4).map(|at| key(&format!("k{at}"))).collect();
        for pair in moves.chunks(3) {
            let edits: Vec<_> = pair.iter().map(|(what, at)| {
                let which = keys[usize::from(*at)].name.clone();
                match what {
                    0 => Edit::Add(&keys[usize::from(*at)]),
                    1 => Edit::Current(which),
                    2 => Edit::Retire(which, "2026-02-03T04:05:06Z".parse().unwrap()),
                    3 => Edit::Restore(which),
                    _ => Edit::Forget(which),
                }
            }).collect();
            let Ok((patch, after)) = now.edited(&edits) else { continue };
            let mut theirs = Value::Object(now.0.clone());
            server(&mut theirs, &Value::Object(patch.0.clone()));
            prop_assert_eq!(&theirs, &Value::Object(after.0.clone()));
            for (field, value) in siblings.as_object().unwrap() {
                prop_assert_eq!(after.0.get(field), Some(value));
                prop_assert!(!patch.0.contains_key(field));
            }
            now = after;
        }
    }
}
