//! Plants secrets, runs every command at its noisiest and through forced failures, and looks for the secrets in all that
//! comes out or stays behind. The list of commands is clap's own: a new command without a line here fails the test.

#![allow(clippy::unwrap_used)] // a test may fail loudly

#[path = "../doubles/mod.rs"]
mod doubles;
mod echo;
#[path = "../harness/executable.rs"]
mod executable;
mod look;
mod source;

use clap::CommandFactory;
use doubles::d2;
use doubles::site::{Plan, Site, private};
use doubles::technitium::Version;
use look::{Canary, Place};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Every command, in an order in which most of them have something to do.
const COMMANDS: [&[&str]; 49] = [
    &["config"],
    &["config", "--template"],
    &["completions", "bash"],
    &["man"],
    &["schema", "plan"],
    &["hands"],
    &["status"],
    &["plan"],
    &["plan", "generate", "--out", "generate.plan"],
    &["tsig", "generate", "--dry-run"],
    &["tsig", "generate"],
    &["kea", "render", "--dry-run"],
    &["kea", "render"],
    &["apply"],
    &["plan", "rotate", "--out", "rotate.plan"],
    &["apply", "rotate.plan"],
    &["tsig", "rotate", "--dry-run"],
    &["tsig", "rotate"],
    &["tsig", "status"],
    &["verify"],
    &["runs"],
    &["resume"],
    &["undo"],
    &["plan", "verify"],
    &["kea", "lint"],
    &["kea", "explain", "printer", "10.77.10.7"],
    &["kea", "explain", "printer", "--running"],
    &["kea", "heal", "--leases", "leases.csv"],
    &["kea", "service", "install", "--dry-run"],
    &["kea", "service", "install"],
    &["kea", "service", "status"],
    &["kea", "service", "ensure"],
    &["kea", "service", "remove"],
    &["dhcp", "show", "--check"],
    &["dhcp", "dns-servers", "lan", "10.77.10.53", "10.77.10.54"],
    &["dhcp", "ddns", "status"],
    &["dhcp", "ddns", "enable"],
    &["dhcp", "ddns", "disable"],
    &["unbound", "forward", "--to", "10.77.10.53"],
    &["unbound", "auth-zone", "--from", "10.77.10.53"],
    &["unbound", "show"],
    &["backup", "list"],
    &["backup", "diff", "BACKUP"],
    &["backup", "restore", "BACKUP", "--dry-run"],
    &["backup", "restore", "BACKUP"],
    &["backup", "prune"],
    &["bypass", "enable", "--for", "1h", "--reason", "test"],
    &["bypass", "status"],
    &["bypass", "disable"],
];

const CANARY_HASH: &str = "$2y$11$canaryhash0123456789abcdefCanaryHash";
const CANARY_KEY: &str = "Q2FuYXJ5S2V5T2ZDb25maWdYbWwwMTIzNDU2Nzg5YWI=";
/// kea-dhcp4's lease file with one active lease.
const LEASES: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n\
    10.77.10.7,02:00:00:00:00:07,,4000,4102444800,1,1,1,printer.lan.lab.test,0,,0\n";

/// Commands of clap's tree that end there, such as `tsig rotate`.
fn leaves(command: &clap::Command, above: &[&str], all: &mut BTreeSet<String>) {
    for below in command.get_subcommands().filter(|it| it.get_name() != "help") {
        let path: Vec<&str> = above.iter().copied().chain([below.get_name()]).collect();
        match below.has_subcommands() {
            true => leaves(below, &path, all),
            false => {
                all.insert(path.join(" "));
            }
        }
    }
}

/// A site that is listened to from all sides.
struct Trap {
    site: Site,
    canaries: Vec<Canary>,
    places: Vec<Place>,
    runs: usize,
    folder: tempfile::TempDir,
}

