//! Administration of users, groups and rights: `admin/users/…`, `admin/groups/…`, `admin/permissions/…` and
//! `zones/permissions/…`, as far as a test needs them to make a situation.

use super::accounts::{Group, User};
use super::api::{ApiError, Reply};
use super::http::Call;
use super::names;
use super::permissions::{
    ADMINISTRATORS, DHCP_ADMINISTRATORS, DNS_ADMINISTRATORS, EVERYONE, Permission, Right, Rights, SECTIONS,
};
use super::state::{Server, Version};
use super::store::Store;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const STOCK: [(&str, &str); 4] = [
    (ADMINISTRATORS, "Super administrators"),
    (DHCP_ADMINISTRATORS, "DHCP service administrators"),
    (DNS_ADMINISTRATORS, "DNS service administrators"),
    (EVERYONE, "All users"),
];

impl Server {
    /// Runs one `admin/…` call of these.
    pub fn admin(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        let needs = match call.path.rsplit('/').next() {
            Some("list" | "get") => Right::View,
            Some("delete") => Right::Delete,
            Some("set") if call.path == "admin/permissions/set" => Right::Delete,
            _ => Right::Modify,
        };
        self.permit(user, "Administration", needs)?;
        let shown = match call.path.as_str() {
            "admin/users/list" => {
                let users: Value = self.live.auth.users.keys().map(|name| self.user_json(name, false)).collect();
                json!({"users": users})
            }
            "admin/users/create" => self.create_user(call)?,
            "admin/users/get" => self.user_json(&self.user_named(&call.require("user")?)?, true),
            "admin/users/set" => self.set_user(call, user)?,
            "admin/users/delete" => self.delete_user(call, user)?,
            "admin/groups/list" => {
                let groups = self.groups().into_iter().filter(|(name, _)| name != EVERYONE);
                let groups: Value = groups.map(|(name, text)| json!({"name": name, "description": text})).collect();
                json!({"groups": groups})
            }
            "admin/groups/create" => self.create_group(call)?,
            "admin/groups/get" => self.group_json(&self.group_named(&call.require("group")?)?),
            "admin/groups/set" => self.set_group(call, user)?,
            "admin/groups/delete" => self.delete_group(call)?,
            "admin/permissions/get" | "admin/permissions/set" => {
                let asked = call.require("section")?;
                let section = SECTIONS.into_iter().find(|section| section.eq_ignore_ascii_case(&asked));
                let section =
                    section.ok_or_else(|| ApiError::text(format!("Requested value '{asked}' was not found.")))?;
                self.permission(call, section, None)?
            }
            _ => return self.unknown(),
        };
        if needs != Right::View {
            self.changed(Store::Auth);
        }
        Ok(Reply::Response(shown))
    }

    /// `zones/permissions/get` and `set`.
    pub fn zone_permissions(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        self.permit(user, "Zones", Right::Modify)?;
        let zone = call.require("zone")?.trim_matches('.').to_ascii_lowercase();
        let set = call.path.ends_with("set");
        self.permit_zone(user, &zone, if set { Right::Delete } else { Right::View })?;
        let shown = self.permission(call, "Zones", Some(&zone))?;
        if set {
            self.changed(Store::Auth);
        }
        Ok(Reply::Response(shown))
    }

    /// Shows rights, after having replaced what a `set` names. The groups that always have all rights keep them.
    fn permission(&mut self, call: &Call, section: &'static str, zone: Option<&str>) -> Result<Value, ApiError> {
        let rows = |name: &str| call.path.ends_with("set").then(|| call.raw(name)).flatten();
        let users = rows("userPermissions").map(|text| rights(&text, |name| self.user_named(name).ok())).transpose()?;
        let groups =
            rows("groupPermissions").map(|text| rights(&text, |name| self.group_named(name).ok())).transpose()?;
        let permissions = &mut self.live.auth.permissions;
        let found: Option<&mut Permission> = match zone {
            Some(zone) => permissions.zones.get_mut(zone),
            None => permissions.sections.get_mut(section),
        };
        let found = found.ok_or_else(ApiError::denied)?;
        if let Some(users) = users {
            found.users = users;
        }
        if let Some(mut groups) = groups {
            groups.insert(ADMINISTRATORS.into(), Rights::ALL);
            match section {
                "Zones" => groups.insert(DNS_ADMINISTRATORS.into(), Rights::ALL),
                "DhcpServer" => groups.insert(DHCP_ADMINISTRATORS.into(), Rights::ALL),
                _ => None,
            };
            found.groups = groups;
        }
        Ok(found.to_json(section, zone))
    }

