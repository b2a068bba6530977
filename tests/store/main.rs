//! What both secret stores promise: the same functions run against the sealed file and a real OpenBao.
//! What only a server can do wrong is in `vault.rs`.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../harness/mod.rs"]
mod harness;
mod site;
mod vault;

use jiff::Timestamp;
use pfddns::secret::SecretRef;
use pfddns::systems::store::Edit;
use site::{Site, key, name};

/// Two tests of each function: `NAME::file` and `NAME::bao`.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[test]
            fn file() {
                super::$name(super::Site::file());
            }
            #[test]
            fn bao() {
                let Some(bao) = super::harness::real(super::harness::Bao::start()) else { return };
                super::$name(super::Site::bao(bao));
            }
        }
    )+ };
}

contract!(
    versions_count_up_and_keys_come_back,
    siblings_survive_byte_for_byte,
    a_stale_version_is_refused_and_nothing_written,
    of_two_writers_one_wins,
    a_pushed_out_version_is_found_in_the_latest,
    a_forgotten_key_is_there_as_long_as_its_version,
    a_second_first_write_is_refused,
    nonsense_is_refused_and_nothing_written,
);

fn when() -> Timestamp {
    "2026-05-06T07:08:09.123456789Z".parse().unwrap()
}

fn versions_count_up_and_keys_come_back(mut site: Site) {
    let empty = site.read();
    assert_eq!((empty.version, empty.current, empty.keys.len()), (0, None, 0));
    let (one, two) = (key("ddns-a"), key("ddns-b"));
    assert_eq!(site.edit(0, &[Edit::Add(&one), Edit::Current(name("ddns-a"))]).unwrap(), 1);
    let edits = [Edit::Add(&two), Edit::Current(name("ddns-b")), Edit::Retire(name("ddns-a"), when())];
    assert_eq!(site.edit(1, &edits).unwrap(), 2);
    let book = site.read();
    assert_eq!((book.version, book.current.clone(), book.keys.len()), (2, Some(name("ddns-b")), 2));
    for (stored, retired) in [(&one, Some(when())), (&two, None)] {
        let found = book.keys.iter().find(|it| it.name == stored.name).unwrap();
        assert_eq!((found.algorithm, found.created, found.retired), (stored.algorithm, stored.created, retired));
        assert_eq!(found.secret.expose(), stored.secret.expose());
    }
    let place = site.store.place(2, &name("ddns-b"));
    assert_eq!(place.to_string(), "dns/ddns#2");
    assert_eq!(site.secret(&place).unwrap(), two.secret.expose());
    assert_eq!(site.edit(2, &[Edit::Restore(name("ddns-a")), Edit::Current(name("ddns-a"))]).unwrap(), 3);
    let back = site.read();
    assert_eq!(
        (back.current.clone(), back.keys.iter().find(|it| it.name == name("ddns-a")).unwrap().retired),
        (Some(name("ddns-a")), None)
    );
}

fn siblings_survive_byte_for_byte(mut site: Site) {
    let start = site.plant_siblings();
    let before = site.siblings();
    assert!(before.contains("foreign"), "{before}");
    let (one, two) = (key("ddns-a"), key("ddns-b"));
    let v1 = site.edit(start, &[Edit::Add(&one), Edit::Current(name("ddns-a"))]).unwrap();
    let v2 = site.edit(v1, &[Edit::Add(&two), Edit::Current(name("ddns-b"))]).unwrap();
    let v3 = site.edit(v2, &[Edit::Retire(name("ddns-a"), when())]).unwrap();
    let v4 = site.edit(v3, &[Edit::Forget(name("ddns-a"))]).unwrap();
    assert_eq!(site.siblings(), before);
    let book = site.read();
    assert_eq!((book.version, book.keys.len()), (v4, 1), "foreign fields are not keys");
}

