//! `kea lint`: checks a D2 document and the DHCP documents that belong to it, each alone and against each other. Pure: the
//! caller provides the servers' grants and the running version.

use super::d2::Installed;
use super::d2::routes::Routes;
use super::dhcp::{Dhcp, Scope};
use super::text::{Document, Node, Value};
use crate::model::rules::ConflictMode as Mode;
use crate::model::{DomainName, ZoneName};
use report::{Path, Report};

pub mod against;
pub mod check;
mod forms;
mod members;
pub mod report;
mod rules;
mod schema;
mod scopes;

pub use against::{Checked, Named};
pub use report::{Finding, Severity};
pub use scopes::{Context, NEVER, ZoneFacts, is_reserved};

/// All findings, those of each document in the order given. D2 comes first.
pub fn lint(d2: Option<&Document>, dhcp: &[&Document], context: &Context<'_>) -> Vec<Finding> {
    let mut found = d2.map(|it| check::d2(it, &context.against)).unwrap_or_default();
    found.extend(d2.map(|it| below_zones(it, context)).unwrap_or_default());
    let installed = d2.map(Installed::of);
    let routes = installed.as_ref().map(Routes::of);
    let servers: Vec<(&Document, Dhcp)> = dhcp.iter().filter_map(|it| Some((*it, Dhcp::read(it)?))).collect();
    for (document, dhcp) in &servers {
        let mut report = Report { document, found: Vec::new() };
        members::check(&mut report, context.against.version);
        wiring(&mut report, dhcp, installed.as_ref(), context);
        if dhcp.enabled.value {
            scopes::check(&mut report, dhcp, routes.as_ref(), context);
        }
        found.extend(report.found);
    }
    found.extend(dual_stack(&servers));
    found
}

/// Same findings, worst first; the order of the text within each.
pub fn worst_first(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|it| it.severity);
    found
}

/// How the DHCP server and D2 are connected.
fn wiring(report: &mut Report<'_>, dhcp: &Dhcp, d2: Option<&Installed>, context: &Context<'_>) {
    let root = Path::root();
    let name = if dhcp.family == 4 { "Dhcp4" } else { "Dhcp6" };
    let path = root.name(name);
    if let Some(daemon) = report.document.root().get(name) {
        rules::sockets::of_dhcp(report, daemon, &context.against, &path);
    }
    let ddns = path.name("dhcp-ddns");
    let at = dhcp.ddns_span.unwrap_or(report.document.root().span);
    let given = report.document.root().get(name).and_then(|it| it.members().iter().find(|it| it.name == "dhcp-ddns"));
    if let Some(member) =
        given.filter(|it| matches!(it.node.value, Value::Map(_)) && it.node.get("enable-updates").is_none())
    {
        // For an empty map the daemon names its end, for another one its name.
        let empty = member.node.members().is_empty();
        let span = if empty { report.document.closing(member.node.span) } else { member.name_span };
        let fact = "the daemon refuses the file: `dhcp-ddns` needs `enable-updates`".into();
        return report.error("no-enable-updates", span, &ddns, fact, "write \"enable-updates\": true");
    }
    if !dhcp.enabled.value {
        let fact = "no update is ever sent: `enable-updates` is off, which is the default".into();
        return report.warn(
            "updates-off",
            dhcp.enabled.span.unwrap_or(at),
            &ddns,
            fact,
            "write \"enable-updates\": true",
        );
    }
    if let (Some(sends), Some(listens)) = (dhcp.sends_to, d2.and_then(|it| it.listen))
        && sends != listens
    {
        let fact =
            format!("requests are sent to {sends}, but D2 listens on {listens}: every update is lost without a trace");
        report.error("wrong-port", at, &ddns, fact, "write D2's address and port as `server-ip` and `server-port`");
    }
    if dhcp.socket.is_none() {
        let fact = "without a control socket DHCP can't be paused: each change of D2's key can lose an update".into();
        report.warn("no-dhcp-socket", report.document.root().span, &path, fact, "add a `control-socket`");
    }
}

/// Domains of D2 that are not zones: their records are written into the zone above.
fn below_zones(document: &Document, context: &Context<'_>) -> Vec<Finding> {
    let mut report = Report { document, found: Vec::new() };
    for half in ["forward-ddns", "reverse-ddns"] {
        let list = document.root().at(&["DhcpDdns", half, "ddns-domains"]).map(Node::items);
        let names = list.unwrap_or_default().iter().filter_map(|it| it.get("name"));
        for (node, zone) in names.filter_map(|it| Some((it, ZoneName::new(it.text()?).ok()?))) {
            let at = DomainName::new(zone.as_str()).ok();
            let covers = |it: &&ZoneFacts| at.as_ref().is_some_and(|at| it.zone.covers(at));
            let above = context.zones.iter().filter(covers).max_by_key(|it| it.zone.as_str().len());
            let Some(above) = above.filter(|it| it.zone != zone).map(|it| it.zone.without_dot()) else { continue };
            let fact = format!(
                "{zone} is not a zone of pfddns.toml: its records are written into {above}, under the rules of that zone"
            );
            let root = Path::root();
            let fix = format!("name the domain `{above}.`, or make {zone} a separate zone");
            report.warn("below-zone", node.span, &root.name(half), fact, &fix);
        }
    }
    report.found
}

/// In the default mode, IPv4 and IPv6 leases of one host under one name have conflicting DHCIDs.
fn dual_stack(servers: &[(&Document, Dhcp)]) -> Vec<Finding> {
    let of = |family: u8| servers.iter().find(|(_, dhcp)| dhcp.family == family && dhcp.enabled.value);
    let (Some((_, four)), Some((document, six))) = (of(4), of(6)) else { return Vec::new() };
    let mut report = Report { document, found: Vec::new() };
    for scope in six.scopes.iter().filter(|it| it.send.value && it.mode.value == Mode::CheckWithDhcid) {
        let same = |it: &&Scope| it.send.value && it.suffix.value.eq_ignore_ascii_case(&scope.suffix.value);
        if four.scopes.iter().any(|it| same(&it)) {
            let fact = "a host with both families has two identities: the second one is refused its name, and the \
                        PTR of the lease that ends first stays";
            let fix = "use another suffix for one family, or the mode check-exists-with-dhcid for both";
            let root = Path::root();
            report.warn("dual-stack", scope.span, &root.name(&scope.path), fact.into(), fix);
            break;
        }
    }
    report.found
}

#[cfg(test)]
mod tests;
