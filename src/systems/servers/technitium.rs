//! Technitium DNS Server 13.6, 14.3 and 15.2 by its HTTP API: zones, keys, update rules.
//! It answers `ok` to some requests without doing them (misspelt words, rules for secondary zones), so every write is
//! read back.

mod api;
mod keys;

use super::{HeldKey, NameServer, Standing, acl, check_bypass, check_signed, moved, same_rules};
use crate::error::{Doing as _, Error, Result};
use crate::model::{GrantRow, KeyName, KeyRef, ServerName, UpdateMode, ZoneName, ZoneRules};
use crate::secret::Secret;
use crate::world::World;
use api::Response;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One Technitium server.
pub struct Technitium {
    pub(super) name: ServerName,
    pub(super) dns: SocketAddr,
    url: String,
    token_file: PathBuf,
    save_delay: Option<Duration>,
}

#[derive(Deserialize)]
struct Zones {
    zones: Vec<ListedZone>,
}

#[derive(Deserialize)]
struct ListedZone {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    disabled: bool,
    /// Given for primary zones only.
    #[serde(default)]
    internal: bool,
}

/// `zones/options/get`; the fields about updates are absent where a zone type has none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    update: Option<String>,
    #[serde(rename = "updateNetworkACL")]
    acl: Option<Vec<String>>,
    #[serde(rename = "updateSecurityPolicies")]
    policies: Option<Vec<Policy>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    tsig_key_name: String,
    domain: String,
    allowed_types: Vec<String>,
}

/// `user/session/get`: has no `response` wrapper, needs no permission.
#[derive(Deserialize)]
struct Session {
    info: Info,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    version: String,
    uptimestamp: String,
    #[serde(default)]
    cluster_initialized: bool,
    #[serde(default)]
    cluster_nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    state: String,
}

