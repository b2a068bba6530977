//! The words of messages, help, README, templates, packages and comments. Each command and each long option that they name
//! exists in the program, and they use no phrase that a reader has to guess (`RIDDLES`).

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use clap::CommandFactory as _;
use pfddns::cli::Cli;
use std::fs;
use std::path::{Path, PathBuf};

/// Phrases that look like a command: the first line of the sealed store, and a crate of `cargo tree`.
const NO_COMMANDS: [&str; 2] = ["pfddns sealed store 1", "pfddns v0.1.0"];

/// Phrases that are hard to read at night, and what to write instead.
const RIDDLES: [(&str, &str); 24] = [
    ("lies", "is, is stored in"),
    ("lie", "be, be stored in"),
    ("lying", "stored in"),
    ("stands", "is, is written in"),
    ("is none", "is not a …"),
    ("are none", "are not …"),
    ("is no", "is not a …"),
    ("that is no", "that is not a …"),
    ("of before", "old, previous"),
    ("whoever", "anyone who"),
    ("whatever", "any"),
    ("goes by", "uses"),
    ("go by", "use"),
    ("what is there", "say the noun"),
    ("what was begun", "say the noun"),
    ("there is a way", "say the verb: can …"),
    ("way back", "undo"),
    ("turned round", "say the verb"),
    ("in nobody's way", "say the noun"),
    ("puts away", "removes, stores"),
    ("may be had", "is available"),
    ("for ever", "forever"),
    ("anew", "again"),
    ("somebody else's", "foreign"),
];

/// Places where such a phrase is right: plain English after "there", and names in a saved plan.
const RIGHT: [&str; 6] =
    ["there is none", "there are none", "there is no", "is no longer", "is no more", "script-stands"];

/// The riddles in a text, each with its line, its phrase and the advice. In Rust only comments and literals are read.
fn riddles(name: &str, text: &str) -> Vec<String> {
    let plain =
        |text: &str| RIGHT.iter().fold(format!(" {text} "), |it, right| it.replace(&format!(" {right} "), " _ "));
    let mut found = Vec::new();
    // A phrase may begin at the end of the line before.
    let mut before = String::new();
    for (number, line) in text.lines().enumerate() {
        // Python's own words.
        let line = line.replace(" is None", "");
        let own = words(&if name.ends_with(".rs") { prose(&line) } else { line });
        let (known, all) = (plain(&before), plain(&format!("{before} {own}")));
        for (phrase, better) in RIDDLES {
            let count = |it: &str| it.matches(&format!(" {phrase} ")).count();
            if count(&all) > count(&known) {
                found.push(format!("{name}:{}: `{phrase}`: write {better}", number + 1));
            }
        }
        let last: Vec<_> = own.rsplit(' ').take(3).collect();
        before = last.into_iter().rev().collect::<Vec<_>>().join(" ");
    }
    found
}

/// Lower-case words, one blank between them.
fn words(text: &str) -> String {
    let kept = |it: char| if it.is_alphanumeric() || "'-_".contains(it) { it.to_ascii_lowercase() } else { ' ' };
    text.chars().map(kept).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The literals and the comment of a line of Rust. A line without a quote may be the middle of a long literal.
fn prose(line: &str) -> String {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") || !line.contains('"') && !trimmed.contains(['(', '=', ';', '{']) {
        return line.to_owned();
    }
    let unescaped = line.replace("\\\"", "'");
    let (code, comment) = unescaped.split_once(" // ").unwrap_or((&unescaped, ""));
    let literals = code.split('"').skip(1).step_by(2);
    literals.chain((!comment.is_empty()).then_some(comment)).collect::<Vec<_>>().join(" _ ")
}

/// Files whose words an operator reads. The man page and the completions are made from some of them.
const SHOWN: [&str; 6] =
    ["src", "templates", "README.md", "packaging/freebsd", "packaging/linux", "packaging/CHANGELOG.md"];

/// All files in these places.
fn texts(places: &[&str]) -> Vec<PathBuf> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| walk(&entry.unwrap().path(), found));
        } else {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    places.iter().for_each(|place| walk(Path::new(place), &mut found));
    found
}

