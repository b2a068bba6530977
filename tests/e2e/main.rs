//! The whole life of a site through the real program: turned on, rotated under load, taken back, bypassed, killed, run
//! out of disk. Each Kea from 2.2 to 3.0, a real named and OpenBao; Technitium by its double.

#![allow(clippy::unwrap_used)] // a test may fail loudly

#[path = "../doubles/mod.rs"]
mod doubles;
#[path = "../harness/mod.rs"]
mod harness;
mod interrupted;
mod site;
mod wire;

use harness::Kea;
use pfddns::systems::dns::Verdict;
use site::{Names, Plan, Site, ZONE, ZONES};
use std::io::Write as _;

const NOERROR: u8 = 0;
const REFUSED: u8 = 5;

/// A line that the test runner does not swallow.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

type Key = (String, String);

impl Site {
    /// The one key of the site.
    fn key(&self) -> Key {
        let keys = self.keys();
        assert_eq!(keys.len(), 1, "{:?}", keys.iter().map(|it| &it.0).collect::<Vec<_>>());
        keys[0].clone()
    }

    /// Signed by `good` is taken, signed by each of `bad` and unsigned is refused: everywhere. D2 goes by `good`.
    fn only_takes(&self, good: &Key, bad: &[&Key]) {
        for server in self.dns() {
            for zone in ZONES {
                let verdict = wire::signed(server, zone, good);
                assert!(matches!(verdict, Verdict::Accepted), "{server} {zone}: {verdict}");
                for key in bad {
                    let verdict = wire::signed(server, zone, key);
                    assert!(matches!(verdict, Verdict::Refused(_)), "{server} {zone} takes {}", key.0);
                }
                assert_eq!(wire::unsigned([127, 0, 0, 1], server, zone), REFUSED, "{server} {zone}");
            }
        }
        assert!(self.d2_file().contains(&good.0) && self.d2_says("config-get").contains(&good.0));
        assert!(bad.iter().all(|key| !self.d2_file().contains(&key.0) && !self.d2_says("config-get").contains(&key.0)));
    }

    /// Leases 100 names a second while `work` is done. Not one may be missing.
    fn under_load(&self, what: &str, work: impl FnOnce()) {
        let before = self.d2_timeouts();
        self.dhcp4.lease(100, ZONE);
        work();
        let Names { all, elsewhere, lost } = self.names();
        let timeouts = self.d2_timeouts() - before;
        say(&format!(
            "{what}: {all} names leased, {} lost, {elsewhere} on another server after {timeouts} timeouts; {}",
            lost.len(),
            self.versions
        ));
        assert!(all > 100, "{what}: only {all} names were leased meanwhile");
        let statistics = self.d2_says("statistic-get-all");
        assert!(lost.is_empty(), "{what}: {} of {all} are lost, such as {:?}\n{statistics}", lost.len(), lost.first());
        assert!(elsewhere * 3 <= timeouts, "{what}: {elsewhere} names on another server\n{statistics}");
    }
}

fn whole_life(plan: &Plan) {
    let Some(mut site) = Site::start(plan) else { return };
    say(&site.versions);
    assert_eq!(site.pfddns(&["plan"]).code, Some(5));
    site.ok(&["apply"]);
    site.ok(&["plan"]);
    site.ok(&["verify"]);
    let (one, start) = (site.key(), site.snapshot());
    site.only_takes(&one, &[]);

    the_way_back_waits_for_updates_under_way(&site);
    site.under_load("rotation", || drop(site.ok(&["tsig", "rotate"])));
    let two = site.key();
    site.only_takes(&two, &[&one]);
    site.ok(&["plan"]);
    site.ok(&["verify"]);

    site.under_load("taking the rotation back", || drop(site.ok(&["undo"])));
    site.only_takes(&one, &[&two]);
    assert_eq!(site.snapshot(), start);
    site.ok(&["plan"]);
    site.ok(&["verify"]);

    site.under_load("rotation again", || drop(site.ok(&["tsig", "rotate"])));
    let three = site.key();
    assert!(three.0 != one.0 && three.0 != two.0, "{} is the name of a key again", three.0);
    site.only_takes(&three, &[&one, &two]);
    if let Some(bao) = &mut site.bao {
        bao.daemon.crash();
    }
    bypass(&site);
    back_without_the_store(&site, &one, &three, &start);
    assert!(site.d2_is_running());
}

