//! D2 in pfSense's web interface and boot: an entry in Status > Services (which the Service Watchdog package reads too) and
//! an early shell command.

use super::edit::Edit;
use super::xml::{Document, Seen};
use crate::error::{Error, Result};
use std::path::Path;

/// What Status > Services calls it, and the process it looks for.
const NAME: &str = "kea-dhcp-ddns";
const SERVICES: &str = "installedpackages/service";
const EARLY: &str = "system/earlyshellcmd";
/// The Shellcmd package rewrites `EARLY` from this list each time it is saved (shellcmd.inc, `shellcmd_sync_package`).
const PACKAGE: &str = "installedpackages/shellcmdsettings/config";

/// What config.xml says about D2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entries {
    /// Status > Services has it.
    pub service: bool,
    /// It is started at boot before DHCP.
    pub early: bool,
    /// The Shellcmd package is there and owns the early commands.
    pub package: bool,
    /// The package's own list has the command; true without the package.
    pub in_package: bool,
}

impl Entries {
    /// Nothing is missing.
    pub fn all(self) -> bool {
        self.service && self.early && self.in_package
    }
}

/// The command at boot.
fn command(script: &Path) -> String {
    format!("{} start", script.display())
}

fn map(pairs: &[(&str, &str)]) -> Seen {
    Seen::Map(pairs.iter().map(|(key, value)| ((*key).to_owned(), Seen::from(*value))).collect())
}

/// The members of a list, as pfSense sees them.
fn list(document: &Document<'_>, path: &str) -> Vec<Seen> {
    let mut names: Vec<&str> = path.split('/').collect();
    let Some(tag) = names.pop() else { return Vec::new() };
    let Some(parent) = document.at(&names) else { return Vec::new() };
    document.list(parent, tag).map(|id| Seen::of(document, id)).collect()
}

fn says(seen: &Seen, key: &str, value: &str) -> bool {
    seen.get(key) == Some(&Seen::from(value))
}

/// pfSense looks for `rcfile` in /usr/local/etc/rc.d by its bare name, and runs at boot only what ends in `.sh`.
fn rc_file(script: &Path) -> Result<&str> {
    let harmless = |it: char| it.is_ascii_alphanumeric() || "/._-+".contains(it);
    if !script.is_absolute() || !script.display().to_string().chars().all(harmless) {
        return Err(Error::usage(format!(
            "{}: pfSense's shell would not read this path as one word",
            script.display()
        ))
        .hint("set pfsense.d2-script in pfddns.toml; use letters, digits and `/._-+`"));
    }
    let name = script.file_name().and_then(|it| it.to_str()).filter(|it| it.ends_with(".sh"));
    name.ok_or_else(|| {
        Error::usage(format!("{}: pfSense runs only scripts whose name ends in `.sh`", script.display()))
            .hint("set pfsense.d2-script in pfddns.toml")
    })
}

fn has_package(document: &Document<'_>) -> bool {
    let installed = list(document, "installedpackages/package");
    let named = |it: &Seen| matches!(it.get("name"), Some(Seen::Text(name)) if name.eq_ignore_ascii_case("shellcmd"));
    installed.iter().any(named)
}

fn of_package(document: &Document<'_>, script: &Path) -> Vec<Seen> {
    let command = command(script);
    list(document, PACKAGE).into_iter().filter(|it| says(it, "cmd", &command)).collect()
}

/// The entries of config.xml.
pub fn entries(document: &Document<'_>, script: &Path) -> Entries {
    let file = script.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let package = has_package(document);
    let early = Seen::Text(command(script));
    Entries {
        service: list(document, SERVICES).iter().any(|it| says(it, "rcfile", file)),
        early: list(document, EARLY).contains(&early),
        package,
        in_package: !package || of_package(document, script).iter().any(|it| says(it, "cmdtype", "earlyshellcmd")),
    }
}

/// The edits that add what is missing. Refuses if a foreign entry has the same name.
pub fn install(document: &Document<'_>, script: &Path) -> Result<Vec<Edit>> {
    let file = rc_file(script)?;
    let found = entries(document, script);
    let foreign = |it: &&Seen| !says(it, "rcfile", file) && (says(it, "name", NAME) || says(it, "executable", NAME));
    if list(document, SERVICES).iter().find(foreign).is_some() {
        return Err(Error::new(format!("config.xml has a service for {NAME} already, with another rc file"))
            .hint("Status > Services shows it; remove the package or entry that made it first"));
    }
    if found.package && of_package(document, script).iter().any(|it| !says(it, "cmdtype", "earlyshellcmd")) {
        return Err(Error::new(format!("the Shellcmd package has `{}` as another type of command", command(script)))
            .hint("Services > Shellcmd: delete it there, or make it an earlyshellcmd"));
    }
    let mut edits = Vec::new();
    if !found.service {
        let description = "Kea's DDNS daemon, set up by pfddns";
        let entry = map(&[("name", NAME), ("rcfile", file), ("executable", NAME), ("description", description)]);
        edits.push(Edit::include(SERVICES, entry));
    }
    if !found.early {
        edits.push(Edit::include(EARLY, Seen::Text(command(script))));
    }
    if !found.in_package {
        let command = command(script);
        let entry = [("cmd", &*command), ("cmdtype", "earlyshellcmd"), ("description", "pfddns: D2 before DHCP")];
        edits.push(Edit::include(PACKAGE, map(&entry)));
    }
    Ok(edits)
}