/// Commands in a text: quoted as `…` or '…', or alone at the start of an indented line or of an example. Where several
/// are joined, each.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.replace("\\n", "\n").replace("\\|", "|");
        let alone = line.lines().map(str::trim_start).filter(|it| it.starts_with("pfddns "));
        found.extend(alone.map(str::to_owned));
        for quote in ['`', '\''] {
            let inside = line.split(quote).skip(1).step_by(2).filter(|it| it.starts_with("pfddns "));
            found.extend(inside.map(str::to_owned));
        }
    }
    let each = found.iter().flat_map(|it| it.split("&& ")).filter(|it| it.starts_with("pfddns "));
    each.filter(|it| !NO_COMMANDS.iter().any(|no| it.starts_with(no))).map(str::to_owned).collect()
}

/// What of a command the program does not know.
fn unknown(command: &str) -> Option<String> {
    let root = Cli::command();
    let mut at = &root;
    let mut words = command.split_whitespace().skip(1).map(|it| it.trim_matches(|it: char| "\"`',;.()[]".contains(it)));
    while let Some(word) = words.next() {
        // From here on: another program, an alternative, or words about the command.
        if ["|", ">", "#", "<"].contains(&word) {
            return None;
        }
        if let Some(long) = word.strip_prefix("--") {
            let named = |it: &clap::Command| it.get_arguments().find(|it| it.get_long() == Some(long)).cloned();
            match named(at).or_else(|| named(&root)) {
                None => return Some(word.to_owned()),
                Some(option) if option.get_action().takes_values() => _ = words.next(),
                Some(_) => {}
            }
        } else if at.has_subcommands() && word.starts_with(|it: char| it.is_ascii_lowercase()) {
            match at.find_subcommand(word) {
                Some(next) => at = next,
                None => return Some(word.to_owned()),
            }
        }
    }
    None
}

#[test]
fn every_command_that_a_text_names_is_one_of_the_program() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in texts(&SHOWN) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for command in commands(&text) {
            seen += 1;
            if let Some(word) = unknown(&command) {
                wrong.push(format!("{}: `{command}`: no `{word}`", path.display()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(seen > 100, "only {seen} commands were found: the texts are written otherwise now");
}

#[test]
fn a_command_that_is_not_there_is_seen() {
    let text = "  pfddns init   looks around\nsays `pfddns tsig import`, then 'pfddns plan --all'\n  pfddns plan rotate --out F";
    let found = commands(text);
    let unknown: Vec<_> = found.iter().filter_map(|it| unknown(it)).collect();
    assert_eq!(unknown, ["init", "import", "--all"], "{found:?}");
}

#[test]
fn no_text_has_a_riddle() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in texts(&["src", "templates", "README.md", "packaging", "Cargo.toml"]) {
        // Made from the words in src; `stands` is a field's name there.
        if path.to_string_lossy().contains("packaging/schema/") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        seen += 1;
        wrong.extend(riddles(&path.display().to_string(), &text));
    }
    assert_eq!(wrong, [""; 0]);
    assert!(seen > 150, "only {seen} files were read");
}

#[test]
fn a_planted_riddle_is_seen() {
    let rust = "/// Where the file lies.\nlet lies = f(\"whoever asks\"); // the rules of\n// before\n\
        let fine = \"there is none, and it is no longer there\"; // plain\nlet text = \"this is\n    no plan of\n    ours\";";
    let found = riddles("a.rs", rust);
    let phrases: Vec<_> = found.iter().filter_map(|it| it.split('`').nth(1)).collect();
    assert_eq!(phrases, ["lies", "whoever", "of before", "is no"], "{found:?}");
    assert!(found.iter().all(|it| it.starts_with("a.rs:")), "{found:?}");
    let markdown = riddles("README.md", "What stands where, and\nwhat is\nthere. It goes by the rules.");
    assert_eq!(markdown.len(), 3, "{markdown:?}");
}
