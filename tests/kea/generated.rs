//! `dhcp ddns enable --until-regenerated` as typed, on the captured files of pfSense 2.7.2 and with real kea-dhcp4s. The
//! test plays pfSense: it writes the generated file anew and starts kea-dhcp4 with it.

use crate::each_version;
use crate::harness::{Daemon, Kea, KeaHome, real, write};
use pfddns::config::Config;
use pfddns::model::HostName;
use pfddns::plan::{self, Moment, Observer, Plan};
use pfddns::tasks::wiring;
use pfddns::world::World;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

struct Firewall {
    home: KeaHome,
    kea: Option<Daemon>,
    generated: String,
    /// `[d2]` lines of pfddns.toml.
    more: &'static str,
}

/// The file pfSense 2.7.2 writes, with what differs on this machine changed.
fn generated(home: &KeaHome) -> String {
    let text = include_str!("../../fixtures/pfsense/2.7.2/kea-dhcp4.conf");
    let cut = |text: String, from: &str, to: &str, new: &str| {
        let at = text.find(from).unwrap();
        let end = at + text[at..].find(to).unwrap() + to.len();
        format!("{}{new}{}", &text[..at], &text[end..])
    };
    let text = cut(text.to_owned(), "\"interfaces\": [", "]", "\"interfaces\": []");
    let text = cut(text, "        \"hooks-libraries\": [", "],\n", "");
    // Kea 2.2 takes no reservation that reserves nothing; pfSense's own Kea does.
    let text = cut(text, ",\n        \"reservations\": [", "\n        ]", "");
    text.replace("/var/lib/kea/dhcp4.leases", &home.folder().join("leases").display().to_string())
        .replace("/tmp/kea4-ctrl-socket", &home.socket("dhcp4").display().to_string())
}

impl Firewall {
    fn new(kea: Kea) -> Option<Self> {
        let home = real(kea.home())?;
        let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pfsense/2.7.2/config.xml");
        fs::copy(captured, home.folder().join("config.xml")).unwrap();
        let mut it = Self { generated: generated(&home), home, kea: None, more: "" };
        it.regenerate();
        Some(it)
    }