/// The edits that remove our entries, in any position; foreign entries stay.
pub fn remove(document: &Document<'_>, script: &Path) -> Result<Vec<Edit>> {
    let file = rc_file(script)?;
    let services = list(document, SERVICES).into_iter().filter(|it| says(it, "rcfile", file));
    let mut edits: Vec<Edit> = services.map(|it| Edit::exclude(SERVICES, it)).collect();
    let early = Seen::Text(command(script));
    if list(document, EARLY).contains(&early) {
        edits.push(Edit::exclude(EARLY, early));
    }
    let package = of_package(document, script).into_iter();
    edits.extend(package.filter(|it| says(it, "cmdtype", "earlyshellcmd")).map(|it| Edit::exclude(PACKAGE, it)));
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "/usr/local/etc/rc.d/pfddns_d2.sh";

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/fixtures/pfsense/{name}/config.xml", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn installed(bytes: &[u8]) -> Vec<u8> {
        let document = Document::read(bytes).unwrap();
        document.edited(&install(&document, Path::new(SCRIPT)).unwrap()).unwrap()
    }

    #[test]
    fn installed_once_and_taken_out_to_the_byte() {
        for name in ["2.7.2", "2.8", "master"] {
            let old = fixture(name);
            let new = installed(&old);
            let document = Document::read(&new).unwrap();
            assert!(entries(&document, Path::new(SCRIPT)).all(), "{name}");
            assert!(install(&document, Path::new(SCRIPT)).unwrap().is_empty(), "{name}");
            let back = document.edited(&remove(&document, Path::new(SCRIPT)).unwrap()).unwrap();
            assert!(back == old, "{name}: not as before");
        }
    }

    #[test]
    fn the_shellcmd_package_keeps_its_own_list() {
        let old = fixture("2.8");
        let document = Document::read(&old).unwrap();
        assert!(has_package(&document), "the captured file has the package");
        assert_eq!(install(&document, Path::new(SCRIPT)).unwrap().len(), 3);
        let text = String::from_utf8(old).unwrap().replace("<name>Shellcmd</name>", "<name>Cron</name>");
        let document = Document::read(text.as_bytes()).unwrap();
        let edits = install(&document, Path::new(SCRIPT)).unwrap();
        assert!(edits.iter().all(|it| *it.path() != ["installedpackages", "shellcmdsettings", "config"]), "{edits:?}");
        assert_eq!(edits.len(), 2);
    }

    #[test]
    fn a_disabled_command_is_not_enabled_behind_its_owner() {
        let text = String::from_utf8(installed(&fixture("2.8"))).unwrap();
        let text = text.replace("<cmdtype>earlyshellcmd</cmdtype>", "<cmdtype>disabled</cmdtype>");
        let document = Document::read(text.as_bytes()).unwrap();
        let error = install(&document, Path::new(SCRIPT)).unwrap_err();
        assert!(error.what().contains("Shellcmd package"), "{error}");
        // Nor is it removed with ours.
        assert_eq!(remove(&document, Path::new(SCRIPT)).unwrap().len(), 2);
    }

    #[test]
    fn foreign_services_and_commands_stay_wherever_ours_have_moved() {
        let text = String::from_utf8(installed(&fixture("2.8"))).unwrap();
        let other = "<service>\n\t\t\t<name>x</name>\n\t\t\t<rcfile>x.sh</rcfile>\n\t\t\t<executable>x</executable>\n\t\t</service>";
        let text = text.replacen("\t\t<service>", &format!("\t\t{other}\n\t\t<service>"), 1);
        let document = Document::read(text.as_bytes()).unwrap();
        let new = document.edited(&remove(&document, Path::new(SCRIPT)).unwrap()).unwrap();
        let document = Document::read(&new).unwrap();
        assert_eq!(list(&document, SERVICES).len(), 1);
        let left = entries(&document, Path::new(SCRIPT));
        assert!(!(left.service || left.early || left.package && left.in_package));
        let mine = text.replace(
            "<rcfile>x.sh</rcfile>\n\t\t\t<executable>x<",
            "<rcfile>x.sh</rcfile>\n\t\t\t<executable>kea-dhcp-ddns<",
        );
        let document = Document::read(mine.as_bytes()).unwrap();
        assert!(install(&document, Path::new(SCRIPT)).unwrap_err().what().contains("another rc file"));
    }

    #[test]
    fn the_way_back_of_an_include_is_by_value() {
        let old = fixture("2.8");
        let document = Document::read(&old).unwrap();
        let edits = install(&document, Path::new(SCRIPT)).unwrap();
        let back = document.inverse(&edits);
        assert!(back.iter().all(|it| matches!(it, Edit::Exclude { .. })), "{back:?}");
        let new = document.edited(&edits).unwrap();
        let new = Document::read(&new).unwrap();
        assert!(!new.holds(&back).unwrap());
        assert!(new.edited(&back).unwrap() == old);
    }

    #[test]
    fn only_what_ends_in_sh_is_run() {
        let old = fixture("2.8");
        for path in ["/usr/local/etc/rc.d/d2", "/usr/local/etc/rc.d/a b.sh", "d2.sh", "/x;reboot.sh"] {
            assert!(install(&Document::read(&old).unwrap(), Path::new(path)).is_err(), "{path}");
        }
    }
}