impl Technitium {
    /// A server by its configuration; nothing is asked yet. `save_delay` overrides the default of its version.
    pub fn new(name: ServerName, dns: SocketAddr, url: &str, token_file: &Path, save_delay: Option<Duration>) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self { name, dns, url, token_file: token_file.to_owned(), save_delay }
    }

    async fn info(&self, world: &World) -> Result<Info> {
        let session: Session = self.call(world, "user/session/get", &[], &[]).await?;
        Ok(session.info)
    }

    /// Refuses a cluster's secondary node: it would push its own, possibly old, key table over the primary's.
    async fn writable(&self, world: &World) -> Result<()> {
        let info = self.info(world).await?;
        if !info.cluster_initialized {
            return Ok(());
        }
        match info.cluster_nodes.iter().find(|node| node.state == "Self") {
            Some(node) if node.kind == "Primary" => Ok(()),
            Some(node) => {
                let primary = info.cluster_nodes.iter().find(|node| node.kind == "Primary");
                let primary = primary.map_or("unknown", |node| node.name.as_str());
                Err(Error::new(format!(
                    "{} is a secondary node of a cluster ({}); nothing was changed",
                    self.name, node.name
                ))
                .hint(format!("only the primary node accepts changes: set url to {primary} in pfddns.toml")))
            }
            None => Err(Error::new(format!("{} is in a cluster and does not report which node it is", self.name))
                .hint("see Administration, Cluster in its web console")),
        }
    }

    async fn options(&self, world: &World, zone: &ZoneName) -> Result<Options> {
        let form = [("zone", zone.without_dot())];
        let answer: Response<Options> = self.call(world, "zones/options/get", &form, &[]).await?;
        let options = answer.response;
        if options.name.trim_end_matches('.').eq_ignore_ascii_case(zone.without_dot()) {
            return Ok(options);
        }
        Err(Error::new(format!("{} answered for zone {} when asked for {zone}", self.name, options.name)))
    }

    async fn read_rules(&self, world: &World, zone: &ZoneName) -> Result<ZoneRules> {
        let options = self.options(world, zone).await?;
        let (Some(update), Some(acl), Some(policies)) = (options.update, options.acl, options.policies) else {
            return Err(Error::new(format!(
                "{zone} is a {} zone on {}: it has no update rules",
                options.kind, self.name
            ))
            .hint("use the server that has it as a primary zone"));
        };
        let mode = mode(&update)
            .ok_or_else(|| Error::new(format!("{}: update mode `{update}` of {zone} is not supported", self.name)))?;
        let rows = policies.into_iter().map(|it| self.row(zone, it)).collect::<Result<_>>()?;
        Ok(ZoneRules { mode, acl, rows })
    }

    fn row(&self, zone: &ZoneName, policy: Policy) -> Result<GrantRow> {
        let key = KeyName::new(&policy.tsig_key_name).map_err(|_| {
            Error::new(format!(
                "{}: {zone} has an update policy for key `{}`, which can't be a key",
                self.name, policy.tsig_key_name
            ))
            .hint("remove that row in the server's web console, zone options, Dynamic Updates")
        })?;
        Ok(GrantRow { key, name: policy.domain, types: policy.allowed_types })
    }

    async fn change_rules(&self, world: &World, zone: &ZoneName, old: &ZoneRules, new: &ZoneRules) -> Result<()> {
        acl::check(&new.acl)?;
        let policies = self.policy_cells(zone, &new.rows)?;
        let (old, new) = (self.normalise(old), self.normalise(new));
        self.writable(world).await?;
        let now = self.normalise(&self.read_rules(world, zone).await?);
        if same_rules(&now, &new) {
            return Ok(());
        }
        let list = if new.acl.is_empty() { "false".to_owned() } else { new.acl.join(",") };
        let rows = [("updateSecurityPolicies", policies.as_str())];
        let sources = [("update", word(new.mode)), ("updateNetworkACL", list.as_str())];
        // One call would apply mode and list before it checks the policies, and keep them if the policies are refused. So two
        // calls: addresses first when the zone closes or loses its keys, keys first when it requires them.
        let (first, halfway, second) = if new.mode == UpdateMode::Deny || new.rows.is_empty() {
            (&sources[..], ZoneRules { rows: old.rows.clone(), ..new.clone() }, &rows[..])
        } else {
            (&rows[..], ZoneRules { rows: new.rows.clone(), ..old.clone() }, &sources[..])
        };
        // The halfway state is left by a run that was killed between the calls.
        if !same_rules(&now, &halfway) {
            if !same_rules(&now, &old) {
                return Err(moved(&self.name, zone));
            }
            self.set_options(world, zone, first, &halfway).await?;
        }
        if same_rules(&halfway, &new) { Ok(()) } else { self.set_options(world, zone, second, &new).await }
    }

    async fn set_options(
        &self,
        world: &World,
        zone: &ZoneName,
        options: &[(&str, &str)],
        wanted: &ZoneRules,
    ) -> Result<()> {
        let form = [&[("zone", zone.without_dot())], options].concat();
        let _: IgnoredAny = self.call(world, "zones/options/set", &form, &[]).await?;
        let found = self.normalise(&self.read_rules(world, zone).await?);
        if same_rules(&found, wanted) {
            return Ok(());
        }
        Err(Error::new(format!("{} answered ok but did not set the rules for {zone}; it has: {found}", self.name))
            .hint("somebody else may be changing the zone's options; make a new plan"))
    }

    /// Rows in the API's form. An empty cell would be dropped and shift all later cells.
    fn policy_cells(&self, zone: &ZoneName, rows: &[GrantRow]) -> Result<String> {
        let mut cells = Vec::new();
        for row in rows {
            let below = row.name.strip_suffix(zone.without_dot());
            let types_good =
                row.types.iter().all(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            if !below.is_some_and(|it| it.is_empty() || it.ends_with('.')) || row.name.contains('|') {
                return Err(Error::usage(format!(
                    "{zone}: a row for {} names `{}`, which is not in the zone",
                    row.key, row.name
                )));
            }
            if row.types.is_empty() || !types_good || row.types.len() > 255 {
                return Err(Error::usage(format!(
                    "{zone}: the row for {} on {} has no proper list of types",
                    row.key, row.name
                )));
            }
            cells.push(format!("{}|{}|{}", row.key.without_dot(), row.name, row.types.join(",")));
        }
        Ok(if cells.is_empty() { "false".to_owned() } else { cells.join("|") })
    }
}

