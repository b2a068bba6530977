//! Answers the commands `dhcp`, `unbound` and `backup`.

use super::document::Document;
use super::{Session, Shown};
use crate::cli::{Backup, Dhcp, DhcpDdns, Unbound};
use crate::error::{Exit, Result};
use crate::model::ZoneName;
use crate::report::pfsense as report;
use crate::tasks::dhcp::Warning;
use crate::tasks::resolver::Knowledge;
use crate::tasks::{backups, dhcp, resolver, wiring};

impl Session<'_> {
    pub(super) async fn dhcp(&mut self, command: Dhcp) -> Result<Shown> {
        let (config, world) = (&self.config, &self.world);
        match command {
            Dhcp::Show { check } => {
                let mut view = dhcp::view(config, world)?;
                if check {
                    for it in &mut view.scopes {
                        let found = dhcp::check_dns_servers(config, world, &it.scope.dns_servers).await?;
                        it.warnings.extend(found);
                    }
                }
                Ok(Shown::new(report::dhcp_text(&view), Document::Dhcp(view)))
            }
            Dhcp::DnsServers { interface, servers, check, go, .. } => {
                let (plan, mut warnings) = dhcp::dns_servers(config, world, &interface, &servers)?;
                if check {
                    let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
                    warnings.extend(dhcp::check_dns_servers(config, world, &names).await?);
                }
                self.warn(&warnings);
                let mut shown = self.go(plan, &go).await?;
                if let Document::Plan { warnings: own, .. } | Document::Run { warnings: own, .. } = &mut shown.document
                {
                    *own = warnings;
                }
                Ok(shown)
            }
            Dhcp::Ddns(DhcpDdns::Enable { until_regenerated, go }) => {
                let plan = wiring::enable(config, world, until_regenerated)?;
                self.go(plan, &go).await
            }
            Dhcp::Ddns(DhcpDdns::Disable(go)) => {
                let plan = wiring::disable(config, world)?;
                self.go(plan, &go).await
            }
            Dhcp::Ddns(DhcpDdns::Status) => {
                let view = wiring::status(config, world)?;
                let wired = view.places.iter().all(|it| it.wired) && view.live == Some(true);
                let exit = if wired { Exit::Done } else { Exit::Pending };
                Ok(Shown { text: report::wiring_text(&view), document: Document::DhcpDdns(view), exit })
            }
        }
    }

    pub(super) async fn unbound(&mut self, command: Unbound) -> Result<Shown> {
        let (how, zones, servers, go) = match command {
            Unbound::Show => {
                let view = resolver::view(&self.config, &self.world)?;
                return Ok(Shown::new(report::resolver_text(&view), Document::Unbound(view)));
            }
            Unbound::Forward { zones, servers, go, .. } => (Knowledge::Forward, zones, servers, go),
            Unbound::AuthZone { zones, servers, go, .. } => (Knowledge::Copy, zones, servers, go),
        };
        let zones = self.zones(&zones)?;
        let plan = resolver::resolve(&self.config, &self.world, how, &zones, &servers)?;
        self.go(plan, &go).await
    }

    /// Those named, else all of the configuration.
    fn zones(&self, named: &[String]) -> Result<Vec<ZoneName>> {
        if named.is_empty() {
            return Ok(self.config.zones.iter().map(|it| it.name.clone()).collect());
        }
        named.iter().map(|it| ZoneName::new(it)).collect()
    }

    pub(super) async fn backup(&mut self, command: Backup) -> Result<Shown> {
        let (config, world) = (&self.config, &self.world);
        match command {
            Backup::List => {
                let all = backups::list(config, world)?;
                Ok(Shown::new(report::backups_text(&all), Document::Backups { backups: all }))
            }
            Backup::Diff { name } => {
                let all = backups::diff(config, world, &name)?;
                Ok(Shown::new(report::differences_text(&all), Document::Differences { differences: all }))
            }
            Backup::Restore { name, go } => {
                let plan = backups::restore(config, world, &name)?;
                self.go(plan, &go).await
            }
            Backup::Prune { keep, older_than_days, go } => {
                let plan = backups::prune(config, world, keep, older_than_days)?;
                self.go(plan, &go).await
            }
        }
    }

    fn warn(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            let _ = writeln!(self.stderr, "pfddns: warning: {}", warning.what);
        }
    }
}
