//! Where a daemon takes control sockets and log files (CVE-2025-32801 to 32803: from 2.4.2 on only in the compiled-in
//! folders, which differ per platform; 2.6 checks the socket's only at start, so `-t` passes and the start fails).

use super::Version;
use super::check::{Checked, Path, Report};
use super::text::Node;

/// Longest path of a unix socket, in bytes (`sun_path` less its end).
const SOCKET_PATH: usize = 107;
/// First version with the rules.
const CHECKED: Version = Version(2, 4, 2);

pub(super) fn socket(report: &mut Report<'_>, node: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let Some(name) = node.text() else { return };
    let checked = against.version >= CHECKED;
    let folder = against.socket_folder.filter(|_| checked);
    let whole = if name.contains('/') || !checked { name.len() } else { folder.map_or(0, str::len) + 1 + name.len() };
    if whole > SOCKET_PATH {
        let fact =
            format!("the daemon can't start: the path is longer than {SOCKET_PATH} bytes, which `-t` does not see");
        return report.error("socket-long", node.span, path, fact, "choose a shorter name");
    }
    if name.is_empty() {
        let fact = if checked { "the daemon refuses the file: no file name" } else { "no control socket is made" };
        return report.error("socket-name", node.span, path, fact.into(), "write the path of the socket");
    }
    let Some(folder) = folder else { return };
    match name.rsplit_once('/') {
        Some((given, _)) if given != folder => {
            let seen = if against.version < Version(2, 7, 0) { "; `-t` passes, the start fails" } else { "" };
            let fact = format!("Kea {} takes control sockets only in {folder}{seen}", against.version);
            report.error("socket-folder", node.span, path, fact, &format!("write a path in {folder}"));
        }
        _ => folder_mode(report, node, against, folder, path),
    }
}

fn folder_mode(report: &mut Report<'_>, node: &Node, against: &Checked<'_>, folder: &str, path: &Path<'_>) {
    let Some(mode) = against.socket_folder_mode else { return };
    let exact = against.version < Version(2, 7, 0);
    let bad = if exact { mode & 0o777 != 0o750 } else { mode & 0o027 != 0 };
    if bad {
        let wanted = if exact { "exactly 0750" } else { "0750 or less" };
        let fact = format!("the daemon can't start: {folder} has mode {:04o}, wanted is {wanted}", mode & 0o777);
        report.error("socket-folder-mode", node.span, path, fact, &format!("chmod 0750 {folder}"));
    }
}

pub(super) fn log(report: &mut Report<'_>, options: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let Some(output) = options.text_of("output") else { return };
    let to_file = !["stdout", "stderr", "syslog"].contains(&output) && !output.starts_with("syslog:");
    let Some(folder) = against.log_folder.filter(|_| to_file && against.version >= CHECKED) else { return };
    if output.rsplit_once('/').is_some_and(|(given, _)| given != folder) {
        let fact = format!("Kea {} refuses the file: it logs only to {folder}", against.version);
        report.error("log-folder", options.span, path, fact, &format!("write a bare file name, or one in {folder}"));
    }
}
