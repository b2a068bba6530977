//! `kea lint` and `kea explain`: views of D2's and the DHCP servers' documents. They change nothing, and work without a
//! pfddns.toml when files are named.

use crate::config::{Config, Firewall};
use crate::error::{Error, Result};
use crate::model::{DomainName, HostName};
use crate::systems::dns::{self, Rtype};
use crate::systems::kea::Version;
use crate::systems::kea::d2::Installed;
use crate::systems::kea::daemon::{apply, socket};
use crate::systems::kea::dhcp::Dhcp;
use crate::systems::kea::explain::{Asked, explain as explain_one};
use crate::systems::kea::lint::{Checked, Context, Named, ZoneFacts, check, lint as lint_documents, worst_first};
use crate::systems::kea::text::Document;
use crate::systems::servers::{NameServer, Server};
use crate::world::{Host, World};
use serde::Serialize;
use std::path::{Path, PathBuf};

use crate::systems::kea::explain::Explanation;
pub use crate::systems::kea::lint::{Finding, Severity};

/// The version if neither `--kea` nor an installed program tells which one will read a file.
const NEWEST: Version = Version(3, 0, 4);

/// What `kea lint` found.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Linted {
    /// The version it was checked for.
    pub version: String,
    /// The documents that were checked.
    pub documents: Vec<String>,
    /// What could not be asked with this configuration, so these checks were left out.
    pub not_asked: Vec<String>,
    /// What gave no answer, so the result of these checks is unknown.
    pub no_answer: Vec<String>,
    /// The findings, worst first.
    pub findings: Vec<Finding>,
}

/// Documents to look at, as far as they could be read.
#[derive(Default)]
struct Read {
    documents: Vec<Document>,
    names: Vec<String>,
    unreadable: Vec<Error>,
}

impl Read {
    /// The documents, if all of them are whole.
    fn whole(self) -> Result<Vec<Document>> {
        match self.unreadable.into_iter().next() {
            Some(error) => Err(error),
            None => self.documents.into_iter().map(Document::whole).collect(),
        }
    }

    /// The documents that are whole as far as their own checks go, and what is wrong with the others.
    fn split(self, against: &Checked<'_>) -> (Vec<Document>, Vec<Finding>) {
        let mut found: Vec<Finding> = self.unreadable.iter().map(check::syntax).collect();
        let mut documents = Vec::new();
        for document in self.documents {
            let is_d2 = document.root().get("DhcpDdns").is_some();
            match document.broken() {
                Some(_) if is_d2 => found.extend(check::d2(&document, against)),
                None if is_d2 => documents.push(document),
                _ => match document.whole() {
                    Ok(document) => documents.push(document),
                    Err(error) => found.push(check::syntax(&error)),
                },
            }
        }
        (documents, found)
    }
}

/// Checks the named files of this machine, or D2's file and the running DHCP server of each firewall of the configuration.
pub async fn lint(config: Option<&Config>, world: &World, files: &[PathBuf], version: Option<&str>) -> Result<Linted> {
    let asked = version.map(read_version).transpose()?;
    let mut linted = Linted::default();
    let zones = match config {
        Some(config) => zone_facts(config, world, &mut linted.no_answer).await,
        None => Vec::new(),
    };
    let mut d2 = Vec::new();
    for firewall in firewalls(config, files)? {
        let host = host(firewall, world)?;
        let version = match (asked, firewall.or(config.map(|it| &it.primary))) {
            (Some(version), _) => version,
            (None, Some(it)) if config.is_some_and(|it| it.d2.manage) => {
                apply::program_version(host, &it.d2.program).unwrap_or(NEWEST)
            }
            (None, _) => NEWEST,
        };
        let site = config.zip(firewall);
        let read = read(site, host, files, &mut linted).map_err(|error| named_by(site, error))?;
        if linted.version.is_empty() {
            linted.version = version.to_string();
        }
        linted.documents.extend(read.names.iter().cloned());
        let folders =
            config.map(|config| folders(host, &firewall.unwrap_or(&config.primary).d2.program)).unwrap_or_default();
        let look = |file: &str| look(host, Path::new(file));
        let mode = folders.sockets.as_deref().and_then(|it| host.mode(Path::new(it)).ok().flatten());
        let against = Checked {
            version,
            socket_folder: folders.sockets.as_deref(),
            socket_folder_mode: mode,
            log_folder: folders.logs.as_deref(),
            hooks_folder: folders.hooks.as_deref(),
            guess_folders: config.is_none(),
            look: &look,
        };
        let context = Context { against, zones: &zones, reserved: config.map_or(&[], |it| &it.d2.reserved_names) };
        let (documents, findings) = read.split(&context.against);
        linted.findings.extend(findings);
        let (dhcp, own): (Vec<Document>, Vec<Document>) =
            documents.into_iter().partition(|it| Dhcp::read(it).is_some());
        let dhcp: Vec<&Document> = dhcp.iter().collect();
        linted.findings.extend(lint_documents(own.first(), &dhcp, &context));
        for more in own.iter().skip(1) {
            linted.findings.extend(lint_documents(Some(more), &[], &context));
        }
        d2.extend(own);
    }
    linted.findings.extend(pair(&d2.iter().collect::<Vec<_>>()));
    linted.findings = worst_first(linted.findings);
    Ok(linted)
}

