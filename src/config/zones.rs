//! The zones of a site as written: `[[zone]]`, `[[subnet]]`, and who may update them where.

use super::place::Place;
use super::{ServerConfig, ZoneConfig};
use crate::error::Result;
use crate::model::{Network, ServerName, ZoneName};
use serde::Deserialize;
use toml::Spanned;

/// A forward zone.
#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ZoneSpec {
    name: ZoneName,
    #[cfg_attr(feature = "operator", schemars(with = "Option<Vec<ServerName>>"))]
    servers: Option<Vec<Spanned<ServerName>>>,
    #[cfg_attr(feature = "operator", schemars(with = "Vec<String>"))]
    sources: Vec<Spanned<String>>,
}

/// A subnet of DHCP clients, which makes reverse zones.
#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SubnetSpec {
    pub(super) network: Network,
    #[cfg_attr(feature = "operator", schemars(with = "Option<Vec<ServerName>>"))]
    servers: Option<Vec<Spanned<ServerName>>>,
    #[cfg_attr(feature = "operator", schemars(with = "Vec<String>"))]
    sources: Vec<Spanned<String>>,
}

/// Forward zones, then the reverse zones of the subnets; each once.
pub(super) fn zones(
    place: &Place<'_>,
    servers: &[ServerConfig],
    zones: Vec<Spanned<ZoneSpec>>,
    subnets: &[Spanned<SubnetSpec>],
) -> Result<Vec<ZoneConfig>> {
    let mut all: Vec<ZoneConfig> = Vec::new();
    for spec in zones {
        let span = spec.span();
        let zone = spec.into_inner();
        if all.iter().any(|it| it.name == zone.name) {
            return Err(place.error(Some(span), &format!("zone {} is named twice", zone.name)));
        }
        let (servers, sources) = who(place, span, servers, zone.servers.as_deref(), &zone.sources)?;
        all.push(ZoneConfig { name: zone.name, servers, sources });
    }
    for spec in subnets {
        let subnet = spec.get_ref();
        let (servers, sources) = who(place, spec.span(), servers, subnet.servers.as_deref(), &subnet.sources)?;
        for name in subnet.network.reverse_zones() {
            // Two subnets may share a reverse zone (two /25 in one /24): the first one's servers count.
            match all.iter_mut().find(|it| it.name == name) {
                None => all.push(ZoneConfig { name, servers: servers.clone(), sources: sources.clone() }),
                Some(zone) if zone.servers != servers => {
                    let what =
                        format!("reverse zone {name} is shared with another subnet or zone that names other servers");
                    return Err(place.error(Some(spec.span()), &what));
                }
                Some(zone) => {
                    let new: Vec<String> = sources.iter().filter(|it| !zone.sources.contains(it)).cloned().collect();
                    zone.sources.extend(new);
                }
            }
        }
    }
    Ok(all)
}

/// The servers that take updates for a zone, and who may send them.
fn who(
    place: &Place<'_>,
    span: std::ops::Range<usize>,
    all: &[ServerConfig],
    named: Option<&[Spanned<ServerName>]>,
    sources: &[Spanned<String>],
) -> Result<(Vec<ServerName>, Vec<String>)> {
    let servers: Vec<ServerName> = match named {
        None => all.iter().map(|it| it.name.clone()).collect(),
        Some(named) => {
            for name in named {
                if !all.iter().any(|it| &it.name == name.get_ref()) {
                    let what = format!("no [[server]] is called `{}`", name.get_ref());
                    return Err(place.error(Some(name.span()), &what));
                }
            }
            named.iter().map(|it| it.get_ref().clone()).collect()
        }
    };
    if servers.is_empty() {
        return Err(place.error(Some(span), "no server takes updates for this zone: add a [[server]]"));
    }
    // An empty list would leave the TSIG signature as the only guard, or none at all during a bypass.
    if sources.is_empty() {
        return Err(place.error(Some(span), "sources must name at least one address that may send updates"));
    }
    for source in sources {
        let text = source.get_ref();
        if text.parse::<std::net::IpAddr>().is_err() && Network::new(text).is_err() {
            return Err(place.error(Some(source.span()), &format!("`{text}` is neither an address nor a subnet")));
        }
    }
    Ok((servers, sources.iter().map(|it| it.get_ref().clone()).collect()))
}
