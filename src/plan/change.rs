//! The changes there are. Each can be saved, read, done twice and taken back; none holds a secret.

use super::bypass::BypassState;
use super::{check::many, moves};
use super::{firewall, rewire, supervise};
use crate::config::Config;
use crate::error::Result;
use crate::model::words::have;
use crate::model::{HostName, KeyName, KeyRef, ServerName, ZoneName, ZoneRules};
use crate::systems::kea::dhcp::generated::Wiring;
use crate::systems::pfsense;
use crate::systems::pfsense::Rebuild;
use crate::world::{Digest, World};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

/// One change of the world.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Makes a random secret and stores it, if the store is still at the version before the key's.
    StoreKey { key: KeyRef },
    /// Takes a key out of the store's newest version.
    ForgetKey { key: KeyName },
    /// Names the key in use.
    MarkCurrent { key: KeyName },
    /// Marks a key as retired, or takes the mark away. Its secret stays, for proofs and for going back.
    Retire { key: KeyName, retired: bool },
    /// Gives a server the key.
    AddServerKey { server: ServerName, key: KeyRef },
    /// Takes the key from a server.
    RemoveServerKey { server: ServerName, key: KeyName },
    /// Lets the key update these zones; rows of other keys stay.
    Grant { server: ServerName, zones: Vec<ZoneName>, key: KeyName },
    /// Takes the key's rows away; rows of other keys stay. Never leaves a zone without any row.
    Revoke { server: ServerName, zones: Vec<ZoneName>, key: KeyName },
    /// Sets the update rules of one zone, if they are still `replaces`.
    SetRules { server: ServerName, zone: ZoneName, replaces: ZoneRules, rules: ZoneRules },
    /// Bypass: lets the listed addresses update without a signature. Never any address.
    OpenZone { server: ServerName, zone: ZoneName, replaces: ZoneRules, rules: ZoneRules },
    /// Waits until the servers have everything on disk; a server that restarted meanwhile is given the key again.
    Settle {
        servers: Vec<ServerName>,
        zones: Vec<ZoneName>,
        present: Option<KeyRef>,
        absent: Option<KeyName>,
        /// A second key that must be there: a server may come back from a restart without any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<KeyRef>,
    },
    /// Writes a probe record in each zone with the key, reads it, removes it, and sees it gone.
    Probe { server: ServerName, zones: Vec<ZoneName>, key: KeyRef },
    /// Takes the probe records away, if a cut-off run left any.
    ForgetProbe { server: ServerName, zones: Vec<ZoneName>, key: KeyRef },
    /// Sends updates that must be refused in each zone: unsigned, with a wrong secret, with an unknown key, with each
    /// retired key. They would change nothing if they were accepted.
    ProbeRefusals { server: ServerName, zones: Vec<ZoneName>, key: KeyRef, retired: Vec<KeyRef> },
    /// Writes D2's file for this key (`None`: unsigned), after a backup, and has D2 take it over without losing a request.
    InstallD2 {
        host: HostName,
        key: Option<KeyRef>,
        replaces: Option<Digest>,
        backup: PathBuf,
        /// True: DHCP is not held while D2 reloads.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        no_pause: bool,
    },
    /// Puts the backed-up D2 file back (removes the file if there was none) and has D2 take it over.
    RestoreD2 {
        host: HostName,
        backup: PathBuf,
        existed: bool,
        /// True: DHCP is not held while D2 reloads.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        no_pause: bool,
    },
    /// Puts another kept file in D2's place, after a backup of the one there, and has D2 take it over.
    ReplaceD2 { host: HostName, with: PathBuf, replaces: Option<Digest>, backup: PathBuf },
    /// Sends D2 a request of our own for a probe name and sees it arrive in DNS, signed with the key; then removes it.
    ProbeD2 { host: HostName, key: KeyName, zone: ZoneName },
    /// Takes the probe name away, if a cut-off run left it.
    ForgetD2Probe { host: HostName, zone: ZoneName },
    /// Waits until D2 can have no update signed with the old key under way; on the other firewalls too.
    Drain {
        host: HostName,
        key: KeyName,
        milliseconds: u64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<HostName>,
    },
    /// Asks D2 to register the names of active leases that DNS lacks; stops if they are more than this percentage.
    Heal {
        host: HostName,
        /// Their file; without one, what the running DHCP servers have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        leases: Option<PathBuf>,
        percent: usize,
    },
    /// Edits pfSense's configuration under its lock, after a backup, and has pfSense rebuild what it concerns.
    EditFirewall {
        host: HostName,
        edits: Vec<pfsense::Edit>,
        reason: String,
        run: String,
        replaces: Option<Digest>,
        rebuild: Option<Rebuild>,
    },
    /// Puts our keys into the file that pfSense generates for kea-dhcp4 (`None`: takes them out), after a backup, and has
    /// it loaded.
    RewireDhcp { host: HostName, wiring: Option<Box<Wiring>>, replaces: Option<Digest>, backup: PathBuf },
    /// Puts D2's start script in place, after a backup of what it replaces.
    PutScript { host: HostName, replaces: Option<Digest>, backup: PathBuf },
    /// Puts the script of before back, with its mode (`None`: there was none).
    RestoreScript { host: HostName, backup: PathBuf, mode: Option<u32> },
    /// Takes the script away that pfddns put there, after a backup.
    RemoveScript { host: HostName, backup: PathBuf },
    /// Starts D2 through its script, and waits until it answers.
    StartD2 { host: HostName },
    /// Ends D2 through its script: it finishes what it has.
    StopD2 { host: HostName },
    /// Puts a whole earlier configuration of pfSense back, after a backup.
    RestoreFirewall { host: HostName, backup: PathBuf, run: String, replaces: Option<Digest> },
    /// Removes old backups. Never the newest one that pfSense would read.
    RemoveBackups { host: HostName, files: Vec<PathBuf> },
    /// Writes down which rules to go back to, until when, and why.
    BeginBypass { state: BypassState },
    /// Removes that note.
    EndBypass { state: BypassState },
}