/// Each firewall, or none at all where files are named.
fn firewalls<'a>(config: Option<&'a Config>, files: &[PathBuf]) -> Result<Vec<Option<&'a Firewall>>> {
    match (config, files) {
        (None, []) => Err(Error::usage("no file was named").hint("name a file, or --config pfddns.toml")),
        (Some(config), []) => Ok(config.firewalls().map(Some).collect()),
        _ => Ok(vec![None]),
    }
}

/// A firewall of a site.
type OnSite<'a> = Option<(&'a Config, &'a Firewall)>;

/// What is installed on the firewall, or the named files.
fn read(site: OnSite<'_>, host: &Host, files: &[PathBuf], linted: &mut Linted) -> Result<Read> {
    match site {
        Some((config, firewall)) => installed(config, firewall, host, linted),
        None => named(host, files, ""),
    }
}

fn named_by(site: OnSite<'_>, error: Error) -> Error {
    match site {
        Some((config, firewall)) => config.named(firewall, error),
        None => error,
    }
}

fn read_version(text: &str) -> Result<Version> {
    let wrong = || Error::usage(format!("`{text}` is not a version of Kea")).hint("for example --kea 2.6.3");
    Version::parse(text).ok_or_else(wrong)
}

/// True if a finding says that updates or the daemon itself fail, or if that is not known.
pub fn has_errors(linted: &Linted) -> bool {
    !linted.no_answer.is_empty() || linted.findings.iter().any(|it| it.severity == Severity::Error)
}

/// What one firewall would do. `firewall`: which, where there are several.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Explained {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<HostName>,
    /// What it would do.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// Explains names and addresses, from the files or (`running`) from the daemons; on each firewall.
pub fn explain(
    config: Option<&Config>,
    world: &World,
    asked: &[String],
    files: &[PathBuf],
    running: bool,
) -> Result<Vec<Explained>> {
    let mut all = Vec::new();
    for on in firewalls(config, files)? {
        let several = config.is_some_and(|it| !it.others.is_empty());
        let firewall = on.filter(|_| several).map(|it| it.name.clone());
        let explanations =
            explain_on(config, on, world, asked, files, running).map_err(|error| named_by(config.zip(on), error))?;
        all.extend(explanations.into_iter().map(|explanation| Explained { firewall: firewall.clone(), explanation }));
    }
    Ok(all)
}

fn explain_on(
    config: Option<&Config>,
    firewall: Option<&Firewall>,
    world: &World,
    asked: &[String],
    files: &[PathBuf],
    running: bool,
) -> Result<Vec<Explanation>> {
    let host = host(firewall, world)?;
    let mut gaps = Linted::default();
    let documents = read(config.zip(firewall), host, files, &mut gaps)?.whole()?;
    for silent in gaps.no_answer {
        tracing::warn!("no answer from {silent}; what it does with a name is unknown");
    }
    let d2 = match (running, firewall.or(config.map(|it| &it.primary))) {
        (true, Some(it)) => apply::in_use(world.host(&it.name)?, &it.d2.socket)?,
        (true, None) => return Err(Error::usage("--running needs a pfddns.toml, which names D2's control socket")),
        (false, _) => {
            let document = documents.iter().find(|it| it.root().get("DhcpDdns").is_some());
            Installed::of(document.ok_or_else(|| {
                Error::usage("there is no D2 document here").hint("name kea-dhcp-ddns.conf, or ask with --running")
            })?)
        }
    };
    let dhcp: Vec<Dhcp> = documents.iter().filter_map(Dhcp::read).collect();
    let reserved = config.map_or(&[][..], |it| &it.d2.reserved_names);
    asked.iter().map(|text| explain_one(&Asked::parse(text), &d2, &dhcp, reserved)).collect()
}

/// Named files are on this machine; the configuration's own on its firewall.
fn host<'a>(firewall: Option<&Firewall>, world: &'a World) -> Result<&'a Host> {
    match firewall {
        Some(firewall) => world.host(&firewall.name),
        None => Ok(world.this_machine()),
    }
}

/// Reads files as a daemon would, with what they include. One that can't be parsed becomes a finding.
fn named(host: &Host, files: &[PathBuf], on: &str) -> Result<Read> {
    let mut read = Read::default();
    for file in files {
        let name = format!("{on}{}", file.display());
        add(&mut read, host, &host.read(file)?, &name);
    }
    Ok(read)
}

fn add(read: &mut Read, host: &Host, bytes: &[u8], name: &str) {
    let loader = |file: &str| host.read_if_there(Path::new(file)).ok().flatten();
    match Document::scan(bytes, name, &loader) {
        Ok(document) => read.documents.push(document),
        Err(error) => read.unreadable.push(error),
    }
    read.names.push(name.to_owned());
}

