//! Subnets and the reverse zones that cover them (RFC 1035 §3.5, RFC 3596 §2.5).

use super::name::{DomainName, ZoneName};
use crate::error::{Error, Result};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// A subnet in CIDR form with no host bits set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl Network {
    /// Reads `10.0.10.0/24` or `2001:db8:1::/64`; host bits are an error, they are nearly always a typing slip.
    pub fn new(text: &str) -> Result<Self> {
        Self::try_from(text.to_owned()).map_err(Error::usage)
    }

    /// True if the address is in this subnet.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// The network address itself: never leased, so safe for a probe record.
    pub fn first(&self) -> IpAddr {
        self.0.network()
    }

    /// The reverse zones that together cover this subnet, on label boundaries: the enclosing zone for a prefix
    /// longer than the last boundary (a /25 is part of its /24 zone), several zones for one between boundaries
    /// (a /23 needs two). At most 128 for IPv4 and 8 for IPv6.
    pub fn reverse_zones(&self) -> Vec<ZoneName> {
        let zones: Vec<String> = match self.0 {
            IpNet::V4(net) => {
                let boundary = (net.prefix_len().div_ceil(8) * 8).clamp(8, 24);
                cut_v4(net, boundary)
                    .map(|part| {
                        let octets = part.network().octets();
                        let labels: Vec<String> =
                            octets.iter().take(usize::from(boundary / 8)).rev().map(u8::to_string).collect();
                        format!("{}.in-addr.arpa", labels.join("."))
                    })
                    .collect()
            }
            IpNet::V6(net) => {
                let boundary = (net.prefix_len().div_ceil(4) * 4).clamp(4, 124);
                cut_v6(net, boundary)
                    .map(|part| {
                        let digits = format!("{:032x}", u128::from(part.network()));
                        let labels: Vec<String> =
                            digits.chars().rev().skip(usize::from(32 - boundary / 4)).map(String::from).collect();
                        format!("{}.ip6.arpa", labels.join("."))
                    })
                    .collect()
            }
        };
        zones.iter().filter_map(|zone| ZoneName::new(zone).ok()).collect()
    }
}

fn cut_v4(net: Ipv4Net, boundary: u8) -> impl Iterator<Item = Ipv4Net> {
    let whole =
        if net.prefix_len() > boundary { Ipv4Net::new(net.network(), boundary).unwrap_or(net).trunc() } else { net };
    whole.subnets(boundary).into_iter().flatten()
}

fn cut_v6(net: Ipv6Net, boundary: u8) -> impl Iterator<Item = Ipv6Net> {
    let whole =
        if net.prefix_len() > boundary { Ipv6Net::new(net.network(), boundary).unwrap_or(net).trunc() } else { net };
    whole.subnets(boundary).into_iter().flatten()
}

/// The owner name of an address's PTR record.
pub fn reverse_name(address: IpAddr) -> Result<DomainName> {
    let text = match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let digits = format!("{:032x}", u128::from(v6));
            let labels: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa", labels.join("."))
        }
    };
    DomainName::new(&text)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Network {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Self, String> {
        let net: IpNet = text.parse().map_err(|_| format!("`{text}` is not a subnet such as 10.0.10.0/24"))?;
        if net.trunc() != net {
            return Err(format!("`{text}` has host bits set; the subnet is {}", net.trunc()));
        }
        Ok(Self(net))
    }
}

impl From<Network> for String {
    fn from(net: Network) -> Self {
        net.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(text: &str) -> Vec<String> {
        Network::new(text).unwrap().reverse_zones().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reverse_zones_lie_on_label_boundaries() {
        assert_eq!(zones("10.0.10.0/24"), ["10.0.10.in-addr.arpa."]);
        assert_eq!(zones("192.0.2.0/25"), ["2.0.192.in-addr.arpa."]);
        assert_eq!(zones("192.0.2.0/23"), ["2.0.192.in-addr.arpa.", "3.0.192.in-addr.arpa."]);
        assert_eq!(zones("10.0.0.0/12").len(), 16);
        assert_eq!(zones("10.0.0.0/8"), ["10.in-addr.arpa."]);
        assert_eq!(zones("2001:db8::/32"), ["8.b.d.0.1.0.0.2.ip6.arpa."]);
        assert_eq!(zones("2001:db8::/30").len(), 4);
        assert_eq!(zones("2001:db8::/64"), ["0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."]);
    }

    #[test]
    fn host_bits_and_nonsense_are_refused() {
        for bad in ["10.0.10.1/24", "10.0.10.0", "10.0.10.0/33", "x/8", ""] {
            assert!(Network::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reverse_names() {
        assert_eq!(reverse_name("10.0.10.7".parse().unwrap()).unwrap().as_str(), "7.10.0.10.in-addr.arpa.");
        assert!(reverse_name("2001:db8::1".parse().unwrap()).unwrap().as_str().starts_with("1.0.0.0."));
    }
}
