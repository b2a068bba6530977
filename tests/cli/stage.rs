//! The place a case plays in: a folder, perhaps with a whole site of doubles and a real D2, and the hands that
//! spoil it. Also tells whether a command changed anything in it.

use crate::doubles::site::{Plan, Site, http, private};
use crate::doubles::technitium::Version;
use crate::doubles::{d2, firewall};
use crate::mask::Known;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// A folder with whatever the case asked for.
pub struct Stage {
    site: Option<Site>,
    d2_config: Option<PathBuf>,
    known: Vec<Known>,
    folder: tempfile::TempDir,
}

/// What there is: each file's mode and digest, each server's keys, rules and records.
pub type State = BTreeMap<String, String>;

impl Stage {
    /// `none`; or `servers=2 d2 ready`: that many servers, a real D2, everything applied once.
    /// `None` if it takes a D2 and none is installed here.
    pub fn new(words: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let known = vec![(folder.path().display().to_string(), "[DIR]".to_owned())];
        let mut stage = Self { site: None, d2_config: None, known, folder };
        let words: Vec<&str> = words.split_whitespace().collect();
        if words == ["none"] {
            return Some(stage);
        }
        let mut plan = Plan::new(stage.folder.path());
        plan.save_delay = Duration::ZERO;
        plan.versions = vec![Version::V15_2];
        plan.zones.truncate(1);
        plan.subnets.truncate(1);
        for word in &words {
            match *word {
                "servers=1" | "ready" => {}
                "servers=2" => plan.versions = vec![Version::V13_6, Version::V15_2],
                "firewall" => {}
                "d2" => plan.d2 = Some(d2::installed()?),
                other => panic!("`site: {other}` is not known"),
            }
        }
        let site = Site::start(&plan).unwrap();
        if let Some(d2) = &site.d2 {
            let name = d2.config.file_stem().unwrap().to_string_lossy().into_owned();
            stage.known.push((name, "[D2]".into()));
            stage.d2_config = Some(d2.config.clone());
        }
        stage.known.extend(site.servers.iter().map(|server| (server.dns().port().to_string(), "[PORT]".into())));
        let mut toml = fs::read_to_string(site.config()).unwrap();
        if words.contains(&"firewall") {
            let folder = stage.folder.path();
            toml += &firewall::fill(&folder.join("firewall"), &folder.join("kea4-ctrl-socket")).unwrap();
            private(&site.config(), toml.as_bytes()).unwrap();
        }
        let listen = toml.lines().find_map(|line| line.strip_prefix("listen = \"127.0.0.1:"));
        stage.known.extend(listen.map(|port| (port.trim_matches('"').to_owned(), "[PORT]".into())));
        stage.site = Some(site);
        if words.contains(&"ready") {
            stage.expect(0, &["apply"]);
        }
        Some(stage)
    }

    /// What to mask beside what is volatile anywhere.
    pub fn known(&self) -> &[Known] {
        &self.known
    }

    /// Runs the program as a shell would, in this folder.
    pub fn run(&self, args: &[String]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_pfddns"))
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("USER", "tester")
            .env("COLUMNS", "100")
            .env("PFDDNS_CONFIG", self.path("pfddns.toml"))
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    fn expect(&self, code: i32, args: &[&str]) {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let out = self.run(&args);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {text}");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        match name {
            "D2" => self.d2_config.clone().expect("this site has no D2"),
            name => self.folder.path().join(name),
        }
    }

    fn site(&self) -> &Site {
        self.site.as_ref().expect("this case has no site")
    }

    fn server(&self, name: &str) -> &crate::doubles::technitium::Handle {
        let number: usize = name.strip_prefix("ns").and_then(|it| it.parse().ok()).expect("ns1, ns2, …");
        &self.site().servers[number - 1]
    }