impl NameServer for Technitium {
    async fn zones(&self, world: &World) -> Result<Vec<ZoneName>> {
        let answer: Result<Response<Zones>> = self.call(world, "zones/list", &[], &[]).await;
        let all = answer.doing(|| format!("listing the zones of {}", self.name))?.response.zones;
        if all.is_empty() {
            // Internal zones always exist: a user without rights gets an empty list and no error.
            return Err(Error::new(format!("{} shows the token's user no zone at all", self.name))
                .hint("add the user to the group DNS Administrators, or give it rights on the zones"));
        }
        let ours = |zone: &ListedZone| {
            !zone.internal && !zone.disabled && matches!(zone.kind.as_str(), "Primary" | "Forwarder")
        };
        Ok(all.iter().filter(|zone| ours(zone)).filter_map(|zone| ZoneName::new(&zone.name).ok()).collect())
    }

    async fn keys(&self, world: &World) -> Result<Vec<HeldKey>> {
        self.held_keys(world).await
    }

    async fn add_key(&self, world: &mut World, key: &KeyRef, secret: &Secret) -> Result<()> {
        self.put_key(world, key, secret).await
    }

    async fn remove_key(&self, world: &mut World, name: &KeyName) -> Result<()> {
        self.drop_key(world, name).await
    }

    async fn rules(&self, world: &World, zone: &ZoneName) -> Result<ZoneRules> {
        self.read_rules(world, zone).await.doing(|| format!("reading the update rules of {zone} on {}", self.name))
    }

    async fn set_rules(&self, world: &mut World, zone: &ZoneName, old: &ZoneRules, new: &ZoneRules) -> Result<()> {
        check_signed(zone, new)?;
        let change = self.change_rules(world, zone, old, new).await;
        change.doing(|| format!("changing the update rules of {zone} on {}", self.name))
    }

    async fn set_bypass_rules(
        &self,
        world: &mut World,
        zone: &ZoneName,
        old: &ZoneRules,
        new: &ZoneRules,
    ) -> Result<()> {
        check_bypass(zone, new)?;
        let change = self.change_rules(world, zone, old, new).await;
        change.doing(|| format!("opening the bypass of {zone} on {}", self.name))
    }

    async fn standing(&self, world: &World) -> Result<Standing> {
        let info = self.info(world).await.doing(|| format!("asking {} for its state", self.name))?;
        let save_delay = self.save_delay.unwrap_or_else(|| save_delay(&info.version));
        Ok(Standing { version: info.version, started: info.uptimestamp, save_delay })
    }

    fn normalise(&self, rules: &ZoneRules) -> ZoneRules {
        // Kept as a table of keys, each with a table of names: rows come back grouped by key, in order of appearance.
        let mut rows: Vec<GrantRow> = Vec::new();
        for row in &rules.rows {
            let types = row.types.iter().map(|it| it.to_ascii_uppercase());
            let name = row.name.trim_matches('.').to_ascii_lowercase();
            if let Some(same) = rows.iter_mut().find(|it| it.key == row.key && it.name == name) {
                same.types.extend(types);
                continue;
            }
            let after = rows.iter().rposition(|it| it.key == row.key).map_or(rows.len(), |at| at + 1);
            rows.insert(after, GrantRow { key: row.key.clone(), name, types: types.collect() });
        }
        ZoneRules { mode: rules.mode, acl: acl::normalise(&rules.acl), rows }
    }
}

/// Seen: 10.0 to 10.1 s in 13.6, 5.0 to 5.1 s in 14.3 and 15.2. A version that can't be read gets the longer time.
fn save_delay(version: &str) -> Duration {
    let major: u32 = version.split('.').next().and_then(|it| it.parse().ok()).unwrap_or(0);
    Duration::from_secs(if major >= 14 { 5 } else { 10 })
}

const WORDS: [(UpdateMode, &str); 5] = [
    (UpdateMode::Deny, "Deny"),
    (UpdateMode::Allow, "Allow"),
    (UpdateMode::ZoneNameServers, "AllowOnlyZoneNameServers"),
    (UpdateMode::Acl, "UseSpecifiedNetworkACL"),
    (UpdateMode::ZoneNameServersAndAcl, "AllowZoneNameServersAndUseSpecifiedNetworkACL"),
];

fn mode(word: &str) -> Option<UpdateMode> {
    WORDS.iter().find(|(_, it)| it.eq_ignore_ascii_case(word)).map(|(mode, _)| *mode)
}

fn word(mode: UpdateMode) -> &'static str {
    WORDS.iter().find(|(it, _)| *it == mode).map_or("Deny", |(_, word)| word)
}
