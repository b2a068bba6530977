//! The command line: types and help, no logic. Man page and completions come from here too.

mod pfsense;
mod service;

use crate::model::Destination;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

pub use pfsense::{Backup, Dhcp, DhcpDdns, Unbound};
pub use service::Service;

/// A shell with completions.
#[cfg(feature = "operator")]
pub type Shell = clap_complete::Shell;
/// A build without completions accepts any word, and its error says where the completions are.
#[cfg(not(feature = "operator"))]
pub type Shell = String;

/// TSIG keys, Kea DDNS and DNS servers around a pfSense firewall: planned, proven, undoable
#[derive(Debug, Parser)]
#[command(name = "pfddns", version, arg_required_else_help = true, subcommand_required = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// Configuration file [default: the platform's; environment: PFDDNS_CONFIG]
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Work on this firewall by ssh instead of those in the configuration; give two for an HA pair, the primary first
    #[arg(long = "host", global = true, value_name = "[USER@]HOST", value_parser = Destination::new)]
    pub hosts: Vec<Destination>,
    /// One JSON document on stdout instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Log to stderr; -vv logs requests, -vvv everything
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done, or nothing to do
  1  failed, nothing changed
  2  bad command line or configuration
  3  stopped midway and undone
  4  stopped midway, needs a person (the journal's path is the last line)
  5  changes are pending (plan, --dry-run)

Examples:
  pfddns plan                 what would change to turn dynamic updates on
  pfddns apply                do it
  pfddns tsig rotate          replace the TSIG key everywhere, without losing an update
  pfddns verify               prove that signed updates work and all others are refused";

const HANDS: &str =
    "A line protocol on standard input and output: files, locks, sockets, a fixed list of programs, and DNS messages from this
    machine's own address. It needs no configuration. When its input ends, or is silent for a minute, it releases its locks
    and ends.

Examples:
  ssh -T admin@fw /usr/local/bin/pfddns hands     what --host admin@fw does";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the configuration as pfddns reads it, or a template with every option
    #[command(after_help = "Examples:\n  pfddns config --template > pfddns.toml\n  pfddns --config pfddns.toml config")]
    Config {
        /// Print a commented file with every option and its default
        #[arg(long)]
        template: bool,
    },
    /// Show the current state: keys, servers, zones, D2, bypass, unfinished runs
    #[command(after_help = "Examples:\n  pfddns status\n  pfddns --json status | jq .problems")]
    Status,
    /// Show what would change; exit 5 if anything would
    #[command(
        after_help = "Examples:\n  pfddns plan\n  pfddns plan rotate --out rotate.plan && pfddns apply rotate.plan"
    )]
    Plan {
        /// What to plan
        #[arg(value_enum, default_value_t = Task::Ddns)]
        task: Task,
        /// Save the plan (mode 0600, no secrets in it) for `pfddns apply FILE`
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Do what `plan` shows, or a saved plan if nothing has changed since
    #[command(after_help = "Examples:\n  pfddns apply\n  pfddns apply rotate.plan")]
    Apply {
        /// A plan saved by `pfddns plan --out`
        file: Option<PathBuf>,
        /// How D2 is reloaded; show only, or confirm
        #[command(flatten)]
        how: Reload,
    },
    /// List the runs of this site, newest last
    #[command(after_help = "Examples:\n  pfddns runs\n  pfddns --json runs | jq '.runs[-1]'")]
    Runs,
    /// Continue the run that was cut off
    #[command(after_help = "Examples:\n  pfddns resume --dry-run\n  pfddns resume")]
    Resume(#[command(flatten)] Look),
    /// Undo the unfinished run, the newest run, or the named run
    #[command(
        after_help = "Examples:\n  pfddns undo --dry-run\n  pfddns undo\n  pfddns undo 20260314T021500Z-rotate-1f2e"
    )]
    Undo {
        /// Name of the run, as `pfddns runs` shows it
        run: Option<String>,
        /// Show only
        #[command(flatten)]
        look: Look,
    },
    /// TSIG keys
    #[command(subcommand)]
    Tsig(Tsig),
    /// Kea's DDNS daemon
    #[command(subcommand)]
    Kea(Kea),
    /// Prove by use that signed updates are accepted and all others refused; leaves nothing behind
    #[command(after_help = "Examples:\n  pfddns verify\n  pfddns --json verify | jq '{accepted, refused, lost}'")]
    Verify(#[command(flatten)] Look),
    /// Emergency: let the listed addresses send updates without a key for a limited time
    #[command(subcommand)]
    Bypass(Bypass),
    /// pfSense's DHCP server: the settings that clients get, and its switch for DDNS
    #[command(subcommand)]
    Dhcp(Dhcp),
    /// pfSense's DNS Resolver: the internal zone and its reverse zones
    #[command(subcommand)]
    Unbound(Unbound),
    /// Backups of config.xml and D2's file from before each change, and the journals of runs
    #[command(subcommand)]
    Backup(Backup),
    /// Serve a pfddns on another machine, which starts this through ssh (--host); not for typing
    #[command(after_help = HANDS)]
    Hands,
    /// Print completions for a shell; on a firewall the package installs them
    #[command(after_help = "Examples:\n  pfddns completions bash > /etc/bash_completion.d/pfddns")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the JSON schema of pfddns.toml or of what --json answers; without a name, list them
    #[command(after_help = "Examples:\n  pfddns schema status\n  pfddns schema pfddns.toml > pfddns.schema.json")]
    Schema {
        /// `document` in a --json answer, `plan-file` for `plan --out`, or `pfddns.toml`
        name: Option<String>,
    },
    /// Print the man page; on a firewall the package installs it
    #[command(after_help = "Examples:\n  pfddns man | man -l -")]
    Man,
}