    /// Spoils something, or prepares it: see the list in `main.rs`.
    pub fn act(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "edit" => self.edit(name, more),
            "append" => self.append(name, more),
            "write" => private(&self.path(name), more.replace("\\n", "\n").as_bytes()).unwrap(),
            "fill" => private(&self.path(name), &vec![b'['; more.parse::<usize>().unwrap() << 20]).unwrap(),
            "mode" => {
                let mode = u32::from_str_radix(more, 8).unwrap();
                fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
            }
            "remove" => fs::remove_file(self.path(name)).unwrap(),
            "rename" => fs::rename(self.path(name), self.path(more)).unwrap(),
            "run" => self.expect(0, &rest.split(' ').collect::<Vec<_>>()),
            "run-pending" => self.expect(5, &rest.split(' ').collect::<Vec<_>>()),
            "cut-journal" => self.cut_journal(name),
            "bypass-is-over" => self.expire(),
            "down" => self.server(name).unreachable(true),
            "up" => self.server(name).unreachable(false),
            "lose-reply" => self.server(name).lose_reply(more, 1),
            "fail-calls" => self.server(name).fail_before(more, 1000),
            "api" => self.api(name, more),
            "refuse-enable" => self.site().dhcp4.refuse_enable(),
            "stop-d2" => self.site.as_mut().expect("a site").d2 = None,
            other => panic!("`@ {other}` is not known"),
        }
    }

    /// `FROM => TO`, once; `\n` is a line's end.
    fn edit(&self, name: &str, change: &str) {
        let (from, to) = change.split_once(" => ").or_else(|| change.strip_suffix(" =>").map(|it| (it, ""))).unwrap();
        let here = self.folder.path().display().to_string();
        let real = |text: &str| text.replace("\\n", "\n").replace("[DIR]", &here);
        let (from, to) = (real(from), real(to));
        let path = self.path(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&from), "{name} has no `{from}`:\n{text}");
        let mode = fs::metadata(&path).unwrap().mode();
        private(&path, text.replacen(&from, &to, 1).as_bytes()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn append(&self, name: &str, more: &str) {
        let path = self.path(name);
        let text = fs::read_to_string(&path).unwrap();
        private(&path, format!("{text}{}\n", more.replace("\\n", "\n")).as_bytes()).unwrap();
    }

    /// Takes the last line from the newest journal of such a run, as if the machine had stopped before it was written.
    fn cut_journal(&self, of: &str) {
        let mut all: Vec<PathBuf> =
            fs::read_dir(self.path("state/runs")).unwrap().map(|it| it.unwrap().path()).collect();
        all.retain(|path| path.to_string_lossy().contains(of));
        all.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        let newest = all.pop().expect("a journal");
        let text = fs::read_to_string(&newest).unwrap();
        let kept = text.trim_end().rfind('\n').expect("two lines") + 1;
        private(&newest, &text.as_bytes()[..kept]).unwrap();
    }

    /// Puts the end of the bypass into the past.
    fn expire(&self) {
        let path = self.path("state/bypass.json");
        let mut note: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        note["until"] = "2020-01-01T00:00:00Z".into();
        private(&path, &serde_json::to_vec(&note).unwrap()).unwrap();
    }

    /// `CALL NAME=VALUE …` on a server's own API, as a foreign hand at its console would.
    fn api(&self, name: &str, call: &str) {
        let server = self.server(name);
        let mut words = call.split(' ');
        let url = format!("{}/api/{}", server.base_url(), words.next().unwrap());
        let mut form = vec![("token", server.token())];
        form.extend(words.map(|word| word.split_once('=').unwrap()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime
            .block_on(async { http().unwrap().post(url).form(&form).send().await.unwrap().text().await.unwrap() });
        assert!(answer.contains("\"status\":\"ok\""), "{call}: {answer}");
    }

    /// Everything there is. Locks are no content.
    pub fn state(&self) -> State {
        let mut state = State::new();
        files(self.folder.path(), self.folder.path(), &mut state);
        for (number, server) in self.site.iter().flat_map(|site| &site.servers).enumerate() {
            let name = format!("ns{}", number + 1);
            let mut keys: Vec<String> = server.keys().iter().map(|it| format!("{it:?}")).collect();
            keys.sort();
            state.insert(format!("{name} keys"), digest(keys.join("\n").as_bytes()));
            for (zone, rules) in server.rules() {
                let mut policies: Vec<String> = rules.policies.iter().map(|it| format!("{it:?}")).collect();
                policies.sort();
                state.insert(format!("{name} {zone} rules"), format!("{} {:?} {policies:?}", rules.update, rules.acl));
                let names: Vec<String> = server.records(&zone).iter().map(|it| format!("{it:?}")).collect();
                state.insert(format!("{name} {zone} records"), names.len().to_string());
                state.insert(format!("{name} {zone} serial"), format!("{:?}", server.serial(&zone)));
            }
        }
        state
    }
}

/// What differs between two states, by name.
pub fn differences(before: &State, after: &State) -> Vec<String> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn files(top: &Path, folder: &Path, state: &mut State) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(top).unwrap().display().to_string();
        if data.is_dir() {
            files(top, &path, state);
        } else if data.is_file() && !name.ends_with("lock") && !name.ends_with(".log") {
            let text = format!("{:04o} {}", data.mode() & 0o7777, digest(&fs::read(&path).unwrap()));
            state.insert(name, text);
        }
    }
}