/// What a change saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Evidence {
    /// Probe updates that were accepted and read back.
    pub accepted: u64,
    /// Probe updates that were refused, as they had to be.
    pub refused: u64,
    /// Updates sent through D2 that arrived.
    pub arrived: u64,
    /// Updates that were accepted and never arrived.
    pub lost: u64,
    /// Anything else worth a word.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Evidence {
    /// Just a word.
    pub fn note(text: impl Into<String>) -> Self {
        Self { note: text.into(), ..Self::default() }
    }

    /// Adds the counts; the last note stays.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.arrived += other.arrived;
        self.lost += other.lost;
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts =
            [(self.accepted, "accepted"), (self.refused, "refused"), (self.arrived, "arrived"), (self.lost, "lost")];
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        let note = (!self.note.is_empty()).then(|| self.note.clone());
        f.write_str(&counts.chain(note).collect::<Vec<_>>().join(", "))
    }
}

impl Change {
    /// True if only the secret store learns of it: no server and no D2 works otherwise for it.
    pub(super) fn is_noted_in_store(&self) -> bool {
        matches!(self, Self::StoreKey { .. } | Self::ForgetKey { .. } | Self::MarkCurrent { .. } | Self::Retire { .. })
    }

    /// True if it only asks, or takes away again what it wrote: there is nothing to take back.
    pub(super) fn leaves_nothing(&self) -> bool {
        matches!(self, Self::Probe { .. } | Self::ProbeRefusals { .. } | Self::Drain { .. })
    }

    /// True if it writes more than once, so that a cut-off may leave it with neither what holds before nor what holds
    /// after. Each of these refuses to write over what is neither the old nor its own, and is simply made again.
    pub(super) fn writes_more_than_once(&self) -> bool {
        matches!(
            self,
            Self::Grant { .. }
                | Self::Revoke { .. }
                | Self::InstallD2 { .. }
                | Self::RestoreD2 { .. }
                | Self::ReplaceD2 { .. }
                | Self::EditFirewall { .. }
                | Self::RestoreFirewall { .. }
                | Self::RewireDhcp { .. }
                | Self::PutScript { .. }
                | Self::RemoveScript { .. }
        )
    }

    /// The same change without holding DHCP while D2 reloads.
    pub(super) fn do_not_pause(&mut self) -> bool {
        match self {
            Self::InstallD2 { no_pause, .. } | Self::RestoreD2 { no_pause, .. } => {
                *no_pause = true;
                true
            }
            _ => false,
        }
    }

