//! Shows what is going on: one line a step, with progress and time.
//!
//! On a terminal a step is a spinner or a bar that ends as one line; elsewhere (a log) it is a line at
//! its start, a sign of life every half minute, and a line at its end.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// The steps of one task, and how long each took.
pub struct Steps {
    terminal: bool,
    bars: MultiProgress,
    started: Instant,
    done: Mutex<Vec<(String, Duration)>>,
}

/// One step under way; several may be at once.
pub struct Step {
    title: String,
    terminal: bool,
    bar: ProgressBar,
    started: Instant,
    last_sign: Mutex<Instant>,
}

impl Steps {
    pub fn new() -> Self {
        let terminal = stderr().is_terminal();
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            terminal,
            bars: MultiProgress::with_draw_target(target),
            started: Instant::now(),
            done: Mutex::new(Vec::new()),
        }
    }

    /// Runs one step. What `work` returns as text (`up to date`, `7 components`) ends its line.
    pub fn run(&self, title: &str, work: impl FnOnce(&Step) -> Result<String>) -> Result<()> {
        let step = self.start(title);
        let outcome = work(&step);
        let elapsed = step.started.elapsed();
        step.bar.finish_and_clear();
        self.bars.remove(&step.bar);
        let mark = if outcome.is_ok() { "✓" } else { "✗" };
        let note = outcome.as_deref().unwrap_or("failed");
        self.say(&format!(
            "{mark} {title:<22} {:>8}  {note}",
            seconds(elapsed)
        ));
        self.record(title, elapsed);
        outcome.map(|_| ())
    }

    /// Prints a line without disturbing the bars.
    pub fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }

    /// Keeps the time of something that showed its own output.
    pub fn record(&self, title: &str, elapsed: Duration) {
        let mut done = self
            .done
            .lock()
            .expect("no step panics while it holds this lock");
        done.push((title.to_owned(), elapsed));
    }

    /// One line for each step so far, with its time, and the total.
    pub fn table(&self) -> String {
        let done = self
            .done
            .lock()
            .expect("no step panics while it holds this lock");
        let mut lines: Vec<String> = done
            .iter()
            .map(|(title, elapsed)| format!("  {title:<22} {:>8}", seconds(*elapsed)))
            .collect();
        lines.push(format!(
            "  {:<22} {:>8}",
            "since the start",
            seconds(self.elapsed())
        ));
        lines.join("\n")
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn start(&self, title: &str) -> Step {
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_style(spinner());
        bar.set_prefix(title.to_owned());
        if self.terminal {
            bar.enable_steady_tick(Duration::from_millis(100));
        } else {
            eprintln!("… {title}");
        }
        let now = Instant::now();
        Step {
            title: title.to_owned(),
            terminal: self.terminal,
            bar,
            started: now,
            last_sign: Mutex::new(now),
        }
    }
}

impl Step {
    /// Says what the step is doing now.
    pub fn doing(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.sign_of_life(what);
    }

    /// Says how far the step is.
    pub fn progress(&self, done: u64, total: u64, what: &str) {
        if self.bar.length() != Some(total) {
            self.bar.set_length(total);
            self.bar.set_style(bar());
        }
        self.bar.set_position(done);
        self.bar.set_message(what.to_owned());
        self.sign_of_life(&format!("{done}/{total} {what}"));
    }

    /// Whether colours and bars make sense.
    pub fn terminal(&self) -> bool {
        self.terminal
    }

    fn sign_of_life(&self, what: &str) {
        if self.terminal {
            return;
        }
        let mut last_sign = self
            .last_sign
            .lock()
            .expect("no step panics while it holds this lock");
        if last_sign.elapsed() >= SIGN_OF_LIFE {
            *last_sign = Instant::now();
            eprintln!(
                "… {} {}: {what}",
                self.title,
                seconds(self.started.elapsed())
            );
        }
    }
}

/// A time as a person reads it: `0.4 s`, `12.0 s`, `3 min 05 s`.
pub fn seconds(elapsed: Duration) -> String {
    let whole = elapsed.as_secs();
    if whole < 60 {
        format!("{:.1} s", elapsed.as_secs_f64())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

fn spinner() -> ProgressStyle {
    style("{spinner} {prefix:22} {elapsed:>8}  {wide_msg}")
}

fn bar() -> ProgressStyle {
    style("{spinner} {prefix:22} {elapsed:>8}  [{bar:24}] {pos}/{len} {wide_msg}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants, and tried")
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_have_a_decimal_and_long_ones_minutes() {
        assert_eq!(seconds(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn the_templates_are_valid() {
        let _ = (spinner(), bar());
    }

    #[test]
    fn a_failed_step_is_recorded_and_its_error_is_passed_on() {
        let steps = Steps::new();
        let outcome = steps.run("bake", |_| anyhow::bail!("no oven"));
        assert_eq!(outcome.expect_err("the step failed").to_string(), "no oven");
        assert!(steps.table().contains("bake"));
    }
}
