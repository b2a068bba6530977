//! Progress of a run on stderr: a spinner with the time on a terminal, one line a step anywhere else.

use crate::plan::{Moment, Observer};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

/// Prints what a run does while it does it.
pub struct Progress<'a> {
    out: &'a mut dyn Write,
    steps: usize,
    spinner: Option<ProgressBar>,
    live: bool,
}

impl<'a> Progress<'a> {
    /// `live`: stderr is a terminal.
    pub fn new(out: &'a mut dyn Write, steps: usize, live: bool) -> Self {
        Self { out, steps, spinner: None, live }
    }

    fn line(&mut self, text: &str) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
        // A closed stderr must not stop a rotation.
        let _ = writeln!(self.out, "{text}");
    }

    fn spin(&mut self, text: String) {
        if self.live {
            let spinner = ProgressBar::new_spinner().with_message(text);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(120));
            self.spinner = Some(spinner);
        }
    }
}

impl Observer for Progress<'_> {
    fn tell(&mut self, moment: &Moment<'_>) -> ControlFlow<()> {
        let steps = self.steps;
        let width = steps.to_string().len();
        match moment {
            Moment::Started(number, step) => self.spin(format!("{:>width$}/{steps} {}", number + 1, step.title)),
            Moment::Done(number, step, evidence) => {
                let seen = evidence.to_string();
                let seen = if seen.is_empty() { seen } else { format!(": {seen}") };
                self.line(&format!("{:>width$}/{steps} {}{seen}", number + 1, step.title));
            }
            Moment::Failed(number, step, error) => {
                self.line(&format!("{:>width$}/{steps} {}: FAILED: {}", number + 1, step.title, error.what()));
            }
            Moment::Undoing(_, step) => self.spin(format!("undoing: {}", step.title)),
            Moment::Undone(number, step) => {
                self.line(&format!("{:>width$}/{steps} undone: {}", number + 1, step.title))
            }
            Moment::Next(..) | Moment::Changed(..) | Moment::WentBack(..) => {}
        }
        ControlFlow::Continue(())
    }
}
