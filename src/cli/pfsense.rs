//! The commands `dhcp`, `unbound` and `backup`: pfSense's own configuration, and the files kept of it.

use super::Go;
use clap::Subcommand;
use std::net::{IpAddr, Ipv4Addr};

/// pfSense's DHCP server.
#[derive(Debug, Subcommand)]
pub enum Dhcp {
    /// Show interfaces, ranges, DNS servers, pools and static maps
    #[command(after_help = "Examples:\n  pfddns dhcp show\n  pfddns --json dhcp show | jq '.scopes[].\"dns-servers\"'")]
    Show {
        /// Ask each DNS server whether it answers and knows our names
        #[arg(long)]
        check: bool,
    },
    /// Set the DNS servers that clients of an interface get (option 6)
    #[command(
        name = "dns-servers",
        after_help = "Examples:\n  pfddns dhcp dns-servers lan 10.0.10.1 10.0.10.53\n  pfddns dhcp dns-servers lan 10.0.10.1 94.140.14.14 --dry-run\n  pfddns dhcp dns-servers lan --default"
    )]
    DnsServers {
        /// Interface: its key in pfSense (lan, opt1) or its description
        interface: String,
        /// IPv4 addresses, in the order clients try them; pfSense's web interface keeps four
        #[arg(required_unless_present = "default")]
        servers: Vec<Ipv4Addr>,
        /// Let pfSense choose again: the interface's own address, or the system's servers
        #[arg(long, conflicts_with = "servers")]
        default: bool,
        /// Ask each of them first whether it answers and knows our names
        #[arg(long)]
        check: bool,
        /// Show only, or confirm
        #[command(flatten)]
        go: Go,
    },
    /// The switch that makes kea-dhcp4 send clients' names to D2
    #[command(subcommand)]
    Ddns(DhcpDdns),
}

/// kea-dhcp4's DDNS switch.
#[derive(Debug, Subcommand)]
pub enum DhcpDdns {
    /// Turn it on for the interfaces whose subnet is in pfddns.toml
    ///
    /// pfSense 2.8 and later store it permanently, as custom Kea JSON in config.xml. pfSense 2.7 can't store it, and writes
    /// Kea's file again at each boot, DHCP or DNS Resolver save and WAN address change.
    #[command(
        after_help = "Examples:\n  pfddns dhcp ddns enable --dry-run\n  pfddns dhcp ddns enable\n  pfddns dhcp ddns enable --until-regenerated    (pfSense 2.7; from cron, each minute)"
    )]
    Enable {
        /// pfSense 2.7: edit Kea's generated file; the edit lasts until pfSense writes that file again. The same
        /// command then repeats the edit, and does nothing while the edit is in the file
        #[arg(long)]
        until_regenerated: bool,
        /// Show only, or confirm
        #[command(flatten)]
        go: Go,
    },
    /// Remove exactly what `enable` added
    #[command(after_help = "Examples:\n  pfddns dhcp ddns disable")]
    Disable(#[command(flatten)] Go),
    /// Show whether it is in config.xml and in the running daemon; exit 5 if not
    #[command(after_help = "Examples:\n  pfddns dhcp ddns status")]
    Status,
}

/// pfSense's DNS Resolver.
#[derive(Debug, Subcommand)]
pub enum Unbound {
    /// Show domain overrides and custom options
    #[command(after_help = "Examples:\n  pfddns unbound show")]
    Show,
    /// Make it ask these servers for zones (domain overrides)
    #[command(
        after_help = "Examples:\n  pfddns unbound forward --to 10.0.10.53\n  pfddns unbound forward lan.example 10.0.10.in-addr.arpa --to 10.0.10.53 --dry-run\n  pfddns unbound forward --remove"
    )]
    Forward {
        /// Zones [default: all of pfddns.toml]
        zones: Vec<String>,
        /// Servers
        #[arg(long = "to", value_name = "IP", required_unless_present = "remove")]
        servers: Vec<IpAddr>,
        /// Remove what pfddns added
        #[arg(long, conflicts_with = "servers")]
        remove: bool,
        /// Show only, or confirm
        #[command(flatten)]
        go: Go,
    },
    /// Make it keep a copy of zones, so that names resolve when the servers are down (auth-zone)
    #[command(
        name = "auth-zone",
        after_help = "Examples:\n  pfddns unbound auth-zone --from 10.0.10.53\n  pfddns unbound auth-zone lan.example --remove"
    )]
    AuthZone {
        /// Zones [default: all of pfddns.toml]
        zones: Vec<String>,
        /// Servers to transfer from; they must allow it
        #[arg(long = "from", value_name = "IP", required_unless_present = "remove")]
        servers: Vec<IpAddr>,
        /// Remove what pfddns added
        #[arg(long, conflicts_with = "servers")]
        remove: bool,
        /// Show only, or confirm
        #[command(flatten)]
        go: Go,
    },
}

/// Backups on each firewall.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// List them, oldest first
    #[command(
        after_help = "Examples:\n  pfddns backup list\n  pfddns --json backup list | jq -r '.backups[] | select(.of == \"d2\").name'"
    )]
    List,
    /// Show what differs between a backup and the file in use, secrets hidden
    #[command(after_help = "Examples:\n  pfddns backup diff config.xml.20260314T021500Z-dns-servers-1f2e")]
    Diff {
        /// Its name
        name: String,
    },
    /// Restore one; pfSense uses it from its next rebuild or reboot
    #[command(
        after_help = "In a pair, each firewall with a backup of that name gets its own; --host limits this to one firewall.\n\nExamples:\n  pfddns backup restore config.xml.20260314T021500Z-dns-servers-1f2e --dry-run\n  pfddns --host admin@fw2 backup restore kea-dhcp-ddns.conf.20260314T021500Z-rotate-1f2e"
    )]
    Restore {
        /// Its name
        name: String,
        /// Show only, or confirm
        #[command(flatten)]
        go: Go,
    },
    /// Remove old backups and journals; the newest good one of each file and unfinished runs always stay
    #[command(after_help = "Examples:\n  pfddns backup prune --keep 20 --older-than-days 30 --dry-run")]
    Prune {
        /// Keep at least this many of each file
        #[arg(long, default_value_t = 30)]
        keep: usize,
        /// Only those older than this
        #[arg(long, default_value_t = 30, value_name = "DAYS")]
        older_than_days: u32,
        /// Show only, or confirm
        #[command(flatten)]
        go: Go,
    },
}