    /// The firewall it is made on, where it is made on one.
    fn host(&self) -> Option<&HostName> {
        match self {
            Self::InstallD2 { host, .. }
            | Self::RestoreD2 { host, .. }
            | Self::ReplaceD2 { host, .. }
            | Self::ProbeD2 { host, .. }
            | Self::ForgetD2Probe { host, .. }
            | Self::Heal { host, .. }
            | Self::EditFirewall { host, .. }
            | Self::RestoreFirewall { host, .. }
            | Self::RewireDhcp { host, .. }
            | Self::PutScript { host, .. }
            | Self::RestoreScript { host, .. }
            | Self::RemoveScript { host, .. }
            | Self::StartD2 { host }
            | Self::StopD2 { host }
            | Self::RemoveBackups { host, .. } => Some(host),
            _ => None,
        }
    }

    /// Makes the change. Only `apply`'s loop calls this.
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        let config = &*match self.host() {
            Some(host) => config.on(host)?,
            None => Cow::Borrowed(config),
        };
        match self {
            Self::StoreKey { key } => moves::store_key(config, world, key).await,
            Self::ForgetKey { key } => moves::forget_key(config, world, key).await,
            Self::MarkCurrent { key } => moves::mark_current(config, world, key).await,
            Self::Retire { key, retired } => moves::retire(config, world, key, *retired).await,
            Self::AddServerKey { server, key } => moves::add_server_key(config, world, server, key).await,
            Self::RemoveServerKey { server, key } => moves::remove_server_key(config, world, server, key).await,
            Self::Grant { server, zones, key } => moves::grant(config, world, server, zones, key).await,
            Self::Revoke { server, zones, key } => moves::revoke(config, world, server, zones, key).await,
            Self::SetRules { server, zone, replaces, rules } => {
                moves::set_rules(config, world, server, zone, replaces, rules).await
            }
            Self::OpenZone { server, zone, replaces, rules } => {
                moves::open_zone(config, world, server, zone, replaces, rules).await
            }
            Self::Settle { servers, zones, present, absent, keep } => {
                let wanted =
                    moves::Wanted { zones, present: [present.as_ref(), keep.as_ref()], absent: absent.as_ref() };
                moves::settle(config, world, servers, &wanted).await
            }
            Self::Probe { server, zones, key } => moves::probe(config, world, server, zones, key).await,
            Self::ForgetProbe { server, zones, key } => moves::forget_probe(config, world, server, zones, key).await,
            Self::ProbeRefusals { server, zones, key, retired } => {
                moves::probe_refusals(config, world, server, zones, key, retired).await
            }
            Self::InstallD2 { host, key, replaces, backup, no_pause } => {
                let place = moves::D2Place { host, backup, no_pause: *no_pause };
                moves::install_d2(config, world, &place, key.as_ref(), replaces.as_ref()).await
            }
            Self::RestoreD2 { host, backup, existed, no_pause } => {
                let place = moves::D2Place { host, backup, no_pause: *no_pause };
                moves::restore_d2(config, world, &place, *existed).await
            }
            Self::ReplaceD2 { host, with, replaces, backup } => {
                let place = moves::D2Place { host, backup, no_pause: false };
                moves::replace_d2(config, world, &place, with, replaces.as_ref()).await
            }
            Self::ProbeD2 { host, key, zone } => moves::probe_d2(config, world, host, key, zone).await,
            Self::ForgetD2Probe { host, zone } => moves::forget_d2_probe(config, world, host, zone).await,
            Self::Drain { host, key, milliseconds, also } => {
                let hosts: Vec<&HostName> = std::iter::once(host).chain(also).collect();
                moves::drain(config, world, &hosts, key, *milliseconds).await
            }
            Self::Heal { host, leases, percent } => moves::heal(config, world, host, leases.as_deref(), *percent).await,
            Self::EditFirewall { host, edits, reason, run, replaces, rebuild } => {
                let what = pfsense::Save { edits, reason, replaces: replaces.as_ref(), run };
                firewall::edit(config, world, host, &what, *rebuild).await
            }
            Self::RestoreFirewall { host, backup, run, replaces } => {
                firewall::restore(config, world, host, backup, run, replaces.as_ref())
            }
            Self::RewireDhcp { host, wiring, replaces, backup } => {
                rewire::rewire(config, world, host, wiring.as_deref(), replaces.as_ref(), backup)
            }
            Self::PutScript { host, replaces, backup } => {
                supervise::put_script(config, world, host, replaces.as_ref(), backup)
            }
            Self::RestoreScript { host, backup, mode } => supervise::restore_script(config, world, host, backup, *mode),
            Self::RemoveScript { host, backup } => supervise::remove_script(config, world, host, backup),
            Self::StartD2 { host } => supervise::start_d2(config, world, host).await,
            Self::StopD2 { host } => supervise::stop_d2(config, world, host).await,
            Self::RemoveBackups { host, files } => firewall::remove_backups(world, host, files),
            Self::BeginBypass { state } => super::bypass::begin(config, world, state),
            Self::EndBypass { .. } => super::bypass::end(config, world),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreKey { key } => write!(f, "store a new {} secret as {}", key.algorithm, key.secret),
            Self::ForgetKey { key } => write!(f, "take {key} out of the store"),
            Self::MarkCurrent { key } => write!(f, "name {key} as the key in use"),
            Self::Retire { key, retired: true } => write!(f, "mark {key} as retired in the store"),
            Self::Retire { key, retired: false } => write!(f, "take the retired mark from {key} in the store"),
            Self::AddServerKey { server, key } => write!(f, "give {server} key {} = {}", key.name, key.secret),
            Self::RemoveServerKey { server, key } => write!(f, "take key {key} from {server}"),
            Self::Grant { server, zones, key } => write!(f, "let {key} update {} on {server}", many(zones)),
            Self::Revoke { server, zones, key } => write!(f, "no more updates by {key} of {} on {server}", many(zones)),
            Self::SetRules { server, zone, rules, .. } => {
                write!(f, "set the update rules of {zone} on {server}: {rules}")
            }
            Self::OpenZone { server, zone, rules, .. } => write!(f, "open {zone} on {server}: {rules}"),
            Self::Settle { servers, .. } => write!(f, "wait until {} it on disk", have(servers)),
            Self::Probe { server, zones, key } => {
                write!(f, "write and remove a record in {} on {server} with {}", many(zones), key.name)
            }
            Self::ForgetProbe { server, zones, .. } => {
                write!(f, "take the probe record out of {} on {server}", many(zones))
            }
            Self::ProbeRefusals { server, zones, retired, .. } => {
                write!(
                    f,
                    "send unsigned, wrong, unknown and {} retired keys' updates to {} on {server}",
                    retired.len(),
                    many(zones)
                )
            }
            Self::InstallD2 { key: Some(key), .. } => write!(f, "write D2's file for {} and reload it", key.name),
            Self::InstallD2 { key: None, .. } => f.write_str("write D2's file without signatures and reload it"),
            Self::RestoreD2 { backup, existed: true, .. } => write!(f, "put back {}", backup.display()),
            Self::RestoreD2 { existed: false, .. } => f.write_str("remove D2's file"),
            Self::ReplaceD2 { with, .. } => write!(f, "put {} in place of D2's file and reload it", with.display()),
            Self::ProbeD2 { key, zone, .. } => {
                write!(f, "register and remove a probe name in {zone} through D2 with {key}")
            }
            Self::ForgetD2Probe { zone, .. } => write!(f, "take the probe name out of {zone}"),
            Self::Drain { key, milliseconds, .. } => {
                write!(f, "wait {milliseconds} ms for updates under way with {key}")
            }
            Self::Heal { leases: Some(file), .. } => {
                write!(f, "register the names in {} that DNS lacks", file.display())
            }
            Self::Heal { .. } => f.write_str("register the names of the DHCP servers' leases that DNS lacks"),
            Self::BeginBypass { state } => write!(f, "note the bypass until {:.0}", state.until),
            Self::EditFirewall { reason, rebuild: Some(what), .. } => {
                write!(f, "edit config.xml ({reason}) and have pfSense rebuild {what}")
            }
            Self::EditFirewall { reason, rebuild: None, .. } => write!(f, "edit config.xml ({reason})"),
            Self::RestoreFirewall { backup, .. } => write!(f, "put config.xml back from {}", backup.display()),
            Self::RewireDhcp { wiring: Some(_), .. } => {
                f.write_str("put DDNS into kea-dhcp4's generated file and load it")
            }
            Self::RewireDhcp { wiring: None, .. } => {
                f.write_str("take DDNS out of kea-dhcp4's generated file and load it")
            }
            Self::PutScript { .. } => f.write_str("put D2's start script in place"),
            Self::RestoreScript { mode: Some(_), .. } => f.write_str("put the start script of before back"),
            Self::RestoreScript { mode: None, .. } | Self::RemoveScript { .. } => {
                f.write_str("remove D2's start script")
            }
            Self::StartD2 { .. } => f.write_str("start D2"),
            Self::StopD2 { .. } => f.write_str("stop D2"),
            Self::RemoveBackups { files, .. } => write!(f, "remove {} old backups and journals", files.len()),
            Self::EndBypass { .. } => f.write_str("remove the note of the bypass"),
        }
    }
}
