//! Plans are shown, saved and applied; runs are listed, resumed and undone.

use super::document::Document;
use super::{Session, Shown, plain};
use crate::cli::{Go, Look, Reload, Task};
use crate::error::{Doing, Error, Exit, Result};
use crate::plan::journal::{self, RunRecord};
use crate::plan::{self, Plan, RunReport};
use crate::report::{self, progress::Progress};
use crate::tasks;
use crate::world::local::Local;
use crate::world::{Digest, Host, NewFile};
use std::io::Read as _;
use std::path::Path;

/// Longest saved plan: a rotation over thousands of zones is a few MiB.
const PLAN_LIMIT: u64 = 64 << 20;

/// A saved plan's bytes. Never reads more than the limit, even from a device or a growing file.
pub(super) fn read_plan(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(PLAN_LIMIT + 1).read_to_end(&mut bytes));
    let hint = "`pfddns plan TASK --out FILE` makes one";
    read.map_err(|error| {
        Error::usage(format!("{}: the plan can't be read: {}", path.display(), plain(&error))).hint(hint)
    })?;
    if bytes.len() as u64 > PLAN_LIMIT {
        return Err(
            Error::usage(format!("{}: longer than any plan ({} MiB)", path.display(), PLAN_LIMIT >> 20)).hint(hint)
        );
    }
    Ok(bytes)
}

/// A plan replaces a file by a new one. A device, a link or a pipe would be gone, and one may be read without end.
fn only_a_file(path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => Err(Error::usage(format!("{}: not a regular file", path.display()))
            .hint("name a file for the plan; --json prints the plan")),
        _ => Ok(()),
    }
}

impl Session<'_> {
    pub(super) fn runs(&self) -> Result<Shown> {
        let runs = journal::all(&self.world, &self.config.primary.state)?;
        let text = report::runs_text(&runs);
        Ok(Shown::new(text, Document::Runs { runs: runs.into_iter().map(Into::into).collect() }))
    }

    /// Shows what a task would change, and keeps it in a file.
    pub(super) async fn plan(&mut self, task: Task, out: Option<&Path>) -> Result<Shown> {
        let (config, world) = (&self.config, &self.world);
        let plan = match task {
            Task::Ddns => tasks::ddns::converge(config, world).await?,
            Task::Generate => tasks::ddns::generate(config, world).await?,
            Task::Rotate => tasks::rotate::rotate(config, world).await?,
            Task::KeaRender => tasks::ddns::render(config, world).await?,
            Task::Verify => tasks::verify::verify(config, world).await?,
        };
        if let Some(out) = out {
            let bytes = serde_json::to_vec_pretty(&plan).map_err(|error| Error::new(format!("the plan: {error}")))?;
            // A plan belongs to the operator: it is stored on this machine, also with --host.
            let mut host = Host::Local(Local);
            only_a_file(out)?;
            let replaces = host.read_if_there(out)?.map(|old| Digest::of(&old));
            host.write(out, &NewFile { bytes: &bytes, replaces, mode: 0o600, keep_mode: false })?;
        }
        Ok(pending(plan, &[]))
    }

    /// Shows the plan, or applies it, with or without holding DHCP.
    pub(super) async fn reload(&mut self, plan: Plan, how: &Reload) -> Result<Shown> {
        let plan = if how.no_pause { plan.without_pause() } else { plan };
        self.go(plan, &how.go).await
    }

    /// Shows the plan, or applies it.
    pub(super) async fn go(&mut self, plan: Plan, go: &Go) -> Result<Shown> {
        if go.only_plan || plan.is_empty() {
            return Ok(pending(plan, &go.confirm));
        }
        if let Some(danger) = plan.dangers.iter().find(|danger| !go.confirm.contains(&danger.name)) {
            return Err(Error::new(danger.why.clone())
                .hint(format!("to accept this: --confirm {}", danger.name))
                .while_doing("looking at the plan's dangers, before doing anything"));
        }
        let mut progress = Progress::new(self.stderr, plan.steps.len(), self.environment.terminal);
        let done = plan::apply::apply(&plan, &self.config, &mut self.world, &self.environment.who, &mut progress).await;
        let report = done.doing(|| plan.title.clone())?;
        Ok(finished(&plan, report))
    }

    pub(super) fn nothing_unfinished(&mut self) -> Result<()> {
        let Some(run) = journal::all(&self.world, &self.config.primary.state)?.into_iter().find(RunRecord::unfinished)
        else {
            return Ok(());
        };
        // A run that is running right now is unfinished too; then the error of the lock is the right one.
        journal::Runs::lock(&mut self.world, &self.config.primary.state)?;
        Err(Error::new(format!("run {} is unfinished", run.plan.id))
            .hint("`pfddns resume` continues it, `pfddns undo` undoes it"))
    }

    pub(super) async fn resume(&mut self, look: &Look) -> Result<Shown> {
        let runs = journal::all(&self.world, &self.config.primary.state)?;
        let Some(run) = runs.into_iter().rev().find(RunRecord::unfinished) else {
            let document = Document::Left { pending: 0, run: None, title: None, steps: Vec::new() };
            return Ok(Shown::new("no run was cut off\n", document));
        };
        if look.only_plan {
            return Ok(left(&run, "resume", &run.to_do()));
        }
        let mut progress = Progress::new(self.stderr, run.plan.steps.len(), self.environment.terminal);
        let report = plan::apply::resume(&run, &self.config, &mut self.world, &mut progress).await?;
        Ok(finished(&run.plan, report))
    }

    pub(super) async fn undo(&mut self, name: Option<&str>, look: &Look) -> Result<Shown> {
        let runs = journal::all(&self.world, &self.config.primary.state)?;
        let open = tasks::bypass::state(&self.config, &self.world)?.is_some();
        let run = plan::choose::to_undo(runs, name, open)?;
        if look.only_plan {
            return Ok(left(&run, "undo", &run.to_take_back()));
        }
        let mut progress = Progress::new(self.stderr, run.plan.steps.len(), self.environment.terminal);
        let report = plan::apply::undo(&run, &self.config, &mut self.world, &mut progress).await?;
        Ok(finished(&run.plan, report))
    }
}

fn left(run: &RunRecord, what: &str, steps: &[usize]) -> Shown {
    // Also when only the run's end is missing in the journal.
    let exit = Exit::Pending;
    Shown { text: report::left_text(run, what, steps), document: Document::left(run, steps), exit }
}

fn finished(plan: &Plan, report: RunReport) -> Shown {
    Shown::new(report::run_text(plan, &report), Document::run(plan, report))
}

fn pending(plan: Plan, confirmed: &[String]) -> Shown {
    let exit = if plan.is_empty() { Exit::Done } else { Exit::Pending };
    Shown { text: report::plan_text(&plan, confirmed), document: Document::plan(plan), exit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_replaces_nothing_but_files() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), folder.path(), &link] {
            let error = only_a_file(path).unwrap_err();
            assert!(error.what().ends_with("not a regular file") && error.exit() == Exit::Usage, "{error}");
        }
        only_a_file(&folder.path().join("new.plan")).unwrap();
    }
}