fn a_stale_version_is_refused_and_nothing_written(mut site: Site) {
    let (one, two) = (key("ddns-a"), key("ddns-b"));
    site.edit(0, &[Edit::Add(&one)]).unwrap();
    site.edit(1, &[Edit::Current(name("ddns-a"))]).unwrap();
    for stale in [0, 1, 3] {
        let error = site.edit(stale, &[Edit::Add(&two)]).unwrap_err();
        assert!(error.contains(&format!("is at version 2, not {stale}: somebody else wrote it")), "{error}");
        assert!(error.contains("  try    run the command again"), "{error}");
    }
    let book = site.read();
    assert_eq!((book.version, book.keys.len()), (2, 1));
}

fn of_two_writers_one_wins(mut site: Site) {
    let seed = key("seed");
    site.edit(0, &[Edit::Add(&seed)]).unwrap();
    let mut version = 1;
    for round in 0..10 {
        let won: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = ["a", "b"]
                .map(|who| {
                    let mut other = site.another();
                    scope.spawn(move || {
                        let mine = key(&format!("k{round}{who}"));
                        other.edit(version, &[Edit::Add(&mine)])
                    })
                })
                .into();
            writers.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert_eq!(won.iter().filter(|it| it.is_ok()).count(), 1, "{won:?}");
        let lost = won.iter().find_map(|it| it.as_ref().err()).unwrap();
        assert!(lost.contains("somebody else wrote it; nothing was written"), "{lost}");
        version += 1;
        let book = site.read();
        assert_eq!(book.version, version);
        assert_eq!(u64::try_from(book.keys.len()).unwrap(), version);
    }
}

fn a_pushed_out_version_is_found_in_the_latest(mut site: Site) {
    let one = key("ddns-a");
    site.edit(0, &[Edit::Add(&one)]).unwrap();
    let first = site.store.place(1, &name("ddns-a"));
    for at in 1..=12 {
        let next = key(&format!("k{at}"));
        assert_eq!(site.edit(at, &[Edit::Add(&next)]).unwrap(), at + 1);
    }
    assert_eq!(site.secret(&first).unwrap(), one.secret.expose());
    site.edit(13, &[Edit::Forget(name("ddns-a"))]).unwrap();
    // Ten versions are kept and fourteen were written: if the first were there, the key would be found in it.
    let error = site.secret(&first).unwrap_err();
    assert!(error.contains("key ddns-a is neither in version 1 nor in the latest one"), "{error}");
}

fn a_forgotten_key_is_there_as_long_as_its_version(mut site: Site) {
    let one = key("ddns-a");
    site.edit(0, &[Edit::Add(&one), Edit::Current(name("ddns-a"))]).unwrap();
    site.edit(1, &[Edit::Forget(name("ddns-a"))]).unwrap();
    let book = site.read();
    assert_eq!((book.version, book.current, book.keys.len()), (2, None, 0));
    assert_eq!(site.secret(&site.store.place(1, &name("ddns-a"))).unwrap(), one.secret.expose());
    let elsewhere = SecretRef { path: "dns/elsewhere".into(), version: 1, field: "ddns-a".into() };
    assert!(site.secret(&elsewhere).is_err());
}

fn a_second_first_write_is_refused(mut site: Site) {
    let one = key("ddns-a");
    site.edit(0, &[Edit::Add(&one)]).unwrap();
    let error = site.edit(0, &[Edit::Add(&key("ddns-b"))]).unwrap_err();
    assert!(error.contains("is at version 1, not 0"), "{error}");
}

fn nonsense_is_refused_and_nothing_written(mut site: Site) {
    let one = key("ddns-a");
    site.edit(0, &[Edit::Add(&one), Edit::Current(name("ddns-a"))]).unwrap();
    for edits in [
        vec![Edit::Add(&one)],
        vec![Edit::Current(name("ddns-x"))],
        vec![Edit::Retire(name("ddns-a"), when())],
        vec![Edit::Forget(name("ddns-x"))],
    ] {
        let error = site.edit(1, &edits).unwrap_err();
        assert!(!error.contains(one.secret.expose()), "{error}");
    }
    assert_eq!(site.read().version, 1);
}
