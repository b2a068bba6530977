//! The commands that keep D2 running.

use super::document::Document;
use super::{Session, Shown};
use crate::cli::Service;
use crate::error::{Exit, Result};
use crate::report::kea as report;
use crate::tasks::service;

impl Session<'_> {
    pub(super) async fn service(&mut self, command: Service) -> Result<Shown> {
        match command {
            Service::Install(go) => {
                let plan = service::install(&self.config, &self.world)?;
                self.go(plan, &go).await
            }
            Service::Remove(go) => {
                let plan = service::remove(&self.config, &self.world)?;
                self.go(plan, &go).await
            }
            Service::Status => {
                let views = service::status(&self.config, &self.world)?;
                let good = views.iter().all(|view| view.problems.is_empty());
                let exit = match (good, views.iter().all(|view| view.installed)) {
                    (false, _) => Exit::Failed,
                    (true, false) => Exit::Pending,
                    (true, true) => Exit::Done,
                };
                Ok(Shown { text: report::service_text(&views), document: Document::Service { firewalls: views }, exit })
            }
            Service::Ensure { only_plan } => self.ensure(only_plan).await,
        }
    }

    async fn ensure(&mut self, only_plan: bool) -> Result<Shown> {
        let all = service::need_start(&self.config, &self.world)?;
        let down = !all.is_empty();
        if down && only_plan {
            let document = Document::ServiceEnsure { running: false, started: false };
            return Ok(Shown { text: "D2 should run and does not\n".into(), document, exit: Exit::Pending });
        }
        for host in &all {
            service::ensure(&self.config, &mut self.world, host).await?;
        }
        let text = match down {
            true => "D2 was down and was started; `pfddns kea heal` registers names that were lost meanwhile\n",
            false => "D2 runs\n",
        };
        Ok(Shown::new(text, Document::ServiceEnsure { running: true, started: down }))
    }
}