    /// What pfSense does at boot and many times a day.
    fn regenerate(&mut self) {
        self.kea = None;
        self.kea = Some(self.home.start_dhcp4("dhcp4", &self.generated).unwrap());
        fs::set_permissions(self.file(), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.home.folder().join("dhcp4.conf")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn toml(&self) -> String {
        let root = self.home.folder().display();
        format!(
            "version = \"v1\"\n[site]\nstate = \"{root}/state\"\n[d2]\nmanage = false\n{}\n[pfsense]\nconfig = \"{root}/config.xml\"\n\
             lock = \"{root}/config.lock\"\ncache = \"{root}/config.cache\"\nrestore-points = \"{root}/backup\"\nphp = \"{root}/php\"\n\
             kea-dhcp4-config = \"{}\"\nkea-dhcp4-program = \"{}\"\ndhcp-lock = \"{root}/dhcp.lock\"\n\
             [[server]]\nname = \"ns1\"\ntype = \"technitium\"\ndns = \"127.0.0.1:9\"\nurl = \"http://127.0.0.1:9\"\ntoken-file = \"/none\"\n\
             [[zone]]\nname = \"lan.example\"\nsources = [\"10.0.10.1\"]\n[[subnet]]\nnetwork = \"10.0.10.0/24\"\nsources = [\"10.0.10.1\"]\n",
            self.more,
            self.file().display(),
            self.home.dhcp4.display()
        )
    }

    /// Exit code and everything printed.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let toml = self.home.folder().join("pfddns.toml");
        fs::write(&toml, self.toml()).unwrap();
        let out =
            Command::new(env!("CARGO_BIN_EXE_pfddns")).arg("--config").arg(toml).args(arguments).output().unwrap();
        (out.status.code().unwrap(), String::from_utf8([out.stdout, out.stderr].concat()).unwrap())
    }

    fn says(&self, arguments: &[&str], code: i32, words: &str) {
        let (found, said) = self.run(arguments);
        assert!(found == code && said.contains(words), "{arguments:?}: {found} {said}");
    }

    fn config(&self) -> Config {
        Config::parse(Path::new("pfddns.toml"), &self.toml()).unwrap()
    }

    /// `enable-updates`, and `ddns-send-updates` of both subnets, in the running daemon.
    fn running(&self) -> Vec<Option<bool>> {
        let host = HostName::new("firewall").unwrap();
        let world = World::here(host.clone()).unwrap();
        let it = pfddns::changes::firewall::dhcp_config(&self.config().primary, &world).unwrap();
        let flag = |path: &str| it.pointer(path).and_then(serde_json::Value::as_bool);
        let subnet = |n: u8| flag(&format!("/Dhcp4/subnet4/{n}/ddns-send-updates"));
        vec![flag("/Dhcp4/dhcp-ddns/enable-updates"), subnet(0), subnet(1)]
    }
}

const ENABLE: [&str; 4] = ["dhcp", "ddns", "enable", "--until-regenerated"];
const STATUS: [&str; 3] = ["dhcp", "ddns", "status"];
const DISABLE: [&str; 3] = ["dhcp", "ddns", "disable"];

each_version!(wired_until_pfsense_writes_its_file_anew, cut_off_anywhere);

fn wired_until_pfsense_writes_its_file_anew(kea: Kea) {
    let Some(mut it) = Firewall::new(kea) else { return };
    it.says(&["dhcp", "ddns", "enable"], 2, "add --until-regenerated");
    it.says(&STATUS, 5, "dhcp4.conf, lan: not wired");
    it.says(
        &[&ENABLE[..], &["--dry-run"]].concat(),
        5,
        "+                \"ddns-qualifying-suffix\": \"lan.example.\"",
    );
    assert!(it.text() == it.generated && !it.running().contains(&Some(true)));

    it.says(&ENABLE, 0, "done, 1 step");
    assert_eq!(it.running()[..2], [Some(true), Some(true)]);
    assert_ne!(it.running()[2], Some(true), "only the subnets of pfddns.toml are named");
    assert_eq!(fs::metadata(it.file()).unwrap().permissions().mode() & 0o7777, 0o644);
    it.says(&STATUS, 0, "running kea-dhcp4: sends names to D2\nthis lasts until pfSense writes that file again");
    let wired = it.text();
    it.says(&ENABLE, 0, "nothing to do");
    assert_eq!(it.text(), wired);
    it.says(&["backup", "list"], 0, "kea-dhcp4's file  before dhcp-ddns");
    let (_, list) = it.run(&["backup", "list"]);
    let name = list.split_whitespace().find(|it| it.starts_with("kea-dhcp4.conf.")).unwrap();
    it.says(&["backup", "diff", name], 0, "+        \"dhcp-ddns\": {");
    it.says(&["backup", "restore", name], 2, "pfSense writes the file of");

    it.regenerate();
    it.says(&STATUS, 5, "dhcp4.conf, global: not wired\nrunning kea-dhcp4: does not send names to D2");
    it.says(&ENABLE, 0, "done, 1 step");
    assert_eq!(it.text(), wired);
    it.says(&["undo"], 0, "");
    assert!(it.text() == it.generated && !it.running().contains(&Some(true)));

    it.says(&ENABLE, 0, "done, 1 step");
    it.says(&DISABLE, 0, "done, 1 step");
    assert!(it.text() == it.generated && !it.running().contains(&Some(true)));
    it.says(&DISABLE, 0, "nothing to do");
    it.says(&["undo"], 0, "");
    assert_eq!(it.text(), wired);
    // Taking back what pfSense has taken out already is no error.
    it.regenerate();
    it.says(&DISABLE, 0, "nothing to do");
}

/// Breaks off at the n-th moment.
struct Cut(usize);

impl Observer for Cut {
    fn tell(&mut self, _: &Moment<'_>) -> ControlFlow<()> {
        self.0 = match self.0.checked_sub(1) {
            None => return ControlFlow::Break(()),
            Some(left) => left,
        };
        ControlFlow::Continue(())
    }
}

fn cut_off_anywhere(kea: Kea) {
    let Some(it) = Firewall::new(kea) else { return };
    let config = it.config();
    let world = || World::here(HostName::new("firewall").unwrap()).unwrap();
    let apply = |plan: &Plan, cut: usize| {
        crate::site::run(plan::apply::apply(plan, &config, &mut world(), "test", &mut Cut(cut)))
    };
    let mut cuts = 0;
    for back in [false, true] {
        for moment in 0.. {
            assert_eq!(it.text(), it.generated);
            let plan = wiring::enable(&config, &world(), true).unwrap();
            let whole = apply(&plan, moment).is_ok();
            let run = plan::journal::all(&world(), &config.primary.state).unwrap().pop().unwrap();
            cuts += usize::from(!whole);
            if run.unfinished() && !back {
                crate::site::run(plan::apply::resume(&run, &config, &mut world(), &mut ())).unwrap();
                assert!(wiring::enable(&config, &world(), true).unwrap().is_empty(), "moment {moment}");
                assert_eq!(it.running()[..2], [Some(true), Some(true)], "moment {moment}");
            }
            let run = plan::journal::all(&world(), &config.primary.state).unwrap().pop().unwrap();
            let undo = run.unfinished() || it.text() != it.generated;
            if undo {
                crate::site::run(plan::apply::undo(&run, &config, &mut world(), &mut ())).unwrap();
            }
            assert!(it.text() == it.generated && !it.running().contains(&Some(true)), "moment {moment}");
            if whole {
                break;
            }
        }
    }
    assert!(cuts >= 6, "only {cuts} cuts");
}

#[test]
fn killed_between_writing_and_loading_the_same_command_loads_it() {
    let Some(it) = Firewall::new(Kea::ALL[0]) else { return };
    it.says(&ENABLE, 0, "done, 1 step");
    let wired = it.text();
    it.says(&DISABLE, 0, "done, 1 step");
    write(&it.file(), &wired, 0o644);
    it.says(
        &STATUS,
        5,
        "dhcp4.conf, lan: wired\ndhcp4.conf, global: wired\nrunning kea-dhcp4: does not send names to D2",
    );
    it.says(&ENABLE, 0, "done, 1 step");
    assert_eq!(it.running()[..2], [Some(true), Some(true)]);
}

#[test]
fn pfsense_lock_is_waited_for() {
    let Some(it) = Firewall::new(Kea::ALL[0]) else { return };
    let lock = fs::File::create(it.home.folder().join("dhcp.lock")).unwrap();
    lock.lock().unwrap();
    std::thread::scope(|scope| {
        let enable = scope.spawn(|| it.run(&ENABLE));
        std::thread::sleep(Duration::from_millis(700));
        assert!(it.text() == it.generated && !enable.is_finished());
        lock.unlock().unwrap();
        let (code, said) = enable.join().unwrap();
        assert_eq!(code, 0, "{said}");
    });
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_happens() {
    let Some(mut it) = Firewall::new(Kea::ALL[0]) else { return };
    it.more = "conflict-mode = \"no-check-without-dhcid\"";
    it.says(&ENABLE, 2, "does not know conflict-mode no-check-without-dhcid");
    it.more = "";
    // As while pfSense is writing it.
    write(&it.file(), &it.generated[..3000], 0o644);
    it.says(&ENABLE, 1, "pfSense may be writing it");
    it.says(&STATUS, 1, "pfSense may be writing it");
    // What kea-dhcp4 -t refuses is not written; what kea-dhcp4 refuses is taken out again.
    let bad = it.generated.replacen("\"valid-lifetime\"", "\"unheard-of\"", 1);
    write(&it.file(), &bad, 0o644);
    it.says(&ENABLE, 1, "kea-dhcp4 -t refuses the merged configuration");
    assert_eq!(it.text(), bad);
    write(&it.file(), &it.generated, 0o644);
    it.kea = None;
    it.says(&ENABLE, 1, "check that the daemon is running");
    it.says(&STATUS, 5, "running kea-dhcp4: unknown");
    assert_eq!(it.text(), it.generated);
    fs::remove_file(it.file()).unwrap();
    it.says(&ENABLE, 1, "pfSense has not started Kea's DHCP server");
    it.says(&DISABLE, 0, "nothing to do");
    let xml = fs::read_to_string(it.home.folder().join("config.xml")).unwrap();
    fs::write(it.home.folder().join("config.xml"), xml.replace("<version>23.3", "<version>23.9")).unwrap();
    it.says(&ENABLE, 2, "without --until-regenerated");
}

#[test]
fn a_server_that_does_not_load_it_gets_its_old_file_back() {
    let Some(it) = Firewall::new(Kea::ALL[0]) else { return };
    // Its -t finds nothing, as where pfSense's Kea differs from what lies there after a half-done upgrade.
    let bad = it.generated.replacen("\"valid-lifetime\": 7200", "\"valid-lifetime\": \"long\"", 1);
    assert_ne!(bad, it.generated);
    write(&it.file(), &bad, 0o644);
    write(&it.home.dhcp4, "#!/bin/sh\necho 2.2.0\n", 0o755);
    let (code, said) = it.run(&ENABLE);
    assert!(code == 4 && said.contains("`config-reload` failed"), "{code} {said}");
    assert_eq!(it.text(), bad);
}
