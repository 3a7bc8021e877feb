//! `cargo xtask up`: from a checkout to a running product, and back to nothing.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{build, cargo, http, process, python};

mod service;
mod settings;
mod table;

use service::Service;
use settings::Settings;

/// How long a service may take to say that it listens. The host compiles the components at its first
/// start (seconds), the sandbox service warms up Python.
const START: Duration = Duration::from_secs(60);

/// How to come up.
#[derive(Args)]
pub struct Options {
    /// Where Conductor listens; 0 takes a free port
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Where the sandbox service and the dashboards listen; 0 takes a free port
    #[arg(long, default_value_t = 7070)]
    sandbox_port: u16,
    /// Serve with the `spin` on the PATH (3.0 or newer) instead of the built-in host
    #[arg(long)]
    spin: bool,
    /// Open the browser
    #[arg(long)]
    open: bool,
    /// Start what is built, without a look at the sources
    #[arg(long)]
    no_build: bool,
    /// Print what the services log, too
    #[arg(long)]
    logs: bool,
    /// Where sessions, logs and caches are kept
    #[arg(long, default_value = ".conductor")]
    state_dir: PathBuf,
    /// Run Python without isolation, where the machine allows no namespaces: only for code you trust
    #[arg(long)]
    insecure_no_isolation: bool,
    #[command(flatten)]
    build: build::Options,
}

pub fn run(workspace: &Workspace, steps: &Steps, options: &Options) -> Result<()> {
    if options.spin && process::find("spin").is_none() {
        bail!(
            "--spin needs the Spin CLI 3.0 or newer on the PATH (https://spinframework.dev); without --spin the built-in host serves"
        );
    }
    let settings = Settings::read(&workspace.path(".env"))?;
    if !options.no_build {
        build::run(workspace, steps, &options.build)?;
    }
    let state = workspace.path(&options.state_dir);
    let _lock = claim(&state)?;
    let outcome = serve(workspace, steps, options, &settings, &state);
    match &outcome {
        // Being stopped is what `up` waits for.
        Err(error) if error.is::<process::Interrupted>() => {
            steps.say(&format!("{error}: everything has ended"));
            Ok(())
        }
        _ => outcome,
    }
}

fn serve(
    workspace: &Workspace,
    steps: &Steps,
    options: &Options,
    settings: &Settings,
    state: &Path,
) -> Result<()> {
    let mut services = Vec::new();
    let outcome = start(workspace, steps, options, settings, state, &mut services).and_then(|up| {
        eprintln!(
            "\n{}",
            table::render(&up, settings, workspace, steps.elapsed())
        );
        if options.open {
            open_browser(&up.host);
        }
        watch(&mut services, options.logs)
    });
    let cut_off = service::stop_all(&mut services);
    if cut_off.contains(&"sandbox")
        && let Err(error) = clean_up_after_sandbox(workspace, options, state)
    {
        steps.say(&format!(
            "cannot clean up after the sandbox service: {error:#}; the next start will"
        ));
    }
    outcome
}

/// Removes the folders of a sandbox service that crashed or was killed. The service itself does that when
/// it starts, so one is started once more and stopped.
fn clean_up_after_sandbox(workspace: &Workspace, options: &Options, state: &Path) -> Result<()> {
    let command = sandbox_command(workspace, options, state, 0)?;
    // A name of its own keeps the last words of the crashed service in the log.
    let mut service = Service::start("clean-up", command, state)?;
    let deadline = Instant::now() + process::GRACE;
    while service.address().is_none() && Instant::now() < deadline {
        service.must_run()?;
        thread::sleep(process::LOOK);
    }
    service::stop_all(&mut vec![service]);
    Ok(())
}

/// Where everything listens.
pub struct Addresses {
    pub host: SocketAddr,
    /// None where sandboxes live elsewhere.
    pub sandbox: Option<SocketAddr>,
    /// What the host's `/health` said, if it was not well.
    pub unwell: Option<String>,
    pub logs: PathBuf,
}

fn start(
    workspace: &Workspace,
    steps: &Steps,
    options: &Options,
    settings: &Settings,
    state: &Path,
    services: &mut Vec<Service>,
) -> Result<Addresses> {
    let mut sandbox = None;
    if settings.sandboxes_elsewhere().is_none() {
        steps.run("start sandbox", |_| {
            let mut command = sandbox_command(workspace, options, state, options.sandbox_port)?;
            command.envs(settings.log_level().map(|level| ("SANDBOX_LOG", level)));
            let started = Service::start("sandbox", command, state)?;
            services.push(started);
            let address = services
                .last_mut()
                .expect("just pushed")
                .wait_until_it_listens(START)?;
            sandbox = Some(address);
            Ok(format!("listening on {address}"))
        })?;
    }

    let mut host = None;
    let mut unwell = None;
    steps.run("start host", |step| {
        let (name, mut command) = host_command(workspace, options, state)?;
        command.envs(settings.spin_variables(sandbox));
        command.envs(settings.log_level().map(|level| ("RUST_LOG", level)));
        services.push(Service::start(name, command, state)?);
        let service = services.last_mut().expect("just pushed");
        let address = service.wait_until_it_listens(START)?;
        host = Some(address);
        step.doing("asking for its health");
        unwell = wait_until_well(service, address)?;
        Ok(format!("listening on {address}"))
    })?;
    let host = host.context("the host gave no address")?;
    Ok(Addresses {
        host,
        sandbox,
        unwell,
        logs: state.join("logs"),
    })
}

