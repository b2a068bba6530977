//! Has pfSense use a changed config.xml: its own PHP rebuilds Kea's or the resolver's configuration.
//! Must not be called while its configuration lock is held. Its exit code says little, so callers check the daemon.

use crate::error::{Error, Result};
use crate::world::Host;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A rebuild restarts daemons and may wait ten seconds for one to end.
const LIMIT: Duration = Duration::from_secs(120);
/// Printed when the script came to its end.
const END: &str = "pfddns: done";

/// What pfSense is to rebuild and restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Rebuild {
    /// Kea's DHCPv4 server; DHCPv6 and router advertisements are left alone.
    Dhcp,
    /// The DNS Resolver; DHCP is not restarted with it.
    Resolver,
}

impl fmt::Display for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dhcp => "the DHCP server",
            Self::Resolver => "the DNS Resolver",
        })
    }
}

/// The script for pfSense's PHP. `sync`: this is the primary of an HA pair, send the change to the other one.
pub fn script(what: Rebuild, sync: bool) -> String {
    let call = match what {
        Rebuild::Dhcp => "services_dhcpd_configure('inet');",
        Rebuild::Resolver => "services_unbound_configure(false);",
    };
    let sync = if sync { "carp_sync_client();\n" } else { "" };
    format!(
        "<?php\nrequire_once('config.inc');\nrequire_once('functions.inc');\nrequire_once('services.inc');\n{call}\n{sync}echo \"\\n{END}\\n\";\n"
    )
}

/// Runs it.
pub fn rebuild(host: &mut Host, php: &Path, what: Rebuild, sync: bool) -> Result<()> {
    let program = php.display().to_string();
    let ran = host.run(&[&program], script(what, sync).as_bytes(), LIMIT)?;
    if ran.stdout.windows(END.len()).any(|it| it == END.as_bytes()) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(if ran.stderr.is_empty() { &ran.stdout } else { &ran.stderr }).into_owned();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim().to_owned();
    Err(Error::new(format!("pfSense did not rebuild {what} (exit code {}); it said: {last}", ran.code))
        .hint("Status > Services shows what runs; `pfddns undo` restores the old configuration"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::local::Local;

    fn php(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("php");
        // Another process writes it: a child that another thread is just starting would inherit a file of ours, and
        // nobody could run it as long as it holds it ("Text file busy").
        std::fs::write(folder.path().join("text"), text).unwrap();
        let mut install = std::process::Command::new("/usr/bin/install");
        assert!(install.arg(folder.path().join("text")).arg(&path).status().unwrap().success());
        (folder, path)
    }

    #[test]
    fn the_end_of_the_script_counts_and_not_the_exit_code() {
        let mut host = Host::Local(Local);
        let (_folder, good) = php("#!/bin/sh\ncat >/dev/null\necho 'Starting'\necho 'pfddns: done'\nexit 1\n");
        rebuild(&mut host, &good, Rebuild::Dhcp, false).unwrap();
        let (_folder, bad) = php("#!/bin/sh\ncat >/dev/null\necho 'PHP Fatal error: TypeError' >&2\nexit 0\n");
        let error = rebuild(&mut host, &bad, Rebuild::Dhcp, false).unwrap_err().to_string();
        assert!(error.contains("it said: PHP Fatal error: TypeError"), "{error}");
    }

    #[test]
    fn the_script_calls_what_it_should() {
        assert!(script(Rebuild::Dhcp, true).contains("services_dhcpd_configure('inet');\ncarp_sync_client();\n"));
        assert!(!script(Rebuild::Resolver, false).contains("carp_sync"));
    }
}
