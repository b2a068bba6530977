//! pfSense's config.xml: writes it, has pfSense use it, and checks that pfSense did. After a rebuild it checks the process
//! and its socket; pfSense's own exit codes say little.

use super::{Evidence, Nature, Step, Undo, files};
use crate::config::{Config, Firewall, Writer};
use crate::error::{Doing, Error, Result};
use crate::model::{DomainName, HostName};
use crate::systems::dns;
use crate::systems::kea;
use crate::systems::pfsense::dhcp::{Backend, backend, is_ha_primary};
use crate::systems::pfsense::{self, Document, Edit, Paths, Save, unbound};
use crate::systems::pfsense::{Rebuild, rebuild};
use crate::world::{Digest, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// pfSense waits ten seconds for the old kea-dhcp4 to end, then starts the new one in the background.
const START: Duration = Duration::from_secs(30);

/// A change of config.xml.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "FirewallChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Edits pfSense's configuration under its lock, after a backup, and has pfSense rebuild the service it concerns.
    EditFirewall {
        host: HostName,
        edits: Vec<Edit>,
        reason: String,
        run: String,
        replaces: Option<Digest>,
        rebuild: Option<Rebuild>,
    },
    /// Restores a whole earlier configuration of pfSense, after a backup.
    RestoreFirewall { host: HostName, backup: PathBuf, run: String, replaces: Option<Digest> },
}

/// A fact about config.xml or a daemon that follows it.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "FirewallCheck"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// pfSense's configuration says this.
    FirewallSays { host: HostName, what: String, edits: Vec<Edit> },
    /// pfSense's configuration is that of this backup, except for its record of the last change.
    FirewallIs { host: HostName, backup: PathBuf },
    /// kea-dhcp4 runs and answers.
    DhcpRuns { host: HostName },
    /// The DNS Resolver answers, if it is on.
    ResolverRuns { host: HostName },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        match self {
            Self::EditFirewall { host, edits, reason, run, replaces, rebuild } => {
                let what = Save { edits, reason, replaces: replaces.as_ref(), run };
                save(config.firewall(host)?, world, &what, *rebuild).await
            }
            Self::RestoreFirewall { host, backup, run, replaces } => {
                restore(config.firewall(host)?, world, backup, run, replaces.as_ref())
            }
        }
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        let (Self::EditFirewall { host, .. } | Self::RestoreFirewall { host, .. }) = self;
        Nature { hosts: vec![host], writes_more_than_once: true, ..Nature::default() }
    }
}

impl Check {
    pub(super) async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        match self {
            Self::FirewallSays { host, what, edits } => says(config.firewall(host)?, world, what, edits),
            Self::FirewallIs { host, backup } => is(config.firewall(host)?, world, backup),
            Self::DhcpRuns { host } => dhcp_runs(config.firewall(host)?, world),
            Self::ResolverRuns { host } => resolver_runs(config.firewall(host)?, world).await,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirewallSays { what, .. } => write!(f, "config.xml says: {what}"),
            Self::FirewallIs { backup, .. } => write!(f, "config.xml is as in {}", backup.display()),
            Self::DhcpRuns { .. } => f.write_str("kea-dhcp4 runs"),
            Self::ResolverRuns { .. } => f.write_str("the DNS Resolver answers"),
        }
    }
}

/// Where pfSense's files and our backups are.
fn paths(firewall: &Firewall) -> Paths {
    let it = &firewall.pfsense;
    Paths {
        config: it.config.clone(),
        lock: it.lock.clone(),
        cache: it.cache.clone(),
        own_backups: files::backups(firewall),
        restore_points: it.restore_points.clone(),
    }
}

async fn save(firewall: &Firewall, world: &mut World, what: &Save<'_>, then: Option<Rebuild>) -> Result<Evidence> {
    let now = world.clock.now();
    let paths = paths(firewall);
    let host = world.host_mut(&firewall.name)?;
    let saved = match firewall.pfsense.writer {
        Writer::Pfddns => pfsense::save(host, &paths, what, now)?,
        Writer::Pfsense => pfsense::save_by_php(host, &paths, &firewall.pfsense.php, what)?,
    };
    let mut evidence = match &saved.backup {
        Some(backup) => Evidence::note(format!("backup {}", backup.display())),
        None => Evidence::note("it existed already"),
    };
    if let Some(what) = then {
        take_over(firewall, world, what).await?;
    }
    evidence.note.push_str(if then.is_some() { ", pfSense uses it now" } else { "" });
    Ok(evidence)
}

/// Runs pfSense's PHP with no lock held, then waits for the daemon.
async fn take_over(firewall: &Firewall, world: &mut World, what: Rebuild) -> Result<()> {
    let bytes = world.host(&firewall.name)?.read(&firewall.pfsense.config)?;
    let document = pfsense::read(&bytes)?;
    let (sync, kea) = (is_ha_primary(&document), backend(&document) == Backend::Kea);
    let asked = unbound::listens(&document);
    rebuild(world.host_mut(&firewall.name)?, &firewall.pfsense.php, what, sync)?;
    if what == Rebuild::Dhcp && kea {
        let up = async |world: &World| Ok(dhcp_runs(firewall, world).is_ok());
        world.until(START, Duration::from_millis(250), "kea-dhcp4 answers after its restart", up).await?;
    }
    if let (Rebuild::Resolver, Some(at)) = (what, asked) {
        let up = async |world: &World| Ok(answers(world, at).await.is_ok());
        world.until(START, Duration::from_millis(250), "the DNS Resolver answers after its restart", up).await?;
    }
    Ok(())
}

