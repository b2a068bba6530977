//! Where a daemon accepts control sockets, log files and hook libraries (CVE-2025-32801 to 32803: from 2.4.2 on only in the
//! compiled-in folders, which differ per platform; 2.6 checks the socket's only at start, so `-t` passes and the start fails).

use crate::systems::kea::Version;
use crate::systems::kea::lint::against::{Checked, Named};
use crate::systems::kea::lint::report::{Path, Report};
use crate::systems::kea::text::Node;

/// Longest path of a unix socket, in bytes (`sun_path` less its end).
const SOCKET_PATH: usize = 107;
/// From this version on a logger without `severity` inherits that of the logger above it.
const OPTIONAL_SEVERITY: Version = Version(2, 5, 2);
/// First version with the rules.
const CHECKED: Version = Version(2, 4, 2);

pub(super) fn socket(report: &mut Report<'_>, node: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let Some(name) = node.text() else { return };
    let checked = against.version >= CHECKED;
    let folder = against.socket_folder.filter(|_| checked);
    let whole = if name.contains('/') || !checked { name.len() } else { folder.map_or(0, str::len) + 1 + name.len() };
    if whole > SOCKET_PATH {
        let fact =
            format!("the daemon can't start: the path is longer than {SOCKET_PATH} bytes, which `-t` does not report");
        return report.error("socket-long", node.span, path, fact, "use a shorter path");
    }
    if name.is_empty() {
        let fact = if checked { "the daemon refuses the file: no file name" } else { "no control socket is made" };
        return report.error("socket-name", node.span, path, fact.into(), "write the path of the socket");
    }
    if !checked {
        return;
    }
    match (name.rsplit_once('/'), folder) {
        (Some((given, _)), folder) if !is_folder(given, folder, "/run/kea", against) => {
            let seen = if against.version < Version(2, 7, 0) { "; `-t` passes, the start fails" } else { "" };
            let only = folder.unwrap_or("its own folder, …/run/kea");
            let fact = format!("Kea {} accepts control sockets only in {only}{seen}", against.version);
            report.error("socket-folder", node.span, path, fact, &format!("write a path in {only}"));
        }
        (_, Some(folder)) => folder_mode(report, node, against, folder, path),
        _ => {}
    }
}

/// True if this is the folder that a daemon accepts, as far as known. Its usual end is enough: the part before it is
/// Kea's installation folder.
fn is_folder(given: &str, known: Option<&str>, end: &str, against: &Checked<'_>) -> bool {
    known.map_or_else(|| !against.guess_folders || given.ends_with(end), |known| given == known)
}

fn folder_mode(report: &mut Report<'_>, node: &Node, against: &Checked<'_>, folder: &str, path: &Path<'_>) {
    let Some(mode) = against.socket_folder_mode else { return };
    let exact = against.version < Version(2, 7, 0);
    let bad = if exact { mode & 0o777 != 0o750 } else { mode & 0o027 != 0 };
    if bad {
        let wanted = if exact { "exactly 0750" } else { "0750 or less" };
        let fact = format!("the daemon can't start: {folder} has mode {:04o}, but it needs {wanted}", mode & 0o777);
        report.error("socket-folder-mode", node.span, path, fact, &format!("chmod 0750 {folder}"));
    }
}

/// Loggers, which the daemon checks first.
pub(super) fn logs(report: &mut Report<'_>, d2: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let path = path.name("loggers");
    for (index, logger) in d2.get("loggers").map(Node::items).unwrap_or_default().iter().enumerate() {
        let path = path.item(index);
        let needed: &[(&str, &str)] = match against.version < OPTIONAL_SEVERITY {
            true => &[("name", "kea-dhcp-ddns"), ("severity", "INFO")],
            false => &[("name", "kea-dhcp-ddns")],
        };
        for (member, value) in needed.iter().filter(|it| logger.get(it.0).is_none() && !logger.members().is_empty()) {
            let fact = format!("the daemon refuses the file: a logger has no `{member}`");
            report.error("logger-name", logger.span, &path, fact, &format!("add \"{member}\": \"{value}\""));
        }
        if let Some(level) = logger.get("debuglevel").filter(|it| it.int().is_some_and(|it| !(0..=99).contains(&it))) {
            let fact = "the daemon refuses this number".into();
            report.error("out-of-range", level.span, &path.name("debuglevel"), fact, "0 to 99");
        }
        for member in ["output_options", "output-options"] {
            let below = path.name(member);
            for (index, options) in logger.get(member).map(Node::items).unwrap_or_default().iter().enumerate() {
                output(report, options, against, &below.item(index));
            }
        }
    }
}

