//! Who may do what: rights of users and groups in the eleven sections and on each zone.

use super::api::ApiError;
use super::state::Server;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The sections, in the product's order.
pub const SECTIONS: [&str; 11] = [
    "Dashboard",
    "Zones",
    "Cache",
    "Allowed",
    "Blocked",
    "Apps",
    "DnsClient",
    "Settings",
    "DhcpServer",
    "Administration",
    "Logs",
];
/// Everything, also what nobody else may.
pub const ADMINISTRATORS: &str = "Administrators";
/// Zones, cache, apps and settings, and each zone made through the API.
pub const DNS_ADMINISTRATORS: &str = "DNS Administrators";
/// The DHCP server, which the double does not have.
pub const DHCP_ADMINISTRATORS: &str = "DHCP Administrators";
/// All users.
pub const EVERYONE: &str = "Everyone";

/// Kinds of right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// canView
    View,
    /// canModify
    Modify,
    /// canDelete
    Delete,
}

/// What somebody may do: view, modify, delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights([bool; 3]);

impl Rights {
    /// All three.
    pub const ALL: Self = Self([true; 3]);
    /// To look only.
    pub const VIEW: Self = Self([true, false, false]);

    /// From the three words of a form.
    pub fn new(view: bool, modify: bool, delete: bool) -> Self {
        Self([view, modify, delete])
    }

    fn allows(self, right: Right) -> bool {
        let Self([view, modify, delete]) = self;
        match right {
            Right::View => view,
            Right::Modify => modify,
            Right::Delete => delete,
        }
    }

    fn to_json(self) -> Map<String, Value> {
        let words = [("canView", Right::View), ("canModify", Right::Modify), ("canDelete", Right::Delete)];
        words.into_iter().map(|(word, right)| (word.to_owned(), self.allows(right).into())).collect()
    }
}

/// Rights in one section, or on one zone.
#[derive(Debug, Clone, Default)]
pub struct Permission {
    /// By user name.
    pub users: BTreeMap<String, Rights>,
    /// By group name.
    pub groups: BTreeMap<String, Rights>,
}

impl Permission {
    fn of_groups(groups: &[(&str, Rights)]) -> Self {
        let groups = groups.iter().map(|(name, rights)| ((*name).to_owned(), *rights)).collect();
        Self { users: BTreeMap::new(), groups }
    }

    /// As `admin/permissions/get` and `zones/permissions/get` show it.
    pub fn to_json(&self, section: &str, zone: Option<&str>) -> Value {
        let rows = |rows: &BTreeMap<String, Rights>, title: &str| -> Value {
            let row = |(name, rights): (&String, &Rights)| {
                let mut row = Map::from_iter([(title.to_owned(), Value::from(name.clone()))]);
                row.extend(rights.to_json());
                Value::Object(row)
            };
            rows.iter().map(row).collect()
        };
        let mut out = Map::from_iter([("section".to_owned(), Value::from(section))]);
        if let Some(zone) = zone {
            out.insert("subItem".into(), if zone.is_empty() { "." } else { zone }.into());
        }
        out.insert("userPermissions".into(), rows(&self.users, "username"));
        out.insert("groupPermissions".into(), rows(&self.groups, "name"));
        Value::Object(out)
    }
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Permissions {
    /// By section.
    pub sections: BTreeMap<&'static str, Permission>,
    /// By zone.
    pub zones: BTreeMap<String, Permission>,
}

impl Permissions {
    /// Those of a fresh server.
    pub fn stock() -> Self {
        let dns = ["Zones", "Cache", "Allowed", "Blocked", "Apps", "DnsClient", "Settings"];
        let section = |name: &'static str| {
            let mut groups = vec![(ADMINISTRATORS, Rights::ALL)];
            groups.extend(dns.contains(&name).then_some((DNS_ADMINISTRATORS, Rights::ALL)));
            groups.extend((name == "DhcpServer").then_some((DHCP_ADMINISTRATORS, Rights::ALL)));
            groups.extend((!matches!(name, "Settings" | "Administration")).then_some((EVERYONE, Rights::VIEW)));
            (name, Permission::of_groups(&groups))
        };
        Self { sections: SECTIONS.into_iter().map(section).collect(), zones: BTreeMap::new() }
    }

    /// What a start repairs: no rights on zones that are gone, full rights of the two groups on those that are there,
    /// and a look at the internal ones.
    pub fn repair<'a>(&mut self, zones: impl Iterator<Item = (&'a String, bool)>) {
        let mut old = std::mem::take(&mut self.zones);
        for (name, internal) in zones {
            let rights = if internal { Rights::VIEW } else { Rights::ALL };
            let mut permission = old.remove(name).unwrap_or_default();
            for group in [ADMINISTRATORS, DNS_ADMINISTRATORS] {
                permission.groups.insert(group.to_owned(), rights);
            }
            self.zones.insert(name.clone(), permission);
        }
    }
}

impl Server {
    fn permits(&self, user: &str, permission: Option<&Permission>, right: Right) -> Result<(), ApiError> {
        let (Some(user_is), Some(permission)) = (self.live.auth.users.get(user), permission) else {
            return Err(ApiError::denied());
        };
        let own = permission.users.get(user).into_iter();
        let groups = user_is.groups.iter().map(String::as_str).chain([EVERYONE]);
        let mut all = own.chain(groups.filter_map(|group| permission.groups.get(group)));
        if all.any(|rights| rights.allows(right)) { Ok(()) } else { Err(ApiError::denied()) }
    }

    /// Makes sure that the user of a call has a right in a section.
    pub fn permit(&self, user: &str, section: &str, right: Right) -> Result<(), ApiError> {
        self.permits(user, self.live.auth.permissions.sections.get(section), right)
    }

    /// The same for one zone.
    pub fn permit_zone(&self, user: &str, zone: &str, right: Right) -> Result<(), ApiError> {
        self.permits(user, self.live.auth.permissions.zones.get(&zone.to_ascii_lowercase()), right)
    }

    /// The maker of a zone and the two groups get all rights on it.
    pub fn own_zone(&mut self, user: &str, zone: &str) {
        let mut permission = Permission::of_groups(&[(ADMINISTRATORS, Rights::ALL), (DNS_ADMINISTRATORS, Rights::ALL)]);
        permission.users.insert(user.to_owned(), Rights::ALL);
        self.live.auth.permissions.zones.insert(zone.to_owned(), permission);
    }

    /// A user's rights in all sections, as `info` shows them.
    pub fn rights_of(&self, user: &str) -> Value {
        let may = |section: &str, right| self.permit(user, section, right).is_ok();
        let sections = SECTIONS.iter().map(|section| {
            let rights = json!({"canView": may(section, Right::View), "canModify": may(section, Right::Modify),
                                "canDelete": may(section, Right::Delete)});
            ((*section).to_owned(), rights)
        });
        Value::Object(sections.collect())
    }
}
