//! Which domain D2 uses for a name: its own matching (the same in 2.2 to 3.0), letter by letter, with an index so that
//! thousands of domains and subnets stay fast.

use super::installed::{Installed, InstalledDomain};
use std::collections::{HashMap, HashSet};

/// The domains of a D2 document, ready to be asked.
pub struct Routes<'a> {
    forward: Half<'a>,
    reverse: Half<'a>,
}

#[derive(Default)]
struct Half<'a> {
    domains: HashMap<String, &'a InstalledDomain>,
    /// All names with a domain below them.
    above: HashSet<String>,
    any: bool,
}

impl<'a> Routes<'a> {
    /// Indexes a document's domains.
    pub fn of(d2: &'a Installed) -> Self {
        let half = |reverse| Half::of(d2.domains.iter().filter(move |it| it.reverse == reverse));
        Self { forward: half(false), reverse: half(true) }
    }

    /// The domain D2 uses for a full name with its final dot: the longest one that ends it at a label boundary, in any
    /// case; `*` if nothing else fits. A domain written without its final dot therefore never fits.
    pub fn find(&self, name: &str, reverse: bool) -> Option<&'a InstalledDomain> {
        let half = self.half(reverse);
        let name = name.to_ascii_lowercase();
        suffixes(&name).find_map(|tail| half.domains.get(tail)).or_else(|| half.domains.get("*")).copied()
    }

    /// True if D2 does this half: without any domain it skips the half, with domains but no match it drops the request.
    pub fn enabled(&self, reverse: bool) -> bool {
        self.half(reverse).any
    }

    /// The parts of a reverse zone that no domain covers: the zone itself, or, if it has domains below it, its children that
    /// are not covered.
    pub fn gaps(&self, zone: &str) -> Vec<String> {
        if self.find(zone, true).is_some() {
            return Vec::new();
        }
        let labels = zone.trim_end_matches('.').split('.').count();
        let (v4, v6) = (zone.ends_with("in-addr.arpa."), zone.ends_with("ip6.arpa."));
        if !self.reverse.above.contains(zone) || (v4 && labels >= 5) || (v6 && labels >= 33) {
            return vec![zone.to_owned()];
        }
        if v4 {
            return (0..256).flat_map(|octet| self.gaps(&format!("{octet}.{zone}"))).collect();
        }
        (0..16).flat_map(|digit| self.gaps(&format!("{digit:x}.{zone}"))).collect()
    }

    fn half(&self, reverse: bool) -> &Half<'a> {
        if reverse { &self.reverse } else { &self.forward }
    }
}

impl<'a> Half<'a> {
    fn of(all: impl Iterator<Item = &'a InstalledDomain>) -> Self {
        let mut half = Self::default();
        for domain in all {
            half.any = true;
            let lower = domain.zone.to_ascii_lowercase();
            half.above.extend(suffixes(&lower).skip(1).map(str::to_owned));
            // Two spellings of one name: D2 keeps them sorted by their bytes and takes the first.
            half.domains
                .entry(lower)
                .and_modify(|it| *it = if domain.zone < it.zone { domain } else { it })
                .or_insert(domain);
        }
        half
    }
}

/// `a.b.c.`, `b.c.`, `c.`
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |it| it.split_once('.').map(|cut| cut.1)).take_while(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d2(member: &str, zones: &[&str]) -> Installed {
        let text: Vec<String> = zones.iter().map(|it| format!("{{\"name\":\"{it}\",\"dns-servers\":[]}}")).collect();
        let file = format!("{{\"DhcpDdns\":{{\"{member}\":{{\"ddns-domains\":[{}]}}}}}}", text.join(","));
        Installed::read(file.as_bytes(), "f").unwrap()
    }

    #[test]
    fn the_longest_domain_wins_at_a_label_boundary() {
        let d2 = d2("forward-ddns", &["example.", "Lan.Example.", "dotless.example"]);
        let routes = Routes::of(&d2);
        let zone = |name| routes.find(name, false).map(|it| it.zone.as_str());
        assert_eq!(zone("host.lan.example."), Some("Lan.Example."));
        assert_eq!(zone("host.wlan.example."), Some("example."));
        assert_eq!(zone("hostlan.example."), Some("example."));
        assert_eq!(zone("lan.example."), Some("Lan.Example."));
        assert_eq!(zone("host.dotless.example."), Some("example."));
        assert_eq!(zone("host.test."), None);
        assert!(routes.enabled(false) && !routes.enabled(true));
    }

    #[test]
    fn the_catch_all_comes_last() {
        let d2 = d2("forward-ddns", &["*", "lan.example."]);
        let routes = Routes::of(&d2);
        assert_eq!(routes.find("a.lan.example.", false).unwrap().zone, "lan.example.");
        assert_eq!(routes.find("a.test.", false).unwrap().zone, "*");
    }

    #[test]
    fn gaps_below_a_zone_are_found() {
        let zones: Vec<String> = (0..255).map(|it| format!("{it}.0.10.in-addr.arpa.")).collect();
        let zones: Vec<&str> = zones.iter().map(String::as_str).collect();
        let d2 = d2("reverse-ddns", &zones);
        let routes = Routes::of(&d2);
        assert_eq!(routes.gaps("0.10.in-addr.arpa."), ["255.0.10.in-addr.arpa."]);
        assert_eq!(routes.gaps("7.0.10.in-addr.arpa."), [""; 0]);
        assert_eq!(routes.gaps("1.10.in-addr.arpa."), ["1.10.in-addr.arpa."]);
    }
}