impl Trap {
    fn new() -> Option<Self> {
        let real = d2::installed()?;
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(folder.path());
        plan.versions = vec![Version::V13_6, Version::V15_2];
        plan.zones.truncate(1);
        plan.subnets.truncate(1);
        plan.save_delay = Duration::ZERO;
        plan.d2 = Some(real.clone());
        let site = Site::start(&plan).unwrap();
        let mut canaries: Vec<Canary> = site.servers.iter().map(|it| Canary::new("API token", it.token())).collect();
        canaries.push(Canary::new("wrong API token", "canary0wrong0token0c2f8a1d7"));
        canaries.push(Canary::new("vault token", "hvs.canary/vault+token=91b3"));
        canaries.push(Canary::new("password hash of config.xml", CANARY_HASH));
        canaries.push(Canary::new("DDNS key of config.xml", CANARY_KEY));
        let trap = Self { site, canaries, places: Vec::new(), runs: 0, folder };
        trap.write("wrong.token", "canary0wrong0token0c2f8a1d7\n");
        trap.write("vault.token", "hvs.canary/vault+token=91b3\n");
        trap.program("d2-recorded", &format!("exec {} \"$@\"\n", real.display()));
        trap.firewall();
        // Tells everything it was given, as a daemon's error message might, and refuses.
        let refuse = "case $1 in -v) echo 2.2.0;; *) cat \"$2\" >&2; cat \"$2\"; exit 1;; esac\n";
        trap.program("d2-refusing", refuse);
        trap.configurations(&real, &echo::start());
        Some(trap)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        private(&self.path(name), text.as_bytes()).unwrap();
    }

    /// pfSense's configuration with secrets of ours in it, and a lease.
    fn firewall(&self) {
        let xml = include_str!("../../fixtures/pfsense/2.8/config.xml").replace("10.0.10.", "10.77.10.");
        let (before, rest) = xml.split_once("<bcrypt-hash>").unwrap();
        let (_, after) = rest.split_once("</bcrypt-hash>").unwrap();
        let xml = format!("{before}<bcrypt-hash>{CANARY_HASH}</bcrypt-hash>{after}");
        let xml = xml.replacen("</lan>", &format!("<ddnsdomainkey>{CANARY_KEY}</ddnsdomainkey></lan>"), 1);
        assert!(xml.contains(CANARY_HASH) && xml.contains(CANARY_KEY));
        fs::create_dir_all(self.path("conf/backup")).unwrap();
        self.write("conf/config.xml", &xml);
        self.write("leases.csv", LEASES);
    }

    /// A program that writes down how it was called before it does anything.
    fn program(&self, name: &str, then: &str) {
        let record = self.path("called");
        let text = format!("#!/bin/sh\n{{ echo \"$0 $*\"; env; }} >> {}\n{then}", record.display());
        executable::executable(&self.path(name), text.as_bytes(), 0o700);
    }

    /// One configuration for each way to fail that lies outside the servers.
    fn configurations(&self, real: &std::path::Path, echo: &str) {
        let folder = self.folder.path().display();
        let good = fs::read_to_string(self.site.config()).unwrap()
            + &format!(
                "\n[pfsense]\nconfig = \"{folder}/conf/config.xml\"\nlock = \"{folder}/conf/config.lock\"\n\
                 cache = \"{folder}/conf/config.cache\"\nrestore-points = \"{folder}/conf/backup\"\n\
                 d2-script = \"{folder}/rc.d/pfddns_d2.sh\"\nkea-run = \"/run/kea\"\nphp = \"{folder}/no-php\"\nkea-dhcp4-config = \"{folder}/kea-dhcp4.conf\"\n"
            );
        let change = |name: &str, from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            self.write(name, &good.replace(from, to));
        };
        let program = format!("program = \"{}\"", real.display());
        let mine = |name: &str| format!("program = \"{}\"", self.path(name).display());
        change("good.toml", &program, &mine("d2-recorded"));
        change("refusing.toml", &program, &mine("d2-refusing"));
        change("wrong-token.toml", "ns1.token", "wrong.token");
        change("echo.toml", &self.site.servers[0].base_url(), echo);
        let token = self.path("vault.token").display().to_string();
        let vault =
            |url: &str| format!("[store]\ntype = \"vault\"\nurl = \"{url}\"\ntoken-file = \"{token}\"\n\n[d2]\n");
        change("vault.toml", "[d2]\n", &vault(echo));
        change("vault-down.toml", "[d2]\n", &vault("http://127.0.0.1:9"));
        change("unknown-key.toml", "token-file", "token");
    }

    /// Runs a command and keeps all it says. Keys come and go: each one ever seen is looked for.
    fn run(&mut self, config: &str, flags: &[&str], args: &[&str]) -> Option<i32> {
        let backup = self.backup();
        let out = Command::new(env!("CARGO_BIN_EXE_pfddns"))
            .args(["--config", config])
            .args(flags)
            .args(args.iter().map(|arg| if *arg == "BACKUP" { backup.as_str() } else { arg }))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("USER", "tester")
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let name = format!("{config} {} {}", flags.join(" "), args.join(" "));
        self.places.push(Place::new(format!("stdout of {name}"), &out.stdout));
        self.places.push(Place::new(format!("stderr of {name}"), &out.stderr));
        self.runs += 1;
        assert!(!self.last().contains("\nUsage: pfddns"), "{name}: {}", self.last());
        let moments = self.site.servers.iter().flat_map(|server| server.history());
        for secret in moments.flat_map(|moment| moment.keys).map(|key| key.secret) {
            if !self.canaries.iter().any(|it| it.text == secret) {
                self.canaries.push(Canary::new("TSIG secret", &secret));
            }
        }
        out.status.code()
    }

    /// The newest of our backups of config.xml.
    fn backup(&self) -> String {
        let names = fs::read_dir(self.path("state/backups")).into_iter().flatten();
        let names = names.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("config")).max().unwrap_or_else(|| "none".into())
    }

    fn all(&mut self, config: &str, flags: &[&str]) {
        for args in COMMANDS {
            self.run(config, flags, args);
        }
    }

    /// What the last command said on stderr.
    fn last(&self) -> String {
        self.places.last().map(Place::text).unwrap_or_default()
    }

    /// Everything that may hold a secret, and must then be readable by its owner only.
    fn may_hold(&self, name: &str) -> bool {
        let d2 = self.site.d2.as_ref().unwrap().config.file_name().unwrap().to_string_lossy().into_owned();
        let backups = ["state/backups/kea-dhcp-ddns.conf.", "state/backups/config", "conf/backup/config"];
        let whole = [d2.as_str(), "conf/config.xml"];
        whole.contains(&name) || backups.iter().any(|it| name.starts_with(it)) || name.ends_with(".token")
    }
}