/// For a while no signature is needed from the listed address, and only from there; then everything is as it was.
fn bypass(site: &Site) {
    let before = site.snapshot();
    site.ok(&["bypass", "enable", "--for", "2h", "--reason", "a test"]);
    for server in site.dns() {
        for zone in ZONES {
            assert_eq!(wire::unsigned([127, 0, 0, 1], server, zone), NOERROR, "{server} {zone}");
            assert_eq!(wire::unsigned([127, 0, 0, 9], server, zone), REFUSED, "{server} {zone}");
        }
    }
    assert!(!site.d2_says("config-get").contains("\"secret\""), "D2 still has a key");
    site.under_load("bypass", || std::thread::sleep(std::time::Duration::from_millis(1500)));
    site.ok(&["bypass", "disable"]);
    assert_eq!(site.snapshot(), before);
    for server in site.dns() {
        for zone in ZONES {
            assert_eq!(wire::unsigned([127, 0, 0, 1], server, zone), REFUSED, "{server} {zone}");
        }
    }
}

/// Promise 6: back to the old key with what lies on the firewall. Only the store's own notes have to wait for it.
fn back_without_the_store(site: &Site, old: &Key, new: &Key, start: &[String]) {
    let runs = site.ok(&["runs"]).stdout;
    let rotation = runs.lines().rfind(|line| line.contains("-rotate-")).unwrap().split(' ').next().unwrap();
    let (seal, aside) = (site.state.join("keys.sealed.key"), site.state.join("aside"));
    if site.bao.is_none() {
        std::fs::rename(&seal, &aside).unwrap();
    }
    let ran = site.pfddns(&["undo", rotation]);
    assert_eq!(ran.code, Some(4), "{}{}", ran.stderr, ran.stdout);
    assert!(ran.stderr.contains("all undone except the secret store's entry"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with(".jsonl\n"), "{}", ran.stderr);
    site.only_takes(old, &[new]);
    assert_eq!(site.snapshot(), start);
    // The OpenBao of these tests keeps its secrets in memory: it does not come back.
    if site.bao.is_none() {
        std::fs::rename(&aside, &seal).unwrap();
        site.ok(&["undo"]);
        assert_eq!(site.snapshot(), start);
        site.ok(&["plan"]);
        site.ok(&["verify"]);
    }
}

/// On the way back, too, updates signed with the new key come to their end before it is taken from the servers.
fn the_way_back_waits_for_updates_under_way(site: &Site) {
    let file = site.state.join("rotate.plan");
    assert_eq!(site.pfddns(&["plan", "rotate", "--out", file.to_str().unwrap()]).code, Some(5));
    let plan: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let steps = plan["steps"].as_array().unwrap();
    let place = |what: &str, wanted: &str| {
        let found = |step: &serde_json::Value| step.pointer(what).is_some_and(|it| it == wanted);
        steps.iter().rposition(found).unwrap_or_else(|| panic!("{what} is {wanted} nowhere"))
    };
    let waits = place("/undo/by/change", "drain");
    assert_eq!(
        steps[waits]["undo"]["by"]["key"], steps[0]["change"]["key"]["name"],
        "it is the new key that comes to rest"
    );
    assert!(place("/change/change", "grant") < waits && waits < place("/change/change", "install-d2"));
}

#[test]
fn the_whole_life_with_kea_2_2_and_openbao() {
    whole_life(&Plan { bind_first: true, vault: true, timeout_ms: 200, ..Plan::new(Kea::ALL[0]) });
}

#[test]
fn the_whole_life_with_kea_2_6() {
    whole_life(&Plan { timeout_ms: 200, ..Plan::new(Kea::ALL[1]) });
}

#[test]
fn the_whole_life_with_kea_3_0() {
    whole_life(&Plan { bind_first: true, timeout_ms: 200, ..Plan::new(Kea::ALL[2]) });
}
