//! Holds the code to the map drawn in `src/lib.rs`: who may use whom, and a few rules of the house that a grep can hold.

#[path = "layers/circles.rs"]
mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file, tests included.
const LONGEST: usize = 450;
/// Names of products, which `world` must not know.
const PRODUCTS: [&str; 7] = ["kea", "pfsense", "technitium", "vault", "openbao", "coredns", "bind9"];
/// What may lie at the top beside dotfiles.
const TOP: [&str; 9] =
    ["Cargo.lock", "Cargo.toml", "README.md", "fixtures", "packaging", "src", "target", "templates", "tests"];
/// Systems that speak a protocol which other systems need: `(who, whom)`.
const SYSTEM_ARROWS: [(&str, &str); 0] = [];

/// For each layer, those it may use.
type Map = BTreeMap<String, BTreeSet<String>>;

fn words(list: &str) -> BTreeSet<String> {
    list.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

/// Reads the drawing in `lib.rs`: columns apart by two blanks or more, each `layer  used, used`; then one line
/// `a, b: used by all, use nothing of ours`.
fn drawn(lib: &str) -> Map {
    let mut map = Map::new();
    let drawing = lib.split("```").nth(1).expect("lib.rs draws the layers between two ```");
    let mut common = BTreeSet::new();
    for line in drawing.lines().skip(1).filter_map(|line| line.strip_prefix("//! ")) {
        if let Some((names, _)) = line.split_once(": used by all") {
            common = words(names);
            continue;
        }
        let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        for pair in cells.chunks(2) {
            let [layer, used] = pair else { panic!("not a layer and those it uses: `{line}`") };
            map.insert((*layer).to_owned(), words(used));
        }
    }
    assert!(!common.is_empty(), "lib.rs names the layers used by all");
    let mentioned: BTreeSet<_> = map.values().flatten().cloned().collect();
    for layer in common.iter().chain(&mentioned) {
        map.entry(layer.clone()).or_default();
    }
    for used in map.values_mut() {
        used.extend(common.iter().cloned());
    }
    map
}

/// The code without `//` comments.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| match line.find("//") {
            Some(at) if !line[..at].ends_with(':') => &line[..at],
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The first names after a path's `crate::`: one, or those of a braced group.
fn heads(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else { return vec![identifier(rest).to_owned()] };
    let (mut depth, mut start, mut found) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if c.is_whitespace() => {}
            _ if start => {
                found.push(identifier(&group[at..]).to_owned());
                start = false;
            }
            _ => {}
        }
    }
    found
}

/// Module path of a file below `src`: `systems/store/file.rs` is `systems, store, file`.
fn module(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(ToOwned::to_owned).collect()
}

/// Paths of ours that the code names, from the crate's root: `crate::…`, `pfddns::…` and `super::…` up to the root.
fn used(module: &[String], code: &str) -> Vec<String> {
    let up = "super::".repeat(module.len());
    ["crate::", "pfddns::", &up].into_iter().flat_map(|root| below(root, code)).collect()
}

/// The names that follow `root` in the code.
fn below(root: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(root) {
        let before = &code[..at];
        // Not `other_crate::` and not one `super::` of a longer row.
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') || before.ends_with("super::") {
            continue;
        }
        found.extend(heads(&code[at + root.len()..]));
    }
    found
}

/// True for the name of a file or folder directly below `src/systems`.
fn is_system(name: &String) -> bool {
    let systems = root().join("src/systems");
    systems.join(name).is_dir() || systems.join(format!("{name}.rs")).is_file()
}

/// Sentences about each arrow in this file that is not drawn.
fn arrows(map: &Map, file: &str, text: &str) -> Vec<String> {
    let (module, code) = (module(file), without_comments(text));
    let layer = if module[0] == "run" { "main" } else { module[0].as_str() };
    if layer == "lib" || layer == "bin" {
        return Vec::new(); // the map itself, and the lab, which stands outside
    }
    let Some(may) = map.get(layer) else { return vec![format!("src/{file}: layer `{layer}` is not in lib.rs's map")] };
    let undrawn = used(&module, &code).into_iter().filter(|name| map.contains_key(name));
    let undrawn = undrawn.filter(|name| name != layer && !may.contains(name));
    let mut wrong: Vec<_> = undrawn.map(|name| format!("src/{file}: {layer} must not use {name}")).collect();
    if let (true, Some(own)) = (layer == "systems", module.get(1)) {
        let up = "super::".repeat(module.len() - 1);
        let others =
            below("crate::systems::", &code).into_iter().chain(below(&up, &code).into_iter().filter(is_system));
        let others = others.filter(|other| other != own && !SYSTEM_ARROWS.contains(&(own, other)));
        wrong.extend(others.map(|other| format!("src/{file}: system {own} must not use system {other}")));
    }
    wrong
}

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("a file of ours").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Each file below `src`: its path there and its text.
fn code() -> Vec<(String, String)> {
    let src = root().join("src");
    let name = |path: &Path| path.strip_prefix(&src).expect("below src").to_string_lossy().into_owned();
    sources(&src).iter().map(|path| (name(path), fs::read_to_string(path).expect("a source file"))).collect()
}

