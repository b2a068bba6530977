//! Changes of D2's key under load: kea-dhcp4, perfdhcp at 300 leases a second, D2, BIND. Every lease that was given has
//! to reach D2, through all changes; a plain reload in the same run shows what is lost without the pause.

use crate::harness::{Daemon, Dhcp, Kea, Named, real, until};
use crate::site::{Site, secret};
use pfddns::systems::kea::daemon::socket::{Statistics, command};
use pfddns::world::{Host, local::Local};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// One load at a time: two would compete for the processors.
static ONE: Mutex<()> = Mutex::new(());
const RATE: u32 = 340;
const CHANGES: u32 = 20;

#[test]
fn no_request_is_lost_by_twenty_changes_2_2() {
    twenty_changes(Kea::ALL[0]);
}

#[test]
fn no_request_is_lost_by_twenty_changes_2_6() {
    twenty_changes(Kea::ALL[1]);
}

#[test]
fn no_request_is_lost_by_twenty_changes_3_0() {
    twenty_changes(Kea::ALL[2]);
}

struct Load {
    site: Site,
    _named: Named,
    _d2: Daemon,
    dhcp: Dhcp,
}

/// What one phase gave.
struct Phase {
    leases: i64,
    received: i64,
    rate: f64,
}

fn twenty_changes(kea: Kea) {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(mut load) = Load::start(kea) else { return };
    let mut held = Vec::new();
    let ours = load.phase(1, |site, number| {
        let document = site.document(if number % 2 == 0 { "ddns-1" } else { "ddns-2" }, number as u8);
        held.push(site.install(&document).unwrap().held.unwrap());
    });
    let plain = load.phase(2, |site, _| {
        let socket = site.paths.socket.clone();
        command(site.host(), &socket, "config-reload", None).unwrap();
    });
    held.sort();
    let median = held[held.len() / 2].as_millis();
    let most = held[held.len() - 1].as_millis();
    let mut text = String::new();
    let lost = |it: &Phase| it.leases - it.received;
    let _ = writeln!(
        text,
        "Kea {}: {CHANGES} changes with DHCP paused: {} of {} requests lost, {:.0} leases/s, held {median} ms median, {most} ms at most",
        kea.series,
        lost(&ours),
        ours.leases,
        ours.rate
    );
    let _ = writeln!(
        text,
        "Kea {}: {CHANGES} plain reloads:            {} of {} requests lost, {:.0} leases/s",
        kea.series,
        lost(&plain),
        plain.leases,
        plain.rate
    );
    let _ = std::io::stderr().write_all(text.as_bytes());
    assert_eq!(lost(&ours), 0, "{text}");
    assert!(ours.leases > 1000, "{text}");
}

impl Load {
    fn start(kea: Kea) -> Option<Self> {
        let named = real(Named::start(|folder| {
            let key = |name: &str, seed| {
                format!("key \"{name}\" {{ algorithm hmac-sha256; secret \"{}\"; }};\n", secret(seed).expose())
            };
            // One secret per change: the test rotates through them under two names, so the server knows them all.
            let keys: String =
                (0..u8::try_from(CHANGES + 1).unwrap()).map(|it| key(&format!("ddns-{it}"), it)).collect();
            keys + &Named::zone(folder, "lan.example", "allow-update { 127.0.0.1; };")
        }))?;
        let mut site = Site::new(kea)?;
        site.domain("lan.example.", &[named.dns]);
        site.spec.log = None;
        let d2 = site.start_d2("ddns-1", 1);
        let (subnet, pool) = ("10.0.0.0/8", "10.0.0.1 - 10.9.255.254");
        let dhcp = real(Dhcp::start(&site.home, site.spec.listen.port(), "lan.example.", subnet, pool))?;
        site.paths.pause = vec![dhcp.socket.clone()];
        Some(Self { site, _named: named, _d2: d2, dhcp })
    }

    /// Runs the load, and `change` 20 times, one after another with a pause.
    fn phase(&mut self, seed: u32, mut change: impl FnMut(&mut Site, u32)) -> Phase {
        let before = self.counts();
        let start = Instant::now();
        let load = self.dhcp.load(RATE, &format!("00:0c:0{seed}:00:00:00"));
        std::thread::sleep(Duration::from_millis(700));
        for number in 1..=CHANGES {
            change(&mut self.site, number);
            std::thread::sleep(Duration::from_millis(300));
        }
        let seconds = start.elapsed().as_secs_f64();
        drop(load);
        let mut last = self.counts();
        until(Duration::from_secs(20), "D2 at rest", || {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.counts();
            now == std::mem::replace(&mut last, now)
        })
        .unwrap();
        let leases = last.0 - before.0;
        Phase { leases, received: last.1 - before.1, rate: leases as f64 / seconds }
    }

    /// Leases given by kea-dhcp4 and requests received by D2, since they were started.
    fn counts(&self) -> (i64, i64) {
        let host = Host::Local(Local);
        (self.dhcp.given(), Statistics::read(&host, &self.site.paths.socket).unwrap().get("ncr-received"))
    }
}