    fn user_named(&self, name: &str) -> Result<String, ApiError> {
        let key = name.to_lowercase();
        let known = self.live.auth.users.contains_key(&key);
        if known { Ok(key) } else { Err(ApiError::text(format!("No such user exists: {name}"))) }
    }

    fn groups(&self) -> BTreeMap<String, String> {
        let stock = STOCK.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        stock.chain(self.live.auth.groups.clone()).collect()
    }

    fn group_named(&self, name: &str) -> Result<String, ApiError> {
        let found = self.groups().into_keys().find(|known| known.eq_ignore_ascii_case(name));
        found.ok_or_else(|| ApiError::text(format!("No such group exists: {name}")))
    }

    fn user_json(&self, name: &str, details: bool) -> Value {
        let Some(user) = self.live.auth.users.get(name) else { return Value::Null };
        let mut out = Map::from_iter([
            ("displayName".to_owned(), Value::from(user.display.clone())),
            ("username".to_owned(), name.into()),
        ]);
        if self.version >= Version::V15_2 {
            out.insert("isSsoUser".into(), false.into());
        }
        if self.version >= Version::V14_3 {
            out.insert("totpEnabled".into(), false.into());
        }
        out.insert("disabled".into(), user.disabled.into());
        for session in ["previousSession", "recentSession"] {
            out.insert(format!("{session}LoggedOn"), "0001-01-01T00:00:00".into());
            out.insert(format!("{session}RemoteAddress"), "0.0.0.0".into());
        }
        if details {
            out.insert("sessionTimeoutSeconds".into(), user.timeout_seconds.into());
            out.insert("memberOfGroups".into(), user.groups.iter().cloned().collect());
            out.insert("sessions".into(), json!([]));
        }
        Value::Object(out)
    }

    fn group_json(&self, name: &str) -> Value {
        let member = |user: &User| name == EVERYONE || user.groups.contains(name);
        let members = self.live.auth.users.iter().filter(|(_, user)| member(user));
        let members: Value = members.map(|(name, _)| Value::from(name.clone())).collect();
        json!({"name": name, "description": self.groups().get(name), "members": members})
    }

    fn create_user(&mut self, call: &Call) -> Result<Value, ApiError> {
        let name = call.require("user")?.to_lowercase();
        let display = call.get("displayName").unwrap_or_else(|| name.clone());
        let pass = call.require("pass")?;
        if self.live.auth.users.contains_key(&name) {
            return Err(ApiError::text(format!("User already exists: {name}")));
        }
        self.live.auth.users.insert(name.clone(), User::new(&display, &pass, Group::Everyone));
        Ok(self.user_json(&name, false))
    }

    fn set_user(&mut self, call: &Call, by: &str) -> Result<Value, ApiError> {
        let name = self.user_named(&call.require("user")?)?;
        let groups = call.raw("memberOfGroups").map(|text| -> Result<BTreeSet<String>, ApiError> {
            let names = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let mut groups = names.map(|part| self.group_named(part)).collect::<Result<BTreeSet<_>, _>>()?;
            groups.remove(EVERYONE);
            groups.extend((name == by).then(|| ADMINISTRATORS.to_owned())); // nobody locks themselves out
            Ok(groups)
        });
        let groups = groups.transpose()?;
        let disabled = call.get("disabled").map(|text| names::boolean(&text)).transpose()?;
        if disabled == Some(true) && name == by {
            return Err(ApiError::text("Cannot update user profile: cannot disable current user's account."));
        }
        let timeout = call.get("sessionTimeoutSeconds").map(|text| names::integer(&text)).transpose()?;
        let auth = &mut self.live.auth;
        if let Some(user) = auth.users.get_mut(&name) {
            user.display = call.get("displayName").unwrap_or_else(|| user.display.clone());
            user.pass = call.get("newPass").unwrap_or_else(|| user.pass.clone());
            user.groups = groups.unwrap_or_else(|| user.groups.clone());
            user.disabled = disabled.unwrap_or(user.disabled);
            user.timeout_seconds = timeout.and_then(|n| u32::try_from(n).ok()).unwrap_or(user.timeout_seconds);
        }
        if disabled == Some(true) {
            auth.sessions.retain(|_, session| session.user != name || session.api_name.is_some());
        }
        Ok(self.user_json(&name, true))
    }

