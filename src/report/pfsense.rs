//! DHCP, resolver, wiring and backups of a pfSense as text.

use crate::tasks::backups::{Backup, Difference, Of};
use crate::tasks::dhcp::{Backend, DhcpView, Scope, ScopeView};
use crate::tasks::resolver::Resolver;
use crate::tasks::wiring::{PlaceView, WiringView};
use std::fmt::Write as _;

/// Interfaces with the settings that their clients get.
pub fn dhcp_text(view: &DhcpView) -> String {
    let backend = match view.backend {
        Backend::Kea => "Kea",
        Backend::Isc => "ISC dhcpd",
    };
    let mut out = format!("DHCP server: {backend}, config.xml version {}\n", view.version);
    if view.scopes.is_empty() {
        out.push_str("no interface has a DHCP section\n");
    }
    for ScopeView { scope, warnings } in &view.scopes {
        scope_text(scope, &mut out);
        for warning in warnings {
            let _ = writeln!(out, "  ! {}", warning.what);
        }
    }
    out
}

fn scope_text(scope: &Scope, out: &mut String) {
    let state = if scope.enabled { "on" } else { "off" };
    let address = scope.address.as_deref().unwrap_or("no fixed address");
    let _ = writeln!(out, "\n{} ({})  {state}  {address}", scope.interface, scope.description);
    if let Some((from, to)) = &scope.range {
        let _ = writeln!(out, "  range        {from} - {to}");
    }
    let _ = writeln!(out, "  dns servers  {}", servers(&scope.dns_servers));
    if !scope.domain.is_empty() {
        let _ = writeln!(out, "  domain       {}", scope.domain);
    }
    for pool in &scope.pools {
        let range = pool.range.as_ref().map_or_else(|| "no range".to_owned(), |(from, to)| format!("{from} - {to}"));
        let _ = writeln!(out, "  pool         {range}  dns {}", servers(&pool.dns_servers));
    }
    for map in &scope.static_maps {
        let own =
            if map.dns_servers.is_empty() { String::new() } else { format!("  dns {}", map.dns_servers.join(", ")) };
        let _ = writeln!(out, "  static map   {}  {}  {}{own}", map.mac, map.address, map.hostname);
    }
    if scope.custom_kea {
        out.push_str("  custom Kea JSON\n");
    }
}

fn servers(list: &[String]) -> String {
    if list.is_empty() { "pfSense's own choice".into() } else { list.join(", ") }
}

/// The state of the DDNS wiring.
pub fn wiring_text(view: &WiringView) -> String {
    let mut out = String::new();
    for PlaceView { place, wired } in &view.places {
        let state = if *wired { "wired" } else { "not wired" };
        let _ = writeln!(out, "{}, {place}: {state}", view.file);
    }
    let live = match view.live {
        Some(true) => "sends names to D2".to_owned(),
        Some(false) => view.why.clone(),
        None => format!("unknown: {}", view.why),
    };
    let _ = writeln!(out, "running kea-dhcp4: {live}");
    if !view.lasting {
        out.push_str(
            "this lasts until pfSense writes that file again; then `pfddns dhcp ddns enable --until-regenerated` restores it\n",
        );
    }
    out
}

/// Domain overrides and custom options.
pub fn resolver_text(view: &Resolver) -> String {
    let state = if view.enabled { "on" } else { "off" };
    let mode = if view.forwarding { ", forwards everything else" } else { "" };
    let mut out = format!("DNS Resolver: {state}{mode}\n");
    for it in &view.overrides {
        let _ = writeln!(out, "  {}  asks {}  {}", it.domain, it.server, it.description);
    }
    if !view.custom_options.is_empty() {
        out.push_str("custom options\n");
        for line in view.custom_options.lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

/// One line for each backup.
pub fn backups_text(all: &[Backup]) -> String {
    if all.is_empty() {
        return "no backups yet\n".into();
    }
    let mut out = String::new();
    for it in all {
        let time = it.time.map_or_else(|| "unknown time".to_owned(), |time| time.to_string());
        let of = match it.of {
            Of::ConfigXml => "config.xml",
            Of::D2 => "D2's file",
            Of::Dhcp => "kea-dhcp4's file",
            Of::Script => "D2's start script",
            Of::Run => "journal",
        };
        let when = if it.of == Of::Run { "of" } else { "before" };
        let bad = match it {
            Backup { good: false, .. } => "  ! damaged",
            Backup { unfinished: true, .. } => "  ! unfinished",
            _ => "",
        };
        let on = it.firewall.as_ref().map(|name| format!("on {name}  ")).unwrap_or_default();
        let _ = writeln!(out, "{time}  {on}{of}  {when} {}  {} bytes  {}{bad}", it.reason, it.size, it.name);
    }
    out
}

/// What differs, on each firewall where there are several.
pub fn differences_text(all: &[Difference]) -> String {
    let one = |it: &Difference| {
        let on = it.firewall.as_ref().map(|name| format!("on {name}\n")).unwrap_or_default();
        on + if it.diff.is_empty() { "no difference\n" } else { &it.diff }
    };
    all.iter().map(one).collect::<Vec<_>>().join("\n")
}
