//! What pfSense hands to DHCP clients: a view of it, and plans that change the DNS servers.

use super::config_xml::{parse, plan_edit, read};
use crate::config::Config;
use crate::error::Result;
use crate::model::{DomainName, ZoneName};
use crate::plan::Plan;
use crate::systems::dns::{self, Rtype};
use crate::systems::pfsense::{Rebuild, dhcp};
use crate::world::World;
use futures::future::join_all;
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};

pub use crate::systems::pfsense::dhcp::{Backend, Scope, Warning};

/// The settings of a firewall's DHCP server.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct DhcpView {
    /// Kea or ISC.
    pub backend: Backend,
    /// Schema version of config.xml.
    pub version: String,
    /// Each interface.
    pub scopes: Vec<ScopeView>,
}

/// An interface and the lint's warnings about its servers.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct ScopeView {
    /// Its settings in config.xml.
    #[serde(flatten)]
    pub scope: Scope,
    /// Warnings for the operator.
    pub warnings: Vec<Warning>,
}

/// Option 6 of an interface; none: pfSense's own choice. With warnings about the list.
pub fn dns_servers(
    config: &Config,
    world: &World,
    interface: &str,
    servers: &[Ipv4Addr],
) -> Result<(Plan, Vec<Warning>)> {
    let bytes = read(&config.primary, world)?;
    let document = parse(&config.primary, &bytes)?;
    let interface = document.name(dhcp::find_scope(&document, interface)?);
    let edits = vec![dhcp::set_dns_servers(&document, interface, servers)?];
    let names: Vec<String> = servers.iter().map(Ipv4Addr::to_string).collect();
    let title = match names.is_empty() {
        true => format!("let pfSense choose the DNS servers of {interface}"),
        false => format!("hand out {} as DNS servers of {interface}", names.join(", ")),
    };
    let plan = plan_edit(config, world, &document, "dns-servers", &title, edits, Rebuild::Dhcp)?;
    Ok((plan, dhcp::lint_dns_servers(&names)))
}

/// The DHCP server as config.xml has it.
pub fn view(config: &Config, world: &World) -> Result<DhcpView> {
    let bytes = read(&config.primary, world)?;
    let document = parse(&config.primary, &bytes)?;
    let scopes = dhcp::scopes(&document).into_iter();
    Ok(DhcpView {
        backend: dhcp::backend(&document),
        version: document.version(),
        scopes: scopes.map(|scope| ScopeView { warnings: dhcp::lint_dns_servers(&scope.dns_servers), scope }).collect(),
    })
}

/// Asks each server from here: does it answer, and does it know the first of our zones?
pub async fn check_dns_servers(config: &Config, world: &World, servers: &[String]) -> Result<Vec<Warning>> {
    let zone = config.zones.iter().map(|it| &it.name).find(|it| !it.is_reverse());
    let name = DomainName::new(zone.map_or(".", ZoneName::as_str)).or_else(|_| DomainName::new("localhost."))?;
    let addresses: Vec<IpAddr> = servers.iter().filter_map(|it| it.parse().ok()).collect();
    let asked = addresses.iter().map(|it| dns::lookup(world, (*it, 53).into(), &name, Rtype::Ns));
    let answers = join_all(asked).await;
    Ok(judged(&name, zone.is_some(), addresses.into_iter().zip(answers).collect()))
}

/// What the answers mean for a client, which may ask any of the servers. `ours`: the name is a zone of ours.
fn judged(name: &DomainName, ours: bool, answers: Vec<(IpAddr, Result<dns::Answer>)>) -> Vec<Warning> {
    let knows = |answer: &dns::Answer| answer.rcode == 0 && !answer.records.is_empty();
    let sibling = match answers.iter().any(|(_, it)| it.as_ref().is_ok_and(knows)) {
        true => ", another server does",
        false => "",
    };
    let what = |(server, answer): (IpAddr, Result<dns::Answer>)| match answer {
        Err(error) => Some(format!("{server} does not answer: {}", error.what())),
        Ok(it) if !matches!(it.rcode, 0 | 3) => {
            Some(format!("{server} has no answer for {name} (RCODE {}): clients that ask it resolve nothing", it.rcode))
        }
        Ok(it) if ours && !knows(&it) => {
            Some(format!("{server} does not know {name}{sibling}: clients that ask it can't resolve the site's names"))
        }
        Ok(_) => None,
    };
    answers.into_iter().filter_map(what).map(|what| Warning { what }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn servers_that_fail_a_client_are_named_also_when_all_of_them_do() {
        let name = DomainName::new("lan.example.").unwrap();
        let answer = |rcode, records: &[&str]| {
            Ok(dns::Answer { aa: true, rcode, records: records.iter().map(ToString::to_string).collect() })
        };
        let said = |answers: Vec<Result<dns::Answer>>| {
            let servers = (1..).map(|n| IpAddr::from([10, 0, 10, n]));
            let all = judged(&name, true, servers.zip(answers).collect());
            all.into_iter().map(|it| it.what).collect::<Vec<_>>()
        };
        assert!(said(vec![answer(0, &["ns1."]), answer(0, &["ns1."])]).is_empty());
        let miss = "clients that ask it can't resolve the site's names";
        assert_eq!(
            said(vec![answer(0, &["ns1."]), answer(3, &[]), Err(Error::new("silence"))]),
            [
                format!("10.0.10.2 does not know lan.example., another server does: {miss}"),
                "10.0.10.3 does not answer: silence".to_owned()
            ]
        );
        assert_eq!(said(vec![answer(3, &[])]), [format!("10.0.10.1 does not know lan.example.: {miss}")]);
        assert!(said(vec![answer(5, &[])])[0].contains("has no answer for lan.example. (RCODE 5)"));
    }
}
