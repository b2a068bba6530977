//! D2 as a service of pfSense, with the start script's own shell and a real D2 of each version: installed, kept running,
//! taken out, and built anew after a reinstall. A copy of a captured config.xml stands for the firewall's.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod cut_off;
#[path = "../doubles/mod.rs"]
mod doubles;
#[path = "../harness/mod.rs"]
mod harness;
mod site;

use harness::{Bao, Kea, real};
use site::Site;
use std::fs;

fn service_life(kea: Kea) {
    let Some(site) = Site::start(kea, None) else { return };
    let before = site.config_xml();
    assert_eq!(site.pfddns(&["kea", "service", "status"]).0, 5);
    let (code, said) = site.pfddns(&["kea", "service", "ensure"]);
    assert!(code == 2 && said.contains("kea service install"), "{said}");
    let (code, plan) = site.pfddns(&["kea", "service", "install", "--dry-run"]);
    assert!(code == 5 && plan.contains("<earlyshellcmd>") && plan.contains("<rcfile>"), "{plan}");
    assert!(site.config_xml() == before && !site.script().exists(), "a plan changes nothing");

    // D2 has no file yet: the service waits for it, `apply` writes it and starts D2.
    site.ok(&["kea", "service", "install"]);
    assert!(site.ok(&["kea", "service", "install"]).contains("nothing to do"));
    assert!(!site.d2_answers());
    let (code, said) = site.pfddns(&["kea", "service", "ensure"]);
    assert!(code == 1 && said.contains("pfddns apply"), "{said}");
    site.ok(&["apply"]);
    let first = site.pid().unwrap();
    assert!(site.ok(&["plan"]).contains("nothing to do"));
    site.ok(&["verify"]);
    site.ok(&["kea", "service", "status"]);
    assert!(site.ok(&["kea", "service", "ensure"]).contains("D2 runs"));
    assert_eq!(site.pid(), Some(first.clone()), "a D2 that runs is not touched");

    site.crash(&first);
    let (code, said) = site.pfddns(&["status"]);
    assert!(code == 1 && said.contains("D2 should run") && said.contains("kea service ensure"), "{said}");
    let (code, said) = site.pfddns(&["kea", "service", "status"]);
    assert!(code == 1 && said.contains("does not run"), "{said}");
    let (code, said) = site.pfddns(&["plan"]);
    assert!(code == 5 && said.contains("start D2"), "{said}");
    assert_eq!(site.pfddns(&["kea", "service", "ensure", "--dry-run"]).0, 5);
    assert!(!site.d2_answers());
    assert!(site.ok(&["kea", "service", "ensure"]).contains("was started"));
    let second = site.pid().unwrap();
    assert_ne!(first, second);
    site.ok(&["kea", "service", "ensure"]);
    assert_eq!(site.pid(), Some(second.clone()));
    assert!(site.ok(&["plan"]).contains("nothing to do"));

    site.ok(&["kea", "service", "remove"]);
    assert!(!site.script().exists());
    assert_eq!(site::without_revision(&site.config_xml()), site::without_revision(&before));
    assert!(site.d2_answers(), "a running D2 goes on");
    assert!(site.ok(&["kea", "service", "remove"]).contains("nothing to do"));
    let listed = site.ok(&["backup", "list"]);
    let kept = listed.lines().find(|line| line.contains("D2's start script  before ")).expect("the script is kept");
    let name = kept.rsplit(' ').next().unwrap();
    assert!(site.ok(&["backup", "diff", name]).contains("-#!/bin/sh"), "{kept}");
    let (code, said) = site.pfddns(&["backup", "restore", name]);
    assert!(code == 2 && said.contains("pfddns kea service install"), "{said}");
    site.ok(&["undo"]);
    assert_eq!(site.pid(), Some(second));
    site.ok(&["kea", "service", "status"]);
}

