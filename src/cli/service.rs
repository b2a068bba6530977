//! Commands that keep D2 running on pfSense.

use super::Go;
use clap::Subcommand;

/// D2 as a service.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Put its start script in place, name it in Status > Services, and start it at boot before DHCP
    #[command(after_help = "Examples:\n  pfddns kea service install --dry-run\n  pfddns kea service install")]
    Install(#[command(flatten)] Go),
    /// Take out exactly what `install` put in; a D2 that runs goes on
    #[command(after_help = "Examples:\n  pfddns kea service remove")]
    Remove(#[command(flatten)] Go),
    /// Show script, entries and daemon; exit 5 if something of it is missing, 1 if D2 should run and does not
    #[command(
        after_help = "Examples:\n  pfddns kea service status\n  pfddns --json kea service status | jq '.firewalls[].running'"
    )]
    Status,
    /// Start D2 if it should run and does not; made for cron
    #[command(after_help = ENSURE)]
    Ensure {
        /// Say whether it is down and start nothing
        #[arg(long = "dry-run")]
        only_plan: bool,
    },
}

const ENSURE: &str =
    "It should run if config.xml names it as a service (`kea service install`). A D2 that runs is never touched.
No journal is kept, and an unfinished run is no obstacle.

Exit codes:
  0  it runs, or was started and answers
  1  it is down and could not be started
  2  bad configuration, or it is no service here
  5  it is down (--dry-run)

Examples:
  pfddns kea service ensure
  * * * * * root /usr/local/bin/pfddns kea service ensure >/dev/null     # in pfSense: Services > Cron";
