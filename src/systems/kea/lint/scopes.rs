//! `kea lint` per subnet: is there, for every name and address it leases, a domain, a key that may write it, and a server
//! that keeps it? Uses the facts about the zones.

use super::against::Checked;
use super::report::{Path, Report};
use crate::model::rules::ConflictMode as Mode;
use crate::model::{DomainName, KeyName, ZoneName};
use crate::systems::kea::d2::routes::Routes;
use crate::systems::kea::dhcp::{Dhcp, Scope};
use std::collections::HashSet;

/// Names that no client should get: browsers and clients look them up and trust the answer.
pub const NEVER: [&str; 8] =
    ["wpad", "isatap", "gateway", "router", "firewall", "localhost", "autodiscover", "autoconfig"];

/// The facts about one zone, as far as known.
#[derive(Debug, Clone)]
pub struct ZoneFacts {
    /// The zone.
    pub zone: ZoneName,
    /// EXPIRE of its SOA in seconds.
    pub soa_expire: Option<i64>,
    /// Record types the keys in use may write below the apex (`*.zone`), in upper case; `None` if not known.
    pub types: Option<Vec<(KeyName, Vec<String>)>>,
}

/// The facts for the checks.
pub struct Context<'a> {
    /// Versions, folders, files.
    pub against: Checked<'a>,
    /// The facts about the zones.
    pub zones: &'a [ZoneFacts],
    /// Names besides `NEVER` that no client should get, without domain, lower case.
    pub reserved: &'a [String],
}

pub(super) fn check(report: &mut Report<'_>, dhcp: &Dhcp, d2: Option<&Routes<'_>>, context: &Context<'_>) {
    let mut told = HashSet::new();
    for scope in dhcp.scopes.iter().filter(|it| it.send.value) {
        let root = Path::root();
        let path = root.name(&scope.path);
        let mut once = |key: String| told.insert(key);
        suffix(report, scope, d2, &path);
        names(report, scope, context, &path, &mut once);
        habits(report, scope, &path, &mut once);
        if let Some(d2) = d2 {
            reverse(report, scope, d2, &path);
            zones(report, scope, d2, context, &path, &mut once);
        }
    }
}

/// The end of this scope's names: its suffix.
fn suffix(report: &mut Report<'_>, scope: &Scope, d2: Option<&Routes<'_>>, path: &Path<'_>) {
    let text = &scope.suffix.value;
    let path = path.name("ddns-qualifying-suffix");
    if text.is_empty() {
        let fact = "a client that sends a short name gets no DNS name: without a suffix it matches no domain".into();
        return report.warn("no-suffix", scope.span, &path, fact, "write \"ddns-qualifying-suffix\": \"ZONE.\"");
    }
    let Some(d2) = d2.filter(|it| it.enabled(false)) else { return };
    if d2.find(&format!("x.{}", dotted(text)), false).is_none() {
        let fact = format!("D2 has no domain for names in `{text}`: each of their updates is dropped, the PTR too");
        let fix = "make it the name of one of D2's forward domains, or add that domain";
        report.error("suffix-unknown", scope.suffix.span.unwrap_or(scope.span), &path, fact, fix);
    }
}

/// If D2 has reverse domains, every address needs one: an address without one loses its name too.
fn reverse(report: &mut Report<'_>, scope: &Scope, d2: &Routes<'_>, path: &Path<'_>) {
    let Some(network) = scope.network.filter(|_| d2.enabled(true)) else { return };
    let missing: Vec<String> = network.reverse_zones().iter().flat_map(|zone| d2.gaps(zone.as_str())).collect();
    let Some(first) = missing.first() else { return };
    let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
    let fix = format!(
        "add to `reverse-ddns`: {first}{more}; a domain named after a part of an octet (RFC 2317) is never matched"
    );
    let fact =
        format!("addresses of {network} have no reverse domain in D2 ({first}{more}): D2 drops their whole updates");
    report.error("reverse-missing", scope.span, &path.name("subnet"), fact, &fix);
}

fn names(
    report: &mut Report<'_>,
    scope: &Scope,
    context: &Context<'_>,
    path: &Path<'_>,
    once: &mut impl FnMut(String) -> bool,
) {
    for (name, span) in &scope.reserved {
        if is_reserved(name, context.reserved) && once(format!("reserved {name}")) {
            let fact = format!("`{name}` is a name that other machines look up and trust; DHCP would register it");
            report.warn("reserved-name", *span, &path.name("reservations"), fact, "give the machine another name");
        }
    }
}

/// True for names no client should get: the built-in list and the operator's. Only the first label counts.
pub fn is_reserved(name: &str, more: &[String]) -> bool {
    let first = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    NEVER.contains(&first.as_str()) || more.contains(&first)
}

