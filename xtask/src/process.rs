//! Child processes that never outlive this one.
//!
//! Each child leads its own process group, so that a signal reaches all of what it started, and asks the
//! kernel for a signal when this process dies, so that even `kill -9` of it leaves nothing running.

use std::fmt;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, sigaction};
use nix::unistd::Pid;

use crate::steps::Step;

/// How long a child may take to end by itself before it is killed.
pub const GRACE: Duration = Duration::from_secs(5);

/// How often a waiting loop looks again.
pub const LOOK: Duration = Duration::from_millis(20);

/// The last of the signals that ask this process to end; 0 before.
static ASKED_TO_END: AtomicI32 = AtomicI32::new(0);

/// The person, or the system, asked this process to end.
#[derive(Debug)]
pub struct Interrupted(i32);

impl fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Signal::try_from(self.0).map_or("a signal", Signal::as_str);
        write!(formatter, "stopped by {name}")
    }
}

impl std::error::Error for Interrupted {}

/// From now on SIGINT, SIGTERM and SIGHUP only leave a note, which every waiting loop here reads.
pub fn listen_for_signals() {
    let action = SigAction::new(
        SigHandler::Handler(note),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler only stores to an atomic, which is allowed in a signal handler.
        unsafe { sigaction(signal, &action) }.expect("these three signals can be handled");
    }
}

extern "C" fn note(signal: i32) {
    ASKED_TO_END.store(signal, Ordering::Relaxed);
}

/// The signal that asked this process to end, as an error.
pub fn interrupted() -> Result<(), Interrupted> {
    match ASKED_TO_END.load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Interrupted(signal)),
    }
}

/// 128 + signal where a signal ended the work, as shells have it; else 1.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Interrupted>() {
        Some(Interrupted(signal)) => ExitCode::from(128 + u8::try_from(*signal).unwrap_or(0)),
        None => ExitCode::FAILURE,
    }
}

/// A running child; dropped, it is killed and reaped with all of its group.
pub struct Running {
    child: Child,
    group: Pid,
    ask: Signal,
}

impl Running {
    /// Starts `command`; `ask` is the signal that makes it end in good order.
    ///
    /// Call it from a thread that lives as long as the child: the kernel's signal at the death of the
    /// parent comes at the death of the *thread* that started it.
    pub fn start(command: &mut Command, ask: Signal) -> Result<Self> {
        command.process_group(0).stdin(Stdio::null());
        die_with_parent(command, ask);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let group =
            Pid::from_raw(i32::try_from(child.id()).context("a process id beyond 31 bits")?);
        Ok(Self { child, group, ask })
    }

    /// The exit status, if the child has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .context("cannot wait for a child process")
    }

    /// Asks the child to end, without waiting.
    pub fn ask_to_end(&self) {
        // An error means that the group is gone already, which is what was wanted.
        let _ = killpg(self.group, self.ask);
    }

    /// Waits until the child has ended, kills what is left of its group at `deadline`. Says whether the
    /// child ended by itself and well.
    pub fn stop_until(&mut self, deadline: Instant) -> bool {
        while matches!(self.ended(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
        let _ = killpg(self.group, Signal::SIGKILL);
        self.child.wait().is_ok_and(|status| status.success())
    }

    /// Waits for the end; asked to end meanwhile, takes the child along.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if let Err(interrupted) = interrupted() {
                self.ask_to_end();
                self.stop_until(Instant::now() + GRACE);
                return Err(interrupted.into());
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            self.stop_until(Instant::now());
        }
    }
}

/// Runs a tool whose output the person shall see as it comes.
pub fn run_openly(what: &str, command: &mut Command) -> Result<()> {
    let status = Running::start(command, Signal::SIGINT)?.wait()?;
    succeeded(what, status)
}

/// Runs a tool within a step: `watch` sees each line, the output is shown only if the tool fails.
///
/// A line ends at a carriage return, too: that is how progress is drawn. Lines for which `watch` says
/// `false` are not kept.
pub fn run(
    step: &Step,
    what: &str,
    command: &mut Command,
    watch: impl Fn(&Step, &str) -> bool,
) -> Result<String> {
    interrupted()?;
    let mut running = Running::start(
        command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        Signal::SIGINT,
    )?;
    let (sender, lines) = mpsc::channel();
    forward(running.child.stdout.take(), sender.clone());
    forward(running.child.stderr.take(), sender);

    let mut output = String::new();
    let mut keep = |line: String| {
        if watch(step, &line) {
            output.push_str(&line);
            output.push('\n');
        }
    };
    let status = loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => keep(line),
            Err(RecvTimeoutError::Disconnected) => break running.wait()?,
            // A grandchild may hold the pipe open after the tool has ended.
            Err(RecvTimeoutError::Timeout) => match running.ended()? {
                Some(status) => break status,
                None => interrupted().or_else(|_| running.wait().map(drop))?,
            },
        }
    };
    lines.try_iter().for_each(keep);
    if !status.success() {
        eprintln!("{}", output.trim_end());
    }
    succeeded(what, status)?;
    Ok(output)
}

/// The output of a tool that answers at once.
pub fn read(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{program} wrote something that is not UTF-8"))
}

/// Where a program is, by the `PATH`.
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn succeeded(what: &str, status: ExitStatus) -> Result<()> {
    match (status.success(), status.signal()) {
        (true, _) => Ok(()),
        (false, Some(signal)) => bail!("{what} was ended by signal {signal}; its output is above"),
        (false, None) => bail!("{what} failed ({status}); its output is above"),
    }
}

fn forward(stream: Option<impl Read + Send + 'static>, sender: Sender<String>) {
    let Some(mut stream) = stream else { return };
    thread::spawn(move || {
        let mut pending = Vec::new();
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            pending.extend_from_slice(&buffer[..count]);
            while let Some(end) = pending
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'))
            {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                if !line.is_empty() && sender.send(line).is_err() {
                    return;
                }
            }
        }
        if !pending.is_empty() {
            // The receiver is gone only when nobody wants the output any more.
            let _ = sender.send(String::from_utf8_lossy(&pending).into_owned());
        }
    });
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = nix::unistd::getpid();
    let prepare = move || {
        nix::sys::prctl::set_pdeathsig(signal)?;
        // The parent may have died before the line above: then no signal will come.
        if nix::unistd::getppid() != parent {
            return Err(std::io::Error::other("the parent process is gone"));
        }
        Ok(())
    };
    // SAFETY: between fork and exec only prctl and getppid are called, both async-signal-safe.
    unsafe { command.pre_exec(prepare) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command, _signal: Signal) {}

#[cfg(test)]
mod tests;