/// Any answer counts, also one without the name.
async fn answers(world: &World, at: SocketAddr) -> Result<()> {
    dns::lookup(world, at, &DomainName::new("localhost.")?, dns::Rtype::A).await.map(|_| ())
}

async fn resolver_runs(firewall: &Firewall, world: &World) -> Result<()> {
    let bytes = world.host(&firewall.name)?.read(&firewall.pfsense.config)?;
    match unbound::listens(&pfsense::read(&bytes)?) {
        None => Ok(()),
        Some(at) => answers(world, at).await.map_err(|error| {
            error.hint(
                "Status > System Logs > DNS Resolver says why it did not start; `unbound-checkconf` finds the line",
            )
        }),
    }
}

fn restore(
    firewall: &Firewall,
    world: &mut World,
    backup: &Path,
    run: &str,
    replaces: Option<&Digest>,
) -> Result<Evidence> {
    let now = world.clock.now();
    let host = world.host_mut(&firewall.name)?;
    let bytes = host.read(backup)?;
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    let reason = format!("restored from {name}");
    let what = Save { edits: &[], reason: &reason, replaces, run };
    let saved = pfsense::restore(host, &paths(firewall), &bytes, &what, now)?;
    let by_itself = "pfSense's services use it after their next rebuild: reboot, or save their pages";
    Ok(Evidence::note(match saved.backup {
        _ if saved.before.as_ref() == Some(&saved.after) => "it existed already".to_owned(),
        Some(backup) => format!("backup of the old file: {}; {by_itself}", backup.display()),
        None => by_itself.to_owned(),
    }))
}

fn says(firewall: &Firewall, world: &World, what: &str, edits: &[Edit]) -> Result<()> {
    let path = &firewall.pfsense.config;
    let bytes = world.host(&firewall.name)?.read(path)?;
    let document = pfsense::read(&bytes).doing(|| format!("reading {}", path.display()))?;
    if document.holds(edits)? {
        return Ok(());
    }
    Err(Error::new(format!("{} does not say: {what}", path.display()))
        .hint("somebody may have saved a web page that was opened before the change; run the command again"))
}

fn is(firewall: &Firewall, world: &World, backup: &Path) -> Result<()> {
    let host = world.host(&firewall.name)?;
    let (now, old) = (host.read(&firewall.pfsense.config)?, host.read(backup)?);
    if pfsense::same_but_revision(&pfsense::read(&now)?, &pfsense::read(&old)?) {
        return Ok(());
    }
    Err(Error::new(format!("{} differs from {}", firewall.pfsense.config.display(), backup.display())))
}

/// The socket kea-dhcp4 listens on, as pfSense wrote it; it moved between versions, so it is never assumed.
pub fn dhcp_socket(firewall: &Firewall, world: &World) -> Result<PathBuf> {
    let path = &firewall.pfsense.kea_dhcp4_config;
    let bytes = world.host(&firewall.name)?.read(path)?;
    let document = kea::text::Document::parse(&bytes, &path.display().to_string())?;
    let socket = document.root().at(&["Dhcp4"]).and_then(kea::d2::installed::socket);
    socket.map(PathBuf::from).ok_or_else(|| {
        Error::new(format!("{} names no control socket", path.display()))
            .hint("check that DHCP is on and that Kea is the backend")
    })
}

/// The configuration of the running kea-dhcp4.
pub fn dhcp_config(firewall: &Firewall, world: &World) -> Result<Value> {
    let socket = dhcp_socket(firewall, world)?;
    let answer = kea::daemon::socket::command(world.host(&firewall.name)?, &socket, "config-get", None)?;
    Ok(answer.arguments)
}

pub(super) fn dhcp_runs(firewall: &Firewall, world: &World) -> Result<()> {
    let socket = dhcp_socket(firewall, world)?;
    match kea::daemon::apply::running(world.host(&firewall.name)?, &socket)? {
        true => Ok(()),
        false => Err(Error::new(format!("kea-dhcp4 does not answer on {}", socket.display()))
            .hint("Status > System Logs > DHCP says why it did not start")),
    }
}

/// The step of one edit: proven here, planned from `document`, and undone by the inverse edit. `None`: config.xml says it.
pub fn edit(
    firewall: &Firewall,
    document: &Document<'_>,
    run: &str,
    title: &str,
    edits: &[Edit],
    rebuild: Option<Rebuild>,
) -> Result<Option<Step>> {
    if document.holds(edits)? {
        return Ok(None);
    }
    let change = |edits: &[Edit], reason: String, replaces| {
        let (host, edits, run) = (firewall.name.clone(), edits.to_vec(), run.to_owned());
        Change::EditFirewall { host, edits, reason, run, replaces, rebuild }
    };
    let says = |what: String, edits: &[Edit]| {
        vec![Check::FirewallSays { host: firewall.name.clone(), what, edits: edits.to_vec() }.into()]
    };
    let back = document.inverse(edits);
    let there = change(edits, title.to_owned(), Some(Digest::of(document.bytes())));
    let undo = Undo::by(change(&back, format!("undo: {title}"), None));
    let step = Step::new(title, there, says(title.to_owned(), edits), undo);
    Ok(Some(step.given(says(format!("not yet: {title}"), &back)).showing(document.preview(edits)?)))
}
