//! Commands that keep D2 running on pfSense.

use super::Go;
use clap::Subcommand;

/// D2 as a service.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Install its start script, add it to Status > Services, and start it at boot before DHCP
    #[command(after_help = "Examples:\n  pfddns kea service install --dry-run\n  pfddns kea service install")]
    Install(#[command(flatten)] Go),
    /// Remove exactly what `install` added; a running D2 keeps running
    #[command(after_help = "Examples:\n  pfddns kea service remove")]
    Remove(#[command(flatten)] Go),
    /// Show script, entries and daemon; exit 5 if one is missing, 1 if D2 should run and does not
    #[command(
        after_help = "Examples:\n  pfddns kea service status\n  pfddns --json kea service status | jq '.firewalls[].running'"
    )]
    Status,
    /// Start D2 if it should run and does not; made for cron
    #[command(after_help = ENSURE)]
    Ensure {
        /// Only say whether it is down; start nothing
        #[arg(long = "dry-run")]
        only_plan: bool,
    },
}

const ENSURE: &str =
    "D2 should run if config.xml names it as a service (`kea service install`). A running D2 is never touched.
    This command keeps no journal and works while a run is unfinished.

Exit codes:
  0  it is running, or was started and answers
  1  it is down and could not be started
  2  bad configuration, or D2 is not a service here
  5  it is down (--dry-run)

Examples:
  pfddns kea service ensure
  * * * * * root /usr/local/bin/pfddns kea service ensure >/dev/null     # in pfSense: Services > Cron";