/// A fresh pfSense with config.xml restored: /usr/local and /var are new. The folder of pfddns is kept or lost.
fn reinstall(kea: Kea, vault: bool, keep_state: bool) {
    let bao = if vault { real(Bao::start()) } else { None };
    if vault && bao.is_none() {
        return;
    }
    let Some(site) = Site::start(kea, bao) else { return };
    site.ok(&["kea", "service", "install"]);
    site.ok(&["apply"]);
    let key = site.d2_key();
    site.reinstall(keep_state);
    assert_eq!(site.pfddns(&["kea", "service", "ensure"]).0, 1, "there is nothing to start");
    let (code, said) = site.pfddns(&["status"]);
    assert!(code == 1 && said.contains("`pfddns apply` builds what is missing"), "{said}");
    site.ok(&["apply"]);
    assert!(site.pid().is_some());
    assert!(site.ok(&["plan"]).contains("nothing to do"));
    site.ok(&["verify"]);
    site.ok(&["kea", "service", "status"]);
    let now = site.d2_key();
    assert!(site.d2_says("config-get").contains(&now));
    match vault || keep_state {
        true => assert_eq!(now, key, "the store has the key"),
        // The sealed file was lost with its key: there is a new one, and the old one waits on the servers for a person.
        false => {
            assert_ne!(now, key);
            let held: Vec<String> = site.server.keys().into_iter().map(|it| it.name).collect();
            assert!(held.contains(&key) && held.contains(&now), "{held:?}");
        }
    }
}

#[test]
fn the_life_of_the_service_with_kea_2_2() {
    service_life(Kea::ALL[0]);
}

#[test]
fn the_life_of_the_service_with_kea_2_6() {
    service_life(Kea::ALL[1]);
}

#[test]
fn the_life_of_the_service_with_kea_3_0() {
    service_life(Kea::ALL[2]);
}

#[test]
fn after_a_reinstall_with_the_folder_of_pfddns_kept() {
    Kea::ALL.into_iter().for_each(|kea| reinstall(kea, false, true));
}

#[test]
fn after_a_reinstall_with_the_keys_in_openbao() {
    reinstall(Kea::ALL[1], true, false);
}

#[test]
fn after_a_reinstall_with_nothing_kept_there_is_a_new_key() {
    reinstall(Kea::ALL[2], false, false);
}

#[test]
fn a_d2_that_its_own_check_refuses_is_told_and_not_started() {
    let Some(site) = Site::start(Kea::ALL[1], None) else { return };
    site.ok(&["kea", "service", "install"]);
    fs::write(site.at("kea-dhcp-ddns.conf"), "{ \"DhcpDdns\": { \"port\": 0, } }").unwrap();
    let (code, said) = site.pfddns(&["kea", "service", "ensure"]);
    assert!(code == 1 && said.contains("its own check refuses") && said.contains("kea lint"), "{said}");
}

#[test]
fn taking_the_install_back_stops_what_it_started() {
    let Some(site) = Site::start(Kea::ALL[0], None) else { return };
    let before = site.config_xml();
    fs::write(site.at("kea-dhcp-ddns.conf"), site.empty_d2()).unwrap();
    site.ok(&["kea", "service", "install"]);
    assert!(site.d2_answers());
    site.ok(&["undo"]);
    assert!(!site.d2_answers() && !site.script().exists());
    assert_eq!(site::without_revision(&site.config_xml()), site::without_revision(&before));
}

#[test]
fn a_script_of_somebody_else_stays() {
    let Some(site) = Site::start(Kea::ALL[0], None) else { return };
    let before = site.config_xml();
    fs::create_dir_all(site.script().parent().unwrap()).unwrap();
    fs::write(site.script(), "#!/bin/sh\nexit 0\n").unwrap();
    let (code, said) = site.pfddns(&["kea", "service", "install"]);
    assert!(code == 1 && said.contains("is not pfddns's script"), "{said}");
    assert_eq!(site.config_xml(), before);
}