/// Several D2 documents are those of the firewalls of one site: they have to agree in keys and domains.
fn pair(documents: &[&Document]) -> Vec<Finding> {
    let Some((first, others)) = documents.split_first() else { return Vec::new() };
    let differs = |it: &&Document| Some((it.place(it.root().span), Installed::of(it).differs(&Installed::of(first))?));
    let found = others.iter().filter_map(differs).map(|(place, fact)| Finding {
        code: "pair-differs",
        severity: Severity::Error,
        consequence: format!(
            "this D2 {fact}, which is {}: after a fail-over updates are lost",
            first.place(first.root().span).split(':').next().unwrap_or_default()
        ),
        place,
        path: "DhcpDdns".into(),
        fix: "give both firewalls of the pair the same keys and domains: pfddns kea render on each".into(),
    });
    found.collect()
}

/// D2's file and, by `config-get`, the DHCP server that is paused for it: its file's path is unknown.
fn installed(config: &Config, firewall: &Firewall, host: &Host, linted: &mut Linted) -> Result<Read> {
    let on = if config.others.is_empty() { String::new() } else { format!("{}:", firewall.name) };
    let mut read = named(host, std::slice::from_ref(&firewall.d2.config), &on)?;
    let Some(control) = &firewall.d2.dhcp4_socket else {
        linted.not_asked.push(format!("{on}the DHCP server: d2.dhcp4-socket is not set"));
        return Ok(read);
    };
    match socket::command(host, control, "config-get", None) {
        Ok(answer) => {
            let mut arguments = answer.arguments;
            if let Some(map) = arguments.as_object_mut() {
                map.remove("hash");
            }
            add(&mut read, host, format!("{arguments:#}").as_bytes(), &format!("{on}kea-dhcp4(running)"));
        }
        Err(error) => linted.no_answer.push(format!("{on}the DHCP server: {}", error.what())),
    }
    Ok(read)
}

/// The answers of each zone's first server. If a server does not answer, its checks are left out, and it is named.
async fn zone_facts(config: &Config, world: &World, no_answer: &mut Vec<String>) -> Vec<ZoneFacts> {
    let mut facts = Vec::new();
    for zone in &config.zones {
        let Some(server) = zone.servers.first().and_then(|name| config.server(name).ok()) else { continue };
        let Ok(apex) = DomainName::new(zone.name.as_str()) else { continue };
        let soa = dns::lookup(world, server.dns, &apex, Rtype::Soa).await;
        let soa_expire = match soa {
            // MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM
            Ok(answer) => answer.records.first().and_then(|it| it.split_whitespace().nth(5)?.parse().ok()),
            Err(error) => {
                no_answer.push(format!("{} for the SOA of {}: {}", server.name, zone.name, error.what()));
                None
            }
        };
        let rules = async { Server::of(config, &server.name)?.rules(world, &zone.name).await };
        let types = match rules.await {
            Ok(rules) => Some(rules.rows.into_iter().map(|row| (row.key, row.types)).collect()),
            Err(error) => {
                no_answer.push(format!("{} for the rules of {}: {}", server.name, zone.name, error.what()));
                None
            }
        };
        facts.push(ZoneFacts { zone: zone.name.clone(), soa_expire, types });
    }
    facts
}

fn look(host: &Host, file: &Path) -> Named {
    match (host.mode(file), host.read_if_there(file)) {
        (Ok(None), _) => Named::Missing,
        (Ok(Some(_)), Err(_)) => Named::NotAFile,
        (Ok(Some(mode)), Ok(bytes)) => Named::file(mode, &zeroize::Zeroizing::new(bytes.unwrap_or_default())),
        (Err(_), _) => Named::Unknown,
    }
}

/// The compiled-in folders for sockets, logs and hook libraries, if the program reports them.
#[derive(Default)]
struct Folders {
    sockets: Option<String>,
    logs: Option<String>,
    hooks: Option<String>,
}

/// From the program's error message about other folders (2.6 does not report the sockets'). Nothing is written: it reads
/// the configuration from its standard input.
fn folders(host: &Host, program: &Path) -> Folders {
    let offer = |member: &str| {
        let text = format!("{{\"DhcpDdns\":{{\"port\":53001,{member}}}}}");
        let argv = [&*program.display().to_string(), "-t", "/dev/stdin"];
        let ran = host.ask(&argv, text.as_bytes(), std::time::Duration::from_secs(10)).ok()?;
        let said = String::from_utf8_lossy(&[ran.stderr, ran.stdout].concat()).into_owned();
        said.split("supported path is '").nth(1)?.split('\'').next().map(str::to_owned)
    };
    Folders {
        sockets: offer(r#""control-socket":{"socket-type":"unix","socket-name":"/nonexistent-pfddns/x"}"#),
        logs: offer(
            r#""loggers":[{"name":"kea-dhcp-ddns","severity":"INFO","output_options":[{"output":"/nonexistent-pfddns/x"}]}]"#,
        ),
        hooks: offer(r#""hooks-libraries":[{"library":"/nonexistent-pfddns/x"}]"#),
    }
}
