//! Every `--json` answer against its published schema in `packaging/schema`: those of the cases, and one session in which
//! each command of the program answers at least once.

use crate::stage::Stage;
use crate::words;
use clap::CommandFactory as _;
use jsonschema::Validator;
use pfddns::cli::Cli;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Speaks a language of its own, which is no answer to anybody who types.
const NO_ANSWER: [&str; 1] = ["hands"];

/// One session on a site: exit code, kind of document, command. `@`: what the stage does in between.
const SESSION: &str = "
2 error           nonsense
2 error           tsig
0 text            config --template
0 config          config
0 text            man
0 text            completions bash
0 text            schema
0 text            schema status
2 error           schema nonsense
0 status          status
0 runs            runs
0 left            resume
1 error           undo
5 plan            plan
5 plan            plan ddns --out saved.plan
5 plan            tsig generate --dry-run
0 run             tsig generate
0 run             apply
0 plan            plan
1 error           apply saved.plan
0 status          status
0 status          tsig status
5 plan            verify --dry-run
0 run             verify
5 plan            tsig rotate --dry-run
0 run             tsig rotate
0 runs            runs
5 left            undo --dry-run
0 run             undo
0 plan            kea render
0 lint            kea lint
0 explain         kea explain printer
0 explain         kea explain printer --running
1 error           kea heal --leases none.csv --dry-run
@ write leases.csv address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\\n10.77.10.20,02:00:00:00:00:20,,3600,4102444800,1,1,1,printer.lan.lab.test,0,\\n
5 plan            kea heal --leases leases.csv --max-percent 100 --dry-run
5 plan            kea service install --dry-run
5 service         kea service status
0 run             kea service install
0 service         kea service status
0 service-ensure  kea service ensure
0 run             kea service remove
0 bypass          bypass status
5 plan            bypass enable --for 1h --reason test --dry-run
0 run             bypass enable --for 1h --reason test
0 bypass          bypass status
1 status          status
0 run             bypass disable
0 dhcp            dhcp show
0 dhcp            dhcp show --check
5 plan            dhcp dns-servers lan 10.77.10.1 10.77.10.9 --dry-run
0 run             dhcp dns-servers lan 10.77.10.9
5 dhcp-ddns       dhcp ddns status
0 run             dhcp ddns enable
0 run             dhcp ddns disable
5 plan            unbound forward --to 10.77.10.53 --dry-run
5 plan            unbound auth-zone --from 10.77.10.53 --dry-run
0 run             unbound forward --to 10.77.10.53
0 unbound         unbound show
0 backups         backup list
5 plan            backup prune --keep 1 --older-than-days 0 --dry-run
0 differences     backup diff [CONFIG]
5 plan            backup restore [CONFIG] --dry-run
";

static PUBLISHED: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".json").unwrap().to_owned();
        (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
    };
    fs::read_dir(folder()).unwrap().map(|it| read(it.unwrap().path())).collect()
});

static VALIDATORS: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| {
    let of = |(name, schema): (&'static String, &Value)| {
        (name.as_str(), jsonschema::validator_for(&strict(schema)).unwrap())
    };
    PUBLISHED.iter().map(of).collect()
});

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging/schema")
}

/// The schema, but a key that it does not name is an error. Readers must bear new keys; the program may not have any
/// that is not published.
fn strict(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let itself = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()).map(ToOwned::to_owned);
    for (name, part) in schema["$defs"].as_object_mut().into_iter().flatten() {
        let is_object = part.get("properties").is_some();
        if is_object && Some(name) != itself.as_ref() {
            part["unevaluatedProperties"] = false.into();
        }
    }
    schema["unevaluatedProperties"] = false.into();
    schema
}

/// Keys that are not like `this-one`, with what is around them.
fn odd_keys(value: &Value, found: &mut Vec<String>) {
    let good = |key: &str| {
        let plain = key.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
        plain && key.starts_with(|it: char| it.is_ascii_lowercase()) && !key.ends_with('-') && !key.contains("--")
    };
    match value {
        Value::Object(map) => {
            found.extend(map.keys().filter(|it| !good(it)).cloned());
            map.values().for_each(|it| odd_keys(it, found));
        }
        Value::Array(list) => list.iter().for_each(|it| odd_keys(it, found)),
        _ => {}
    }
}

/// The kind of document that this answer is. Panics if it is not as published.
pub fn kind(args: &[String], stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stdout);
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"));
    let wrong = wrong(&answer);
    assert!(wrong.is_empty(), "{args:?}: {}\n{text}", wrong.join("\n"));
    answer["document"].as_str().unwrap().to_owned()
}