fn output(report: &mut Report<'_>, options: &Node, against: &Checked<'_>, path: &Path<'_>) {
    match options.text_of("output") {
        None if !options.members().is_empty() => {
            let fact = "the daemon refuses the file: no `output`".into();
            report.error("logger-output", options.span, path, fact, "add \"output\": \"syslog\"");
        }
        Some(text) => log(report, text, options, against, path),
        None => {}
    }
    let too_big = |it: &&Node| it.int().is_some_and(|it| i32::try_from(it).is_err());
    if let Some(number) = options.get("maxver").filter(too_big) {
        let fact = "the daemon refuses the file: it can't keep so many old files".into();
        report.error("out-of-range", number.span, &path.name("maxver"), fact, "write a small number");
    }
}

fn log(report: &mut Report<'_>, output: &str, options: &Node, against: &Checked<'_>, path: &Path<'_>) {
    if ["stdout", "stderr", "syslog"].contains(&output) || against.version < CHECKED {
        return;
    }
    let (folder, file) = output.trim().rsplit_once('/').unwrap_or(("", output.trim()));
    if file.is_empty() {
        let fact = "the daemon refuses the file: no file name to log to".into();
        return report.error("log-folder", options.span, path, fact, "write a bare file name, syslog or stdout");
    }
    if output.trim().contains('/') && !is_folder(folder, against.log_folder, "/log/kea", against) {
        let only = against.log_folder.unwrap_or("its own folder, …/log/kea");
        let fact = format!("Kea {} refuses the file: it logs only to {only}", against.version);
        report.error("log-folder", options.span, path, fact, &format!("write a bare file name, or one in {only}"));
    }
}

/// Hook libraries, which the daemon checks last: first all paths, then whether they can be loaded.
pub(super) fn hooks(report: &mut Report<'_>, d2: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let Some(member) = d2.members().iter().find(|it| it.name == "hooks-libraries") else { return };
    let path = path.name("hooks-libraries");
    let mut absent = Vec::new();
    for (index, hook) in member.node.items().iter().enumerate() {
        let Some((node, text)) = hook.get("library").and_then(|it| Some((it, it.text()?.trim()))) else { continue };
        let below = path.item(index);
        let below = below.name("library");
        let (given, file) = text.rsplit_once('/').unwrap_or(("", text));
        let only = against.hooks_folder.filter(|_| against.version >= CHECKED);
        if file.is_empty() {
            let fact = "the daemon refuses the file: no file name".into();
            report.error("hook-folder", node.span, &below, fact, "write the path of the library");
            continue;
        }
        if let Some(only) = only.filter(|only| text.contains('/') && given != *only) {
            let fact = format!("Kea {} refuses the file: it accepts hook libraries only from {only}", against.version);
            report.error("hook-folder", node.span, &below, fact, &format!("write a path in {only}"));
            continue;
        }
        let whole = only.map_or_else(|| text.to_owned(), |only| format!("{only}/{file}"));
        let known = only.is_some() || against.version < CHECKED || text.starts_with('/');
        if known && matches!((against.look)(&whole), Named::Missing | Named::NotAFile) {
            absent.push(whole);
        }
    }
    if !absent.is_empty() {
        let fact = format!("the daemon refuses the file: {} does not exist", absent.join(" and "));
        report.error("hook-missing", member.name_span, &path, fact, "install the library, or remove its entry");
    }
}
