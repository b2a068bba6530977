//! Secrets are taken out of their wrapper only where they leave the program: in `systems` and in `world`.

use std::path::{Path, PathBuf};

/// Lines that call `.expose()`, unless this file is where that belongs. Tests beside the code may.
fn exposed(file: &Path, text: &str) -> Vec<String> {
    if file.starts_with("src/systems") || file.starts_with("src/world") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let calls = |line: &str| line.contains(".expose()") || line.contains("Secret::expose");
    let found = code.lines().enumerate().filter(|(_, line)| calls(line));
    found.map(|(number, _)| format!("{}:{}", file.display(), number + 1)).collect()
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|it| it == "rs") {
            all.push(path);
        }
    }
}

#[test]
fn secrets_are_exposed_at_the_edge_only() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    sources(&top.join("src"), &mut all);
    assert!(all.len() > 50, "{}", all.len());
    let found: Vec<String> = all
        .iter()
        .flat_map(|path| exposed(path.strip_prefix(top).unwrap(), &std::fs::read_to_string(path).unwrap()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_planted_exposure_is_found() {
    let text = "fn a() {\n    log(key.secret.expose());\n}\n#[cfg(test)]\nmod tests { fn b() { x.expose(); } }\n";
    assert_eq!(exposed(Path::new("src/tasks/a.rs"), text), ["src/tasks/a.rs:2"]);
    assert!(exposed(Path::new("src/systems/a.rs"), text).is_empty());
}
