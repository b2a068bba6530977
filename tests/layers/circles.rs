//! Who imports whom in `src`, and the circles in it: between folders, and between files unless they are a module and its
//! own children.

use std::collections::{BTreeMap, BTreeSet};

/// A module by the names that lead to it from the crate's root, which itself has none.
type Module = Vec<String>;
/// For each file, by its module: the modules whose files it uses.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// A source file below `src`.
struct File<'a> {
    module: Module,
    /// Line by line: the module the line is in (a file may hold modules of its own) and the line, without comments.
    lines: Vec<(Module, &'a str)>,
    /// What `use` and `mod` make of a name, by module and name.
    names: BTreeMap<(Module, String), Module>,
}

/// The module that a file is: `kea/mod.rs` is `kea`; `kea/socket_tests.rs` are the tests of `kea/socket.rs`.
fn module(file: &str) -> Module {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(if path == "lib" { "" } else { path });
    let path = path.strip_suffix("_tests").map_or_else(|| path.to_owned(), |it| format!("{it}/tests"));
    path.split('/').filter(|it| !it.is_empty()).map(ToOwned::to_owned).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn below(module: &[String], name: &str) -> Module {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

impl<'a> File<'a> {
    fn read(file: &str, text: &'a str, modules: &BTreeSet<Module>) -> Self {
        let module = module(file);
        let mut read = File { module: module.clone(), lines: Vec::new(), names: BTreeMap::new() };
        let mut inside: Vec<(usize, Module)> = vec![(0, module)];
        for line in text.lines() {
            let line = line.split("//").next().unwrap_or_default();
            let line = line.split_once("pub(in ").and_then(|it| it.1.split_once(')')).map_or(line, |it| it.1);
            let indent = line.len() - line.trim_start().len();
            let here = inside.last().map(|it| it.1.clone()).unwrap_or_default();
            let own = line.trim().trim_start_matches("pub ").strip_prefix("mod ");
            if let Some(name) = own.and_then(|it| it.strip_suffix(" {")) {
                inside.push((indent, below(&here, name)));
            } else if inside.len() > 1 && line.trim() == "}" && inside.last().is_some_and(|it| it.0 == indent) {
                inside.pop();
            } else {
                read.lines.push((here, line));
            }
        }
        for child in modules.iter().filter(|it| it.split_last().is_some_and(|(_, above)| above == read.module)) {
            let name = child.last().cloned().unwrap_or_default();
            read.names.insert((read.module.clone(), name), child.clone());
        }
        // Twice: an import may begin with the name that another one gives.
        for (here, path, name) in read.imports().into_iter().chain(read.imports()) {
            read.names.entry((here, name)).or_insert(path);
        }
        read
    }

    /// Each import: the module it is in, the path, and the name it gets there.
    fn imports(&self) -> Vec<(Module, Module, String)> {
        let mut found = Vec::new();
        let mut open: Option<(Module, String)> = None;
        for (here, line) in &self.lines {
            let start =
                line.trim().strip_prefix("pub").map_or(line.trim(), |it| it.split_once(' ').map_or(it, |it| it.1));
            match (&mut open, start.strip_prefix("use ")) {
                (Some((_, text)), _) => text.push_str(line),
                (None, Some(text)) => open = Some((here.clone(), text.to_owned())),
                (None, None) => continue,
            }
            if let Some((here, text)) = open.take_if(|(_, text)| text.contains(';')) {
                let tree: String = text.replace(" as ", "@").chars().filter(|it| !it.is_whitespace()).collect();
                for (path, name) in leaves(&[], tree.split(';').next().unwrap_or_default()) {
                    found.extend(self.absolute(&here, &path).map(|path| (here.clone(), path, name)));
                }
            }
        }
        found
    }

    /// A path from the crate's root; none of another crate's, and none that begins with a local name.
    fn absolute(&self, here: &[String], path: &[String]) -> Option<Module> {
        let (head, rest) = path.split_first()?;
        Some(match head.as_str() {
            "crate" | "pfddns" => rest.to_vec(),
            "self" => [here, rest].concat(),
            "super" => {
                let above = here.split_last().map(|it| it.1).unwrap_or_default();
                match rest.first().map(String::as_str) {
                    Some("super") => self.absolute(above, rest)?,
                    _ => [above, rest].concat(),
                }
            }
            _ => [self.names.get(&(here.to_vec(), head.clone()))?.as_slice(), rest].concat(),
        })
    }

    /// All paths of two names or more in the code, imports not among them, from the crate's root.
    fn paths(&self) -> Vec<Module> {
        let mut found = Vec::new();
        for (here, line) in &self.lines {
            for word in line.split(|c| !is_word(c) && c != ':').filter(|it| it.contains("::") && !it.ends_with("::")) {
                let path: Module = word.split("::").map(|it| it.trim_matches(':').to_owned()).collect();
                found.extend(self.absolute(here, &path));
            }
        }
        found
    }
}

/// The single paths of `a::{b, c::{self, d as e}}` and their names.
fn leaves(above: &[String], tree: &str) -> Vec<(Module, String)> {
    if let Some((head, group)) = tree.split_once('{').filter(|(head, _)| !head.contains(',')) {
        let above: Module =
            above.iter().cloned().chain(head.split("::").filter(|it| !it.is_empty()).map(Into::into)).collect();
        let (mut depth, mut from, mut found) = (0, 0, Vec::new());
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                ',' if depth == 0 => {
                    found.extend(leaves(&above, &group[from..at]));
                    from = at + 1;
                }
                '}' if depth == 0 => {
                    found.extend(leaves(&above, &group[from..at]));
                    break;
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        return found;
    }
    if tree.is_empty() {
        return Vec::new();
    }
    let (path, renamed) = tree.split_once('@').map_or((tree, None), |(path, name)| (path, Some(name)));
    let mut path: Module = above.iter().cloned().chain(path.split("::").map(Into::into)).collect();
    if path.len() > 1 && path.last().is_some_and(|it| it == "self" || it == "*") {
        path.pop();
    }
    let name = renamed.map(Into::into).or_else(|| path.last().cloned()).unwrap_or_default();
    vec![(path, name)]
}

/// The graph of these files, each with its path below `src` and its text.
fn graph(code: &[(String, String)]) -> Graph {
    let modules: BTreeSet<Module> = code.iter().map(|(file, _)| module(file)).collect();
    let files: Vec<File<'_>> = code.iter().map(|(file, text)| File::read(file, text, &modules)).collect();
    let names: BTreeMap<&(Module, String), &Module> = files.iter().flat_map(|it| &it.names).collect();
    let mut graph = Graph::new();
    for file in &files {
        let used = file.imports().into_iter().map(|it| it.1).chain(file.paths());
        let used = used.filter_map(|path| defined(&path, &modules, &names, 0)).filter(|it| *it != file.module);
        graph.entry(file.module.clone()).or_default().extend(used);
    }
    graph
}

/// The module of the file in which a path ends, through what modules on the way hand on.
fn defined(
    path: &[String],
    modules: &BTreeSet<Module>,
    names: &BTreeMap<&(Module, String), &Module>,
    depth: usize,
) -> Option<Module> {
    let end = (0..=path.len()).rev().find(|end| modules.contains(&path[..*end]))?;
    let (found, rest) = path.split_at(end);
    let handed_on = rest.first().and_then(|name| names.get(&(found.to_vec(), name.clone())));
    match handed_on.filter(|it| depth < 8 && it.as_slice() != path) {
        Some(start) => {
            let whole: Module = [start.as_slice(), rest.get(1..).unwrap_or_default()].concat();
            defined(&whole, modules, names, depth + 1)
        }
        None => Some(found.to_vec()),
    }
}

/// Sets of two or more that all lead to each other.
fn circles<T: Ord + Clone>(graph: &BTreeMap<T, BTreeSet<T>>) -> Vec<BTreeSet<T>> {
    let reached = |from: &T| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(at) = next.pop() {
            next.extend(graph.get(&at).into_iter().flatten().filter(|it| seen.insert((*it).clone())).cloned());
        }
        seen
    };
    let all: BTreeMap<&T, BTreeSet<T>> = graph.keys().map(|it| (it, reached(it))).collect();
    let leads = |from: &T, to: &T| all.get(from).is_some_and(|it| it.contains(to));
    let found: BTreeSet<BTreeSet<T>> =
        graph.keys().map(|it| graph.keys().filter(|to| leads(it, to) && leads(to, it)).cloned().collect()).collect();
    found.into_iter().filter(|it| it.len() > 1).collect()
}

fn shown(circle: &BTreeSet<Module>) -> String {
    circle.iter().map(|it| it.join("/")).collect::<Vec<_>>().join(" · ")
}

/// Circles between neighbours, the folders and files of one folder, each counted with all that is in it. What a folder's
/// own `mod.rs` uses is not counted here.
pub fn between_folders(code: &[(String, String)]) -> Vec<String> {
    let mut levels: BTreeMap<Module, Graph> = BTreeMap::new();
    for (from, used) in &graph(code) {
        for to in used {
            let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            if from.len() > common && to.len() > common {
                let level = levels.entry(from[..common].to_vec()).or_default();
                level.entry(from[..=common].to_vec()).or_default().insert(to[..=common].to_vec());
                level.entry(to[..=common].to_vec()).or_default();
            }
        }
    }
    levels.values().flat_map(circles).map(|it| shown(&it)).collect()
}

/// Circles between files. A module and its own children may use each other; nobody else may be in such a circle.
pub fn between_files(code: &[(String, String)]) -> Vec<String> {
    let graph = graph(code);
    let parent = |of: &Module| of.split_last().map(|it| it.1.to_vec());
    let mut wrong = Vec::new();
    for circle in circles(&graph) {
        let strangers = circle.iter().filter(|it| parent(it).is_none_or(|it| !circle.contains(&it))).count();
        let family = |a: &Module, b: &Module| parent(a).as_ref() == Some(b) || parent(b).as_ref() == Some(a);
        let used = |from: &Module| graph.get(from).into_iter().flatten().filter(|to| circle.contains(*to));
        let rest: Graph =
            circle.iter().map(|it| (it.clone(), used(it).filter(|to| !family(it, to)).cloned().collect())).collect();
        match strangers > 1 {
            true => wrong.push(shown(&circle)),
            false => wrong.extend(circles(&rest).iter().map(shown)),
        }
    }
    wrong
}

/// The circles in these planted files: between folders, between files.
fn planted(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let code: Vec<_> = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    (between_folders(&code), between_files(&code))
}

#[test]
fn a_planted_circle_is_found() {
    let back = [
        "use crate::a::Thing;",
        "use super::a::Thing;",
        "use crate::{\n    error::Error,\n    a::{self, Thing},\n};",
        "fn f() -> crate::a::Thing {}",
        "use super::handed::Thing;",
        "use super::handed::*;",
        "use super::handed as it;\nfn f() -> it::Thing {}",
        "mod tests {\n    use super::super::a::Thing;\n}",
    ];
    for back in back {
        let files =
            [("a.rs", "use crate::b::f;"), ("b.rs", back), ("handed.rs", "pub use crate::a::Thing;"), ("error.rs", "")];
        let found = planted(&files).1;
        assert_eq!(found.len(), 1, "{back}");
        assert!(found[0].starts_with("a · b"), "{back}: {found:?}");
    }
    let folders = [
        ("x/mod.rs", "mod one;"),
        ("x/one.rs", "use crate::y::two;"),
        ("y/two.rs", ""),
        ("y/mod.rs", ""),
        ("y/three.rs", "use crate::x::one;"),
    ];
    assert_eq!(planted(&folders), (vec!["x · y".to_owned()], vec![]));
}

#[test]
fn what_is_no_circle_is_not_counted() {
    let nothing = (vec![], vec![]);
    let family =
        [("x/mod.rs", "use one::f;"), ("x/one.rs", "use super::Thing;"), ("x/two.rs", "use super::{Thing, one};")];
    assert_eq!(planted(&family), nothing);
    let words =
        [("a.rs", "use crate::b::f;"), ("b.rs", "// use crate::a;\nuse other::a::Thing;\npub(in crate::a) fn f() {}")];
    assert_eq!(planted(&words), nothing);
    // Two children of one module are not its business; nor is a third that comes back to it.
    let brothers = [("x/mod.rs", ""), ("x/one.rs", "use super::two::f;"), ("x/two.rs", "use super::one::g;")];
    assert_eq!(planted(&brothers).1, ["x/one · x/two"]);
    let stranger = [("x/mod.rs", "use one::f;"), ("x/one.rs", "use crate::y::g;"), ("y.rs", "use crate::x::Thing;")];
    assert_eq!(planted(&stranger).1, ["x · x/one · y"]);
}