fn habits(report: &mut Report<'_>, scope: &Scope, path: &Path<'_>, once: &mut impl FnMut(String) -> bool) {
    let mode = scope.mode.value;
    if matches!(mode, Mode::NoCheckWithDhcid | Mode::NoCheckWithoutDhcid) && once(format!("mode {:?}", scope.mode.span))
    {
        let fact = format!(
            "in mode {} any client can take over any name in the zone, also a static name of a server",
            mode.name()
        );
        let fix = "use check-with-dhcid (the default) or check-exists-with-dhcid";
        report.warn("no-check", scope.mode.span.unwrap_or(scope.span), path, fact, fix);
    }
    if scope.char_set.value.is_empty() && once("char set".into()) {
        let fact = "names are sent as clients write them: servers refuse some, such as names with a blank".into();
        let span = scope.char_set.span.unwrap_or(scope.span);
        report.warn("hostname-chars", span, path, fact, "leave `hostname-char-set` out: the default suits DNS");
    }
    if !scope.override_client.value && once("override".into()) {
        let fact =
            "a client may ask to write its forward record itself; unsigned, it can't, and gets only a PTR".into();
        let span = scope.override_client.span.unwrap_or(scope.span);
        report.warn("client-updates", span, path, fact, "write \"ddns-override-client-update\": true");
    }
    if scope.replace.value == "never" && once("replace".into()) {
        let fact =
            "clients that send no name get no DNS name (`ddns-replace-client-name` is `never`, the default)".into();
        let span = scope.replace.span.unwrap_or(scope.span);
        report.warn(
            "nameless",
            span,
            path,
            fact,
            "write \"ddns-replace-client-name\": \"when-not-present\" if they should",
        );
    }
}

/// The zones this scope writes to, against what their servers say.
fn zones(
    report: &mut Report<'_>,
    scope: &Scope,
    d2: &Routes<'_>,
    context: &Context<'_>,
    path: &Path<'_>,
    once: &mut impl FnMut(String) -> bool,
) {
    let forward = d2.find(&format!("x.{}", dotted(&scope.suffix.value)), false);
    let own = scope.network.map(|it| it.reverse_zones()).unwrap_or_default();
    let reverse = own.iter().filter_map(|zone| d2.find(zone.as_str(), true));
    let all = forward.map(|it| (it, false)).into_iter().chain(reverse.map(|it| (it, true)));
    for (domain, is_reverse) in all {
        let Some(facts) = facts(context, &domain.zone) else { continue };
        let ttl = scope.longest_ttl(context.against.version);
        if let Some(expire) = facts.soa_expire.filter(|expire| ttl > *expire)
            && once(format!("expire {} {:?}", domain.zone, scope.lifetime.span))
        {
            let fact = format!(
                "records live {ttl} s, longer than EXPIRE {expire} of {}: Technitium stores such records but never answers them",
                domain.zone
            );
            let span = scope.lifetime.span.unwrap_or(scope.span);
            report.error("ttl-over-expire", span, path, fact, "shorten the lease, or raise EXPIRE of the zone's SOA");
        }
        for key in domain.servers.iter().filter_map(|(_, key)| key.as_deref()) {
            if !may(facts, key, scope.mode.value, is_reverse) && once(format!("any {} {key}", domain.zone)) {
                let fact = format!(
                    "key {key} lacks ANY on *.{}: in mode {} removals are refused, and the old records block the name for others",
                    facts.zone.without_dot(),
                    scope.mode.value.name()
                );
                let fix = format!("grant ANY on *.{} to {key}: pfddns plan", facts.zone.without_dot());
                report.error("grant-any", scope.mode.span.unwrap_or(scope.span), path, fact, &fix);
            }
        }
    }
}

fn facts<'a>(context: &'a Context<'_>, zone: &str) -> Option<&'a ZoneFacts> {
    let zone = DomainName::new(zone).ok()?;
    context.zones.iter().find(|it| it.zone.as_str() == zone.as_str())
}

/// True if the key may write all that D2 sends in this mode, or if its rights are unknown.
fn may(facts: &ZoneFacts, key: &str, mode: Mode, reverse: bool) -> bool {
    let Some(grants) = &facts.types else { return true };
    let Ok(key) = KeyName::new(key) else { return true };
    let types: Vec<&str> = grants.iter().filter(|it| it.0 == key).flat_map(|it| &it.1).map(String::as_str).collect();
    if types.contains(&"ANY") {
        return true;
    }
    mode.types(reverse).iter().all(|it| types.contains(it))
}

fn dotted(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.") }
}
