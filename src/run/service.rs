//! The commands that keep D2 running.

use super::{Session, Shown};
use crate::cli::Service;
use crate::error::{Error, Exit, Result};
use crate::plan::supervise;
use crate::report::kea as report;
use crate::tasks::service;
use serde_json::json;

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
                let view = service::status(&self.config, &self.world)?;
                let json = serde_json::to_value(&view).map_err(|error| Error::new(format!("the answer: {error}")))?;
                let exit = match (view.problems.is_empty(), view.installed) {
                    (false, _) => Exit::Failed,
                    (true, false) => Exit::Pending,
                    (true, true) => Exit::Done,
                };
                Ok(Shown { text: report::service_text(&view), json, exit })
            }
            Service::Ensure { only_plan } => self.ensure(only_plan).await,
        }
    }

    async fn ensure(&mut self, only_plan: bool) -> Result<Shown> {
        let down = service::needs_start(&self.config, &self.world)?;
        if down && only_plan {
            let json = json!({ "running": false, "started": false });
            return Ok(Shown { text: "D2 should run and does not\n".into(), json, exit: Exit::Pending });
        }
        if down {
            supervise::ensure(&self.config, &mut self.world).await?;
        }
        let text = match down {
            true => "D2 was down and was started; `pfddns kea heal` registers names that were lost meanwhile\n",
            false => "D2 runs\n",
        };
        Ok(Shown::new(text, json!({ "running": true, "started": down })))
    }
}