    fn delete_user(&mut self, call: &Call, by: &str) -> Result<Value, ApiError> {
        let asked = call.require("user")?;
        let name = asked.to_lowercase();
        if name == by {
            return Err(ApiError::text("Invalid operation: cannot delete current user."));
        }
        let auth = &mut self.live.auth;
        if auth.users.remove(&name).is_none() {
            return Err(ApiError::text(format!("Failed to delete user: {asked}")));
        }
        auth.sessions.retain(|_, session| session.user != name);
        let permissions = auth.permissions.sections.values_mut().chain(auth.permissions.zones.values_mut());
        permissions.for_each(|permission| {
            permission.users.remove(&name);
        });
        Ok(json!({}))
    }

    fn create_group(&mut self, call: &Call) -> Result<Value, ApiError> {
        let name = call.require("group")?;
        if self.group_named(&name).is_ok() {
            return Err(ApiError::text(format!("Group already exists: {name}")));
        }
        let text = call.get("description").unwrap_or_default();
        self.live.auth.groups.insert(name.clone(), text.clone());
        Ok(json!({"name": name, "description": text}))
    }

    fn set_group(&mut self, call: &Call, by: &str) -> Result<Value, ApiError> {
        let group = self.group_named(&call.require("group")?)?;
        if let Some(text) = call.raw("members") {
            let names = text.split(',').filter(|part| !part.is_empty());
            let mut members = names.map(|part| self.user_named(part)).collect::<Result<BTreeSet<_>, _>>()?;
            members.extend((group == ADMINISTRATORS).then(|| by.to_owned()));
            for (name, user) in &mut self.live.auth.users {
                match members.contains(name) {
                    true => user.groups.insert(group.clone()),
                    false => user.groups.remove(&group),
                };
            }
        }
        Ok(self.group_json(&group))
    }

    fn delete_group(&mut self, call: &Call) -> Result<Value, ApiError> {
        let asked = call.require("group")?;
        if STOCK.iter().any(|(name, _)| name.eq_ignore_ascii_case(&asked)) {
            return Err(ApiError::denied());
        }
        let failed = |_| ApiError::text(format!("Failed to delete group: {asked}"));
        let group = self.group_named(&asked).map_err(failed)?;
        let auth = &mut self.live.auth;
        auth.groups.remove(&group);
        auth.users.values_mut().for_each(|user| {
            user.groups.remove(&group);
        });
        let permissions = auth.permissions.sections.values_mut().chain(auth.permissions.zones.values_mut());
        permissions.for_each(|permission| {
            permission.groups.remove(&group);
        });
        Ok(json!({}))
    }
}

/// `name|view|modify|delete|…`; who is not known is passed over.
fn rights(text: &str, known: impl Fn(&str) -> Option<String>) -> Result<BTreeMap<String, Rights>, ApiError> {
    let cells: Vec<&str> = text.split('|').collect();
    let mut out = BTreeMap::new();
    for row in cells.chunks(4).filter(|row| row.first().is_some_and(|name| !name.is_empty())) {
        let [name, view, modify, delete] = row else {
            return Err(ApiError::text("Index was outside the bounds of the array."));
        };
        let rights = Rights::new(names::boolean(view)?, names::boolean(modify)?, names::boolean(delete)?);
        if let Some(name) = known(name) {
            out.insert(name, rights);
        }
    }
    Ok(out)
}