#[test]
fn no_secret_leaves_the_files_it_belongs_in() {
    let Some(mut trap) = Trap::new() else {
        assert!(std::env::var_os("CI").is_none(), "no kea-dhcp-ddns is installed");
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "skipped: no kea-dhcp-ddns is installed");
        return;
    };
    trap.all("good.toml", &["-vvv"]);
    assert_eq!(trap.run("good.toml", &["-vvv"], &["plan"]), Some(0), "all went well so far");
    assert_ne!(trap.backup(), "none", "config.xml was changed and backed up");
    trap.run("good.toml", &["-vvv", "--json"], &["plan", "rotate"]);
    for config in
        ["refusing.toml", "wrong-token.toml", "echo.toml", "vault.toml", "vault-down.toml", "unknown-key.toml"]
    {
        trap.all(config, &["-vvv", "--json"]);
    }
    for call in ["settings/set", "zones/options/set", "settings/get"] {
        trap.site.servers[1].lose_reply(call, 1);
        let code = trap.run("good.toml", &["-vvv"], &["tsig", "rotate"]);
        assert_eq!(trap.site.servers[1].faults_left(), 0, "{call} was never called");
        assert!(matches!(code, Some(1 | 3)), "{call}: {code:?} {}", trap.last());
    }
    trap.site.servers[1].fail_before("zones/options/set", 1000);
    trap.run("good.toml", &["-vvv"], &["tsig", "rotate"]);
    trap.site.servers[1].unreachable(true);
    trap.all("good.toml", &["-vvv"]);
    // Kept for the test of the tests: a run that changed nothing would find no leak either.
    let keys = trap.canaries.iter().filter(|it| it.what == "TSIG secret").count();
    assert!(keys >= 4, "only {keys} TSIG secrets came by");
    let called = fs::read_to_string(trap.path("called")).unwrap();
    assert!(called.contains("d2-recorded -t ") && called.contains("d2-refusing -t "), "{called}");

    let found = look::folder(trap.folder.path(), &trap.canaries, &|name| trap.may_hold(name));
    let mut wrong = found.wrong;
    wrong.extend(look::places(&trap.places, &trap.canaries));
    assert!(wrong.is_empty(), "{} leaks after {} commands:\n{}", wrong.len(), trap.runs, wrong.join("\n"));
    assert!(found.held >= 5, "the D2 file, its backups and the tokens hold secrets: {} files do", found.held);
}

#[test]
fn every_command_is_in_the_list() {
    let mut all = BTreeSet::new();
    leaves(&pfddns::cli::Cli::command(), &[], &mut all);
    assert!(all.len() >= 16, "{all:?}");
    let listed =
        |leaf: &String| COMMANDS.iter().any(|args| format!("{} ", args.join(" ")).starts_with(&format!("{leaf} ")));
    let missing: Vec<&String> = all.iter().filter(|leaf| !listed(leaf)).collect();
    assert!(missing.is_empty(), "add these to COMMANDS: {missing:?}");
}