/// What is wrong with an answer.
fn wrong(answer: &Value) -> Vec<String> {
    let mut odd = Vec::new();
    odd_keys(answer, &mut odd);
    let mut wrong: Vec<String> = odd.iter().map(|key| format!("the key `{key}` is not like-this")).collect();
    let name = answer["document"].as_str().unwrap_or_default();
    match VALIDATORS.get(name) {
        None => wrong.push(format!("no schema is published for a document `{name}`")),
        Some(schema) => wrong.extend(schema.iter_errors(answer).map(|it| format!("{}: {it}", it.instance_path()))),
    }
    wrong
}

/// The name of a backup of config.xml.
fn backup(stage: &Stage) -> String {
    let out = stage.run(&["--json", "backup", "list"].map(ToOwned::to_owned));
    let listed: Value = serde_json::from_slice(&out.stdout).unwrap();
    let mut all = listed["backups"].as_array().unwrap().iter();
    all.find(|it| it["of"] == "config-xml").unwrap()["name"].as_str().unwrap().to_owned()
}

/// The commands that answer, as words: `kea lint`.
fn commands(of: &clap::Command, before: &str, found: &mut BTreeSet<String>) {
    for one in of.get_subcommands().filter(|it| it.get_name() != "help") {
        let name = format!("{before} {}", one.get_name()).trim().to_owned();
        match one.has_subcommands() {
            true => commands(one, &name, found),
            false => _ = found.insert(name),
        }
    }
}

#[test]
fn every_command_answers_as_published() {
    let Some(mut stage) = Stage::new("servers=2 d2 firewall") else {
        assert!(std::env::var_os("CI").is_none(), "no kea-dhcp-ddns is installed");
        use std::io::Write as _;
        let _ =
            writeln!(std::io::stderr(), "skipped: every_command_answers_as_published: no kea-dhcp-ddns is installed");
        return;
    };
    let mut missing = BTreeSet::new();
    commands(&Cli::command(), "", &mut missing);
    missing.retain(|it| !NO_ANSWER.contains(&it.as_str()));
    let mut wrong = Vec::new();
    let mut kinds: BTreeSet<&str> = PUBLISHED.keys().map(String::as_str).collect();
    for line in SESSION.lines().filter(|it| !it.is_empty()) {
        if let Some(act) = line.strip_prefix("@ ") {
            stage.act(act);
            continue;
        }
        let (code, rest) = line.split_once(' ').unwrap();
        let (document, command) = rest.split_once(' ').unwrap();
        let newest = if command.contains("[CONFIG]") { backup(&stage) } else { String::new() };
        let mut args = words(&command.replace("[CONFIG]", &newest));
        let whole = args.join(" ");
        if document != "error" {
            missing.retain(|it| whole != *it && !whole.starts_with(&format!("{it} ")));
        }
        kinds.remove(document);
        args.insert(0, "--json".into());
        let out = stage.run(&args);
        let seen = (out.status.code().unwrap().to_string(), kind(&args, &out.stdout));
        if seen != (code.to_owned(), document.to_owned()) {
            wrong.push(format!("{whole}: {seen:?}, not {code} {document}: {}", String::from_utf8_lossy(&out.stderr)));
        }
        // The same without a configuration: mostly an error.
        args.extend(["--config".into(), "/nonexistent/pfddns.toml".into()]);
        kind(&args, &stage.run(&args).stdout);
    }
    let saved: Value = serde_json::from_slice(&fs::read(stage.path("saved.plan")).unwrap()).unwrap();
    wrong.extend(VALIDATORS["plan-file"].iter_errors(&saved).map(|it| format!("saved.plan: {it}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(missing.is_empty(), "commands without a good answer in SESSION: {missing:?}");
    let others = BTreeSet::from(["pfddns.toml", "plan-file"]);
    assert_eq!(kinds, others, "documents that no command gave");
}

#[test]
fn schemas_are_published_as_the_program_prints_them() {
    let stage = Stage::new("none").unwrap();
    let print = |args: &[&str]| {
        let out = stage.run(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        String::from_utf8(out.stdout).unwrap()
    };
    let names: BTreeSet<String> = print(&["schema"]).lines().map(ToOwned::to_owned).collect();
    assert_eq!(names, PUBLISHED.keys().cloned().collect());
    for name in names {
        let published = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        assert!(print(&["schema", &name]) == published, "{name} is stale: packaging/ci/generated --write");
    }
}

#[test]
fn an_answer_that_is_not_as_published_is_found() {
    let good = serde_json::json!({ "format": 1, "document": "service-ensure", "running": true, "started": false });
    assert_eq!(wrong(&good), [""; 0]);
    for (key, value) in [
        ("format", Value::Null),
        ("format", 2.into()),
        ("document", "nonsense".into()),
        ("running", "yes".into()),
        ("new-key", 1.into()),
        ("new_key", 1.into()),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(!wrong(&bad).is_empty(), "{bad}");
    }
    for key in ["format", "document", "started"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(key);
        assert!(!wrong(&bad).is_empty(), "{bad}");
    }
}
