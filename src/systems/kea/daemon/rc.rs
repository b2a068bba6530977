//! D2's start script on pfSense: its text for a site's paths, the owner of an installed script, and how to run it.

use super::apply;
use crate::error::{Error, Result};
use crate::world::{Host, World};
use std::path::Path;
use std::time::Duration;

/// Its second line distinguishes pfddns's script from a foreign one. No package contains it: it would be removed with the
/// package, and D2 would not start at the next boot.
const TEMPLATE: &str = include_str!("../../../../templates/rc.d/pfddns_d2.sh");
/// The script checks the file first, which takes as long as `-t` does.
const RUN: Duration = Duration::from_secs(90);

/// The paths in the script.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// `kea-dhcp-ddns`
    pub program: &'a Path,
    /// Its file.
    pub config: &'a Path,
    /// Folder of its pid file and control socket, made with mode 0750.
    pub run: &'a Path,
}

/// An installed script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// As it should be.
    Ours,
    /// Ours, but of another version or for other paths.
    Old,
    /// Foreign.
    Foreign,
}

/// The script for these paths.
pub fn script(names: &Names<'_>) -> String {
    let mut text = String::with_capacity(TEMPLATE.len());
    for line in TEMPLATE.split_inclusive('\n') {
        let name = line.split_once('=').map_or("", |it| it.0);
        let path = match name {
            "program" => names.program,
            "config" => names.config,
            "run" => names.run,
            _ => {
                text.push_str(line);
                continue;
            }
        };
        text.push_str(&format!("{name}={}\n", quoted(&path.display().to_string())));
    }
    text
}

/// The owner of a script.
pub fn whose(text: &[u8], names: &Names<'_>) -> Whose {
    if text == script(names).as_bytes() {
        Whose::Ours
    } else if is_ours(text) {
        Whose::Old
    } else {
        Whose::Foreign
    }
}

/// True if `kea service install` of any version installed it.
pub fn is_ours(text: &[u8]) -> bool {
    let head: String = TEMPLATE.split_inclusive('\n').take(2).collect();
    text.starts_with(head.as_bytes())
}

/// For the shell; plain paths stay readable.
fn quoted(path: &str) -> String {
    let harmless = |it: char| it.is_ascii_alphanumeric() || "/._-+".contains(it);
    if path.chars().all(harmless) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// Runs the script with `start`; it does nothing if D2 runs. The caller waits for D2.
pub fn start(host: &mut Host, script: &Path) -> Result<()> {
    call(host, script, "start")
}

/// Runs the script with `stop`: D2 finishes its queue first.
pub fn stop(host: &mut Host, script: &Path) -> Result<()> {
    call(host, script, "stop")
}

fn call(host: &mut Host, script: &Path, word: &str) -> Result<()> {
    let ran = host.run(&[&script.display().to_string(), word], b"", RUN)?;
    if ran.code == 0 {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&[ran.stderr, ran.stdout].concat()).into_owned();
    let said = super::socket::scrub(said.lines().last().unwrap_or("nothing"));
    Err(Error::new(format!("{} {word} ended with {}: {said}", script.display(), ran.code)))
}

/// Waits until D2 answers on its control socket.
pub async fn answers(world: &World, host: &crate::model::HostName, control: &Path) -> Result<()> {
    let up = async |world: &World| apply::running(world.host(host)?, control);
    world.until(Duration::from_secs(6), Duration::from_millis(100), "D2 answers on its control socket", up).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["/usr/local/sbin/kea-dhcp-ddns", "/usr/local/etc/kea/kea-dhcp-ddns.conf", "/var/run/kea"];

    fn names<'a>([program, config, run]: [&'a str; 3]) -> Names<'a> {
        Names { program: Path::new(program), config: Path::new(config), run: Path::new(run) }
    }

    #[test]
    fn the_template_is_the_script_of_the_default_paths() {
        assert_eq!(script(&names(NAMES)), TEMPLATE);
    }

    #[test]
    fn whose_it_is() {
        let mine = script(&names(NAMES));
        assert_eq!(whose(mine.as_bytes(), &names(NAMES)), Whose::Ours);
        let elsewhere = names(["/opt/d2", "/a b/it's.conf", "/var/run/kea"]);
        assert_eq!(whose(mine.as_bytes(), &elsewhere), Whose::Old);
        let older = mine.replace("sleep 0.1", "sleep 1");
        assert_eq!(whose(older.as_bytes(), &names(NAMES)), Whose::Old);
        let unmarked = mine.replacen("# Put here by", "# Laid here by", 1);
        assert_eq!(whose(unmarked.as_bytes(), &names(NAMES)), Whose::Foreign);
        assert_eq!(whose(b"#!/bin/sh\nkea-dhcp-ddns\n", &elsewhere), Whose::Foreign);
        assert!(script(&elsewhere).contains("\nconfig='/a b/it'\\''s.conf'\n"));
    }
}