fn map() -> Map {
    drawn(&fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs"))
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_arrow_is_drawn() {
    let (map, code) = (map(), code());
    assert!(code.len() > 10, "the sources were not found");
    none(&code.iter().flat_map(|(file, text)| arrows(&map, file, text)).collect::<Vec<_>>());
}

#[test]
fn the_drawing_is_read_as_meant() {
    let map = map();
    let may = |layer: &str| map[layer].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(may("model"), ["diff", "error", "model", "secret", "text"]);
    assert_eq!(may("systems"), ["config", "diff", "error", "model", "secret", "text", "world"]);
    assert!(map["tasks"].contains("plan") && !map["plan"].contains("tasks") && !map["world"].contains("systems"));
}

#[test]
fn a_planted_arrow_is_found() {
    let map = map();
    let found = |file: &str, text: &str| arrows(&map, file, text).len();
    for (file, text, arrows) in [
        ("world/host.rs", "use crate::systems::store::Store;", 1),
        ("world/host.rs", "use crate::{\n    error::{Error, Result},\n    systems::store,\n    plan,\n};", 2),
        ("world/host.rs", "fn f() { crate::tasks::rotate() }", 1),
        ("world/host.rs", "use super::super::systems::store;", 1),
        ("systems/store/vault.rs", "use super::super::super::plan::Plan;", 1),
        ("systems/store/mod.rs", "use crate::systems::kea::Kea;", 1),
        ("systems/store/mod.rs", "use crate::tasks;", 1),
        ("systems/store/mod.rs", "use super::dns;", 1),
        ("systems/store/vault.rs", "use super::super::dns::sign;", 1),
        ("systems/store/vault.rs", "use super::dns;", 0),
        ("model/mod.rs", "use crate::config::Config;", 1),
        ("secret.rs", "pub use crate::world::World;", 1),
        ("plan/mod.rs", "use crate::tasks::rotate;", 1),
        ("plan/apply.rs", "use crate::tasks;", 1),
        ("changes/keys.rs", "use crate::plan::Plan;", 1),
        ("changes/keys.rs", "use super::super::plan::apply;", 1),
        ("changes/d2.rs", "use super::files; use crate::systems::kea;", 0),
        ("novelty/mod.rs", "", 1),
        ("world/host.rs", "use crate::error::Error; use crate::model::HostName; use crate::world::wire;", 0),
        ("world/host.rs", "/// See [`crate::systems::store`].\n// use crate::plan;", 0),
        ("systems/store/vault.rs", "use super::super::store::Edit; use other_crate::plan::Plan;", 0),
        ("systems/store/mod.rs", "use crate::{world::World, config::Config, systems::store::file};", 0),
    ] {
        assert_eq!(found(file, text), arrows, "{file}: {text}");
    }
}

#[test]
fn nothing_imports_in_a_circle() {
    let code = code();
    none(&circles::between_folders(&code));
    none(&circles::between_files(&code));
}

#[test]
fn world_knows_no_product() {
    let mut wrong = Vec::new();
    for (file, text) in code().iter().filter(|(file, _)| file.starts_with("world/")) {
        let text = without_comments(text).to_lowercase();
        let product = |word: &&&str| text.split(|c: char| !c.is_alphanumeric()).any(|it| it == **word);
        wrong.extend(PRODUCTS.iter().filter(product).map(|word| format!("src/{file} knows {word}")));
    }
    none(&wrong);
}

#[test]
fn only_main_reads_the_environment_and_exits() {
    let mut wrong = Vec::new();
    for (file, text) in code().iter().filter(|(file, _)| file != "main.rs" && !file.starts_with("bin/")) {
        let text = without_comments(text);
        for word in ["env::var", "env::args", "process::exit", "print!(", "println!("] {
            if text.contains(word) {
                wrong.push(format!("src/{file} has {word}"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn files_stay_readable_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for (file, text) in code() {
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("src/{file} has {lines} lines: look for the second idea in it"));
        }
        if !text.starts_with("//! ") && !file.ends_with("tests.rs") {
            wrong.push(format!("src/{file} does not begin with what it is for"));
        }
    }
    none(&wrong);
}

#[test]
fn nothing_strays_to_the_top() {
    let names = fs::read_dir(root()).expect("the clone").map(|it| it.expect("an entry").file_name());
    let names = names.map(|it| it.to_string_lossy().into_owned());
    let stray = |name: &String| !name.starts_with('.') && !TOP.contains(&name.as_str());
    none(&names.filter(stray).map(|name| format!("{name} does not belong at the top")).collect::<Vec<_>>());
}
