//! The rules by which one generation of pfSense reads and writes config.xml (its etc/inc/xmlparse.inc).
//! Chosen by the file's own `<version>`: the configuration schema, not the product's version.

use std::fmt;

/// How entities in text are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entities {
    /// PHP before 8.1: HTML 4.01, an apostrophe is neither written nor read as an entity.
    Html401WithoutApostrophe,
    /// PHP 8.1 and later: HTML 4.01 with both quotes; `&apos;` is not known.
    Html401,
    /// The five entities of XML 1.0 and numbers.
    Xml1,
}

/// A generation of pfSense's reader and writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Up to 2.6 (`<version>` up to 22.2): PHP 7.4, empty list members are kept. From its sources, not measured.
    V2_6,
    /// 2.7 (`<version>` up to 23.3).
    V2_7,
    /// 2.8 and Plus up to 25.x (`<version>` up to 24.4).
    V2_8,
    /// 2.9 and Plus 26.x (`<version>` 24.5 and later).
    V2_9,
}

impl Dialect {
    /// The dialect of a file by its `<version>`; one without a number is read by the newest rules.
    pub fn of_version(version: &str) -> Self {
        let mut parts = version.trim().splitn(2, '.');
        let mut number = || parts.next().and_then(|it| it.parse::<u32>().ok());
        match number().map(|major| (major, number().unwrap_or(0))) {
            None => Self::V2_9,
            Some(it) if it <= (22, 2) => Self::V2_6,
            Some(it) if it <= (23, 3) => Self::V2_7,
            Some(it) if it <= (24, 4) => Self::V2_8,
            Some(_) => Self::V2_9,
        }
    }

    /// How entities are decoded.
    pub fn entities(self) -> Entities {
        match self {
            Self::V2_6 => Entities::Html401WithoutApostrophe,
            Self::V2_7 | Self::V2_8 => Entities::Html401,
            Self::V2_9 => Entities::Xml1,
        }
    }

    /// Does this tag always make a list, at any depth?
    pub fn is_list(self, tag: &str) -> bool {
        LISTS.binary_search(&tag).is_ok() || (self >= Self::V2_8 && matches!(tag, "laggroup" | "mobilegroup"))
    }

    /// Is this tag's text written as a CDATA section? A prefix decides: `description` is one because of `descr`.
    pub fn is_cdata(self, tag: &str) -> bool {
        CDATA.iter().any(|prefix| tag.starts_with(prefix))
            || (self >= Self::V2_8 && (tag.starts_with("proxypass") || tag.starts_with("proxyuser")))
    }

    /// Does an empty member of a list disappear when read?
    pub fn drops_empty_members(self) -> bool {
        self >= Self::V2_7
    }

    /// May a tag without CDATA hold characters beyond ASCII? Up to 24.4 the next save writes them as entities that
    /// the next read refuses.
    pub fn takes_raw_unicode(self) -> bool {
        self >= Self::V2_9
    }

    /// Does this generation merge `custom_kea_config` into what it writes for Kea?
    pub fn has_custom_kea(self) -> bool {
        self >= Self::V2_8
    }

    /// The document type of a duplicate element or mixed content: 2.7 dies of it, later ones restore a backup.
    pub fn dies_of_bad_structure(self) -> bool {
        self <= Self::V2_7
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2_6 => "2.6",
            Self::V2_7 => "2.7",
            Self::V2_8 => "2.8",
            Self::V2_9 => "2.9",
        })
    }
}

/// `listtags()`, sorted. Packages can extend it while they run; the configuration itself is read without them.
#[rustfmt::skip]
static LISTS: &[&str] = &[
    "acls", "alias", "aliasurl", "allowedhostname", "allowedip", "authserver", "bridged", "build_port_path", "ca",
    "cacert", "cert", "checkipservice", "clone", "columnitem", "config", "container", "crl", "depends_on_package",
    "disk", "dnsserver", "dnsupdate", "domainoverrides", "dyndns", "earlyshellcmd", "element",
    "encryption-algorithm-option", "field", "fieldname", "gateway_group", "gateway_item", "gif", "gre", "group",
    "hash-algorithm-option", "hosts", "ifgroupentry", "igmpentry", "interface_array", "item", "key", "l7rules",
    "lagg", "lbaction", "lbpool", "lbprotocol", "member", "menu", "mobilekey", "monitor_type", "mount", "npt",
    "ntpserver", "onetoone", "openvpn-client", "openvpn-csc", "openvpn-server", "option", "package", "pages",
    "passthrumac", "phase1", "phase2", "pipe", "pool", "ppp", "pppoe", "priv", "proxyarpnet", "qinqentry", "queue",
    "radnsserver", "roll", "route", "row", "rrddatafile", "rule", "schedule", "servernat", "servers",
    "serversdisabled", "service", "shellcmd", "sshkeyfile", "staticmap", "subqueue", "switch", "swport", "tab",
    "timerange", "tunnel", "user", "vip", "virtual_server", "vlan", "vlangroup", "voucherdbfile", "vxlan", "wgpeer",
    "widget", "winsserver", "wolentry", "xmldatafile",
];

/// `is_cdata_entity()`: a tag whose name starts with one of these is written as CDATA.
#[rustfmt::skip]
static CDATA: &[&str] = &[
    "aclname", "auth_pass", "auth_prompt", "auth_user", "certca", "certname", "city", "common_name", "descr",
    "detail", "email", "encryption_password", "hint", "ldap_attr", "ldap_authcn", "ldap_basedn", "ldap_basedomain",
    "ldap_bind", "ldapbinddn", "ldapbindpass", "ldap_extended_query", "ldap_filter", "ldap_pam_groupdn", "ldap_pass",
    "ldap_user", "login_banner", "organization", "password", "rangedescr", "state", "text", "username",
    "varusersusername", "varuserspassword",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_version_picks_the_dialect() {
        for (version, dialect) in [
            ("19.1", Dialect::V2_6),
            ("21.7", Dialect::V2_6),
            ("22.2", Dialect::V2_6),
            ("22.9", Dialect::V2_7),
            ("23.3", Dialect::V2_7),
            ("23.9", Dialect::V2_8),
            ("24.4", Dialect::V2_8),
            ("24.5", Dialect::V2_9),
            ("24.10", Dialect::V2_9),
            ("", Dialect::V2_9),
        ] {
            assert_eq!(Dialect::of_version(version), dialect, "{version}");
        }
    }

    #[test]
    fn the_lists_are_sorted_and_prefixes_count() {
        assert!(LISTS.is_sorted());
        assert!(
            Dialect::V2_7.is_list("dnsserver")
                && !Dialect::V2_7.is_list("laggroup")
                && Dialect::V2_8.is_list("laggroup")
        );
        assert!(Dialect::V2_7.is_cdata("statetype") && !Dialect::V2_7.is_cdata("proxypass"));
        assert!(Dialect::V2_8.is_cdata("proxypass") && !Dialect::V2_8.is_cdata("ddnsdomainkey"));
    }
}