/// For commands that change something.
#[derive(Debug, Args, Default)]
pub struct Go {
    /// Show the plan and stop; exit 5 if anything would change
    #[arg(long = "dry-run")]
    pub only_plan: bool,
    /// Accept a danger by the name that the plan gives it; can be repeated
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}

/// For commands that need no confirmation.
#[derive(Debug, Args, Default)]
pub struct Look {
    /// Show what would be done and stop; exit 5 if anything would
    #[arg(long = "dry-run")]
    pub only_plan: bool,
}

/// For commands that reload D2.
#[derive(Debug, Args, Default)]
pub struct Reload {
    /// Don't pause DHCP while D2 reloads: works when kea-dhcp4 does not answer, but requests of that moment can be lost
    #[arg(long = "no-pause")]
    pub no_pause: bool,
    /// Show only, or confirm
    #[command(flatten)]
    pub go: Go,
}

/// What `plan` can plan.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Task {
    /// Everything that is missing: key, servers, grants, D2
    Ddns,
    /// Key, servers and grants only
    Generate,
    /// Replace the key
    Rotate,
    /// D2's file only
    KeaRender,
    /// Probes only
    Verify,
}

/// TSIG keys.
#[derive(Debug, Subcommand)]
pub enum Tsig {
    /// Make the first key, add it to every server, allow it in every zone, and prove it
    #[command(after_help = "Examples:\n  pfddns tsig generate --dry-run\n  pfddns tsig generate")]
    Generate(#[command(flatten)] Go),
    /// Replace the key everywhere, without losing an update
    #[command(after_help = "Examples:\n  pfddns tsig rotate --dry-run\n  pfddns tsig rotate")]
    Rotate(#[command(flatten)] Reload),
    /// Show keys with fingerprints and ages, and where they are
    #[command(after_help = "Examples:\n  pfddns tsig status")]
    Status,
}

/// Kea's DDNS daemon.
#[derive(Debug, Subcommand)]
pub enum Kea {
    /// Write kea-dhcp-ddns.conf from pfddns.toml, check it, reload D2 and read it back
    #[command(after_help = "Examples:\n  pfddns kea render --dry-run\n  pfddns kea render")]
    Render(#[command(flatten)] Reload),
    /// Check D2's and the DHCP server's files for mistakes that Kea does not report; exit 1 on an error or a missing answer
    #[command(
        after_help = "Examples:\n  pfddns kea lint\n  pfddns kea lint /etc/kea/kea-dhcp-ddns.conf /etc/kea/kea-dhcp4.conf --kea 2.6.3"
    )]
    Lint {
        /// Files of kea-dhcp-ddns, kea-dhcp4 or kea-dhcp6 [default: those of pfddns.toml]
        files: Vec<PathBuf>,
        /// The version that will read them [default: the installed one]
        #[arg(long, value_name = "VERSION")]
        kea: Option<String>,
    },
    /// Show which domain, server and key an update for a name or an address would use, and why
    #[command(after_help = "Examples:\n  pfddns kea explain printer\n  pfddns kea explain 10.0.10.7 --running")]
    Explain {
        /// Short or full names, and addresses
        #[arg(required = true, value_name = "NAME|IP")]
        asked: Vec<String>,
        /// Files to look at [default: those of pfddns.toml]
        #[arg(long = "file", value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Ask the running D2 instead of its file
        #[arg(long)]
        running: bool,
    },
    /// D2 as a service of pfSense, which never starts it by itself
    #[command(subcommand)]
    Service(Service),
    /// Send again the names of active leases that are missing in DNS
    #[command(
        after_help = "Examples:\n  pfddns kea heal --dry-run\n  pfddns kea heal --leases /var/db/kea/dhcp4.leases"
    )]
    Heal {
        /// A lease file of Kea [default: the leases of the running DHCP servers, from their files or lease commands]
        #[arg(long, value_name = "FILE")]
        leases: Option<PathBuf>,
        /// Stop if more than this share of the active leases is missing in DNS
        #[arg(long, value_name = "PERCENT", default_value_t = 50)]
        max_percent: usize,
        /// Show only, or confirm
        #[command(flatten)]
        go: Go,
    },
}

/// The emergency bypass.
#[derive(Debug, Subcommand)]
pub enum Bypass {
    /// Start it: zones accept unsigned updates from their listed addresses, and D2 sends unsigned updates
    #[command(
        after_help = "Examples:\n  pfddns bypass enable --for 2h --reason 'vault lost the key'\n  pfddns bypass enable --for 2h --reason 'vault is down, and ns2 too' --without ns2"
    )]
    Enable {
        /// How long, for example 30m or 2h; at most 24h. The first pfddns command after that time ends it
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        time: Duration,
        /// Why; `bypass status` and `status` show it
        #[arg(long)]
        reason: String,
        /// Leave out a server that can't be reached; its zones need another server. Can be repeated
        #[arg(long, value_name = "SERVER")]
        without: Vec<String>,
        /// Show only, or confirm
        #[command(flatten)]
        go: Go,
    },
    /// Show whether a bypass is active, since when and why
    #[command(after_help = "Examples:\n  pfddns bypass status")]
    Status,
    /// End it: restore exactly the old rules
    #[command(after_help = "Examples:\n  pfddns bypass disable")]
    Disable(#[command(flatten)] Go),
}

/// Reads `90s`, `30m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("a number and s, m or h, for example 30m".into()),
    };
    let number: u64 = number.parse().map_err(|_| "a number and s, m or h, for example 30m".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}