fn sandbox_command(
    workspace: &Workspace,
    options: &Options,
    state: &Path,
    port: u16,
) -> Result<Command> {
    let mut command = service_command(workspace, "sandbox")?;
    command.arg("serve").arg("--listen").arg(listen(port));
    command.arg("--venv").arg(python::SANDBOX.folder(workspace));
    command.arg("--state-dir").arg(state.join("sandbox"));
    if options.insecure_no_isolation {
        command.arg("--insecure-no-isolation");
    }
    // Programs run below this service: it has no business with keys.
    for secret in settings::SECRETS {
        command.env_remove(secret);
    }
    Ok(command)
}

fn host_command(
    workspace: &Workspace,
    options: &Options,
    state: &Path,
) -> Result<(&'static str, Command)> {
    if options.spin {
        let mut command = cargo::tool(workspace, "spin");
        // Spin does not say which port it took, so a free one is chosen here.
        let port = if options.port == 0 {
            free_port()?
        } else {
            options.port
        };
        command.args(["up", "--from", "spin.toml", "--listen", &listen(port)]);
        command.arg("--state-dir").arg(state.join("spin"));
        return Ok(("spin", command));
    }
    let mut command = service_command(workspace, "host")?;
    command.args([
        "up",
        "--manifest",
        "spin.toml",
        "--listen",
        &listen(options.port),
    ]);
    command.arg("--state-dir").arg(state);
    command
        .arg("--cache-dir")
        .arg(build::compiled_folder(workspace));
    // Shorter than the time after which it would be killed.
    command.args(["--shutdown-grace-ms", "3000"]);
    let env_file = workspace.path(".env");
    if env_file.exists() {
        command.arg("--env-file").arg(env_file);
    }
    Ok(("host", command))
}

fn service_command(workspace: &Workspace, name: &str) -> Result<Command> {
    let binary = workspace.target().join("debug").join(name);
    if !binary.exists() {
        bail!(
            "{} is not built: run `cargo xtask up` without --no-build",
            workspace.relative(&binary)
        );
    }
    Ok(cargo::tool(workspace, binary))
}

/// The host answers `/health` with 200, or with a status that says what is not well.
fn wait_until_well(service: &mut Service, address: SocketAddr) -> Result<Option<String>> {
    let deadline = Instant::now() + START;
    loop {
        service.must_run()?;
        process::interrupted()?;
        match http::get(address, "/health", Duration::from_secs(20)) {
            Ok((200, _)) => return Ok(None),
            Ok((status, body)) => {
                return Ok(Some(format!("/health answered {status}: {}", body.trim())));
            }
            Err(error) if Instant::now() > deadline => {
                return Err(error.context(format!(
                    "{} does not answer http://{address}/health",
                    service.name()
                )));
            }
            Err(_) => thread::sleep(process::LOOK),
        }
    }
}

/// Waits for a signal or for the first service to end.
fn watch(services: &mut [Service], print_logs: bool) -> Result<()> {
    loop {
        process::interrupted()?;
        for service in services.iter_mut() {
            if print_logs {
                service.print_new_log_lines();
            }
            service.must_run()?;
        }
        thread::sleep(process::LOOK * 2);
    }
}

/// Holds the state folder for this process; the lock ends with the process, however it ends.
fn claim(state: &Path) -> Result<nix::fcntl::Flock<File>> {
    fs::create_dir_all(state).with_context(|| format!("cannot make {}", state.display()))?;
    let path = state.join("up.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock).map_err(|(_, _)| {
        anyhow::anyhow!(
            "another `cargo xtask up` runs with {}: stop it, or choose another --state-dir, --port and --sandbox-port",
            state.display()
        )
    })
}

fn listen(port: u16) -> String {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string()
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

fn open_browser(host: &SocketAddr) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let url = format!("http://{host}/");
    if Command::new(opener).arg(&url).spawn().is_err() {
        eprintln!("cannot start {opener}: open {url} yourself");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = claim(folder.path()).expect("nobody has it");
        let second = claim(folder.path()).expect_err("it is taken");
        assert!(
            second
                .to_string()
                .starts_with("another `cargo xtask up` runs with ")
        );
        drop(first);
        claim(folder.path()).expect("it is free again");
    }
}
