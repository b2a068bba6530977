//! Install and removal cut off at each of their moments: going on reaches the goal, going back the start.

use crate::site::{mode, without_revision};
use pfddns::config::Config;
use pfddns::model::HostName;
use pfddns::plan::{self, Moment, Observer, Plan};
use pfddns::tasks::service;
use pfddns::world::World;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Breaks off at the n-th moment.
struct Cut(usize);

impl Observer for Cut {
    fn tell(&mut self, _: &Moment<'_>) -> ControlFlow<()> {
        match self.0.checked_sub(1) {
            None => ControlFlow::Break(()),
            Some(left) => {
                self.0 = left;
                ControlFlow::Continue(())
            }
        }
    }
}

struct Firewall {
    folder: tempfile::TempDir,
    config: Config,
}

impl Firewall {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display();
        let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pfsense/2.8/config.xml");
        fs::copy(captured, folder.path().join("config.xml")).unwrap();
        let text = format!(
            "version = \"v1\"\n[site]\nstate = \"{root}/state\"\n[d2]\nconfig = \"{root}/none.conf\"\nsocket = \"{root}/none.sock\"\n\
             [pfsense]\nconfig = \"{root}/config.xml\"\nlock = \"{root}/config.lock\"\ncache = \"{root}/config.cache\"\n\
             restore-points = \"{root}/backup\"\nphp = \"{root}/php\"\nd2-script = \"{root}/rc.d/d2.sh\"\n\
             [[server]]\nname = \"ns1\"\ntype = \"technitium\"\ndns = \"127.0.0.1:9\"\nurl = \"http://127.0.0.1:9\"\ntoken-file = \"/none\"\n\
             [[zone]]\nname = \"lan.example\"\nsources = [\"10.0.10.1\"]\n"
        );
        let config = Config::parse(Path::new("pfddns.toml"), &text).unwrap();
        Self { folder, config }
    }

    fn world(&self) -> World {
        World::here(HostName::new("firewall").unwrap()).unwrap()
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("rc.d/d2.sh")
    }

    /// config.xml, and the script with its mode.
    fn state(&self) -> (String, Option<(Vec<u8>, u32)>) {
        let xml = fs::read_to_string(self.folder.path().join("config.xml")).unwrap();
        let script = fs::read(self.script()).ok().map(|text| (text, mode(&self.script())));
        (without_revision(&xml), script)
    }

    fn whole(&self, plan: &Plan) {
        wait(plan::apply::apply(plan, &self.config, &mut self.world(), "test", &mut ())).unwrap();
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Cuts the run of `make`'s plan off at each moment, from a state that `prepare` leaves; resume and undo must both end well.
fn cut_everywhere(prepare: fn(&Firewall), make: fn(&Config, &World) -> pfddns::error::Result<Plan>) {
    let whole = Firewall::new();
    prepare(&whole);
    whole.whole(&make(&whole.config, &whole.world()).unwrap());
    let mut cuts = 0;
    for back in [false, true] {
        for moment in 0.. {
            let it = Firewall::new();
            prepare(&it);
            let start = it.state();
            let plan = make(&it.config, &it.world()).unwrap();
            if wait(plan::apply::apply(&plan, &it.config, &mut it.world(), "test", &mut Cut(moment))).is_ok() {
                break;
            }
            cuts += 1;
            let run = plan::journal::all(&it.world(), &it.config.primary.state).unwrap().pop().unwrap();
            if !run.unfinished() {
                // Cut off before the first step was begun: nothing has happened.
                assert!(it.state() == start);
                continue;
            }
            if back {
                wait(plan::apply::undo(&run, &it.config, &mut it.world(), &mut ())).unwrap();
                assert!(it.state() == start, "not the start after a cut at moment {moment}");
            } else {
                wait(plan::apply::resume(&run, &it.config, &mut it.world(), &mut ())).unwrap();
                assert_eq!(it.state().1.is_some(), whole.state().1.is_some(), "moment {moment}");
                assert_eq!(it.state().1.map(|it| it.1), whole.state().1.map(|it| it.1), "moment {moment}");
                assert!(make(&it.config, &it.world()).unwrap().is_empty(), "moment {moment}");
            }
        }
    }
    assert!(cuts >= 12, "only {cuts} cuts");
}

#[test]
fn an_install_that_is_cut_off() {
    cut_everywhere(|_| {}, service::install);
}

#[test]
fn an_install_over_an_old_script_that_is_cut_off() {
    let old = |it: &Firewall| {
        fs::create_dir(it.folder.path().join("rc.d")).unwrap();
        let text = "#!/bin/sh\n# Put here by `pfddns kea service install`; `pfddns kea service remove` takes it away.\n# old\n";
        fs::write(it.script(), text).unwrap();
    };
    cut_everywhere(old, service::install);
}

#[test]
fn a_removal_that_is_cut_off() {
    cut_everywhere(|it| it.whole(&service::install(&it.config, &it.world()).unwrap()), service::remove);
}

#[test]
fn what_others_saved_meanwhile_stays_on_the_way_back() {
    let it = Firewall::new();
    it.whole(&service::install(&it.config, &it.world()).unwrap());
    let path = it.folder.path().join("config.xml");
    let text = fs::read_to_string(&path).unwrap();
    let theirs =
        "<service>\n\t\t\t<name>theirs</name>\n\t\t\t<rcfile>theirs.sh</rcfile>\n\t\t</service>\n\t\t<service>";
    fs::write(&path, text.replacen("<service>", theirs, 1)).unwrap();
    let run = plan::journal::all(&it.world(), &it.config.primary.state).unwrap().pop().unwrap();
    wait(plan::apply::undo(&run, &it.config, &mut it.world(), &mut ())).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("theirs.sh") && !text.contains("d2.sh"), "{text}");
}
