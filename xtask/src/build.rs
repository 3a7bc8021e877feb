//! `cargo xtask build`: everything that `up` runs.

use std::path::{Path, PathBuf};
use std::thread;
use std::{env, fs};

use anyhow::{Context, Result};
use clap::Args;

use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use crate::{cargo, frontend, process, python, strip, toolchain};

/// Where cargo puts components; `spin.toml` names the folder of the profile `component`.
pub const WASM_TARGET: &str = "wasm32-wasip2";
/// The profile of components in daily work.
pub const PROFILE: &str = "component";
/// The profile of components that are deployed.
pub const RELEASE_PROFILE: &str = "component-release";

/// How to build.
#[derive(Args, Clone, Copy, Default)]
#[group(id = "build")]
pub struct Options {
    /// Optimise the components across crates: smaller, and slower to build
    #[arg(long)]
    pub release: bool,
}

pub fn run(workspace: &Workspace, steps: &Steps, options: &Options) -> Result<()> {
    run_with(workspace, steps, options, "host and sandbox", native)
}

/// The build, with a native part of the caller's choice.
pub fn run_with(
    workspace: &Workspace,
    steps: &Steps,
    options: &Options,
    native_title: &str,
    native: fn(&Workspace, &Step) -> Result<String>,
) -> Result<()> {
    steps.run("compile targets", |step| {
        toolchain::ensure_targets(workspace, step)
    })?;
    // The Python packages come over the network while the compiler has the processor.
    thread::scope(|scope| {
        let python = scope.spawn(|| {
            steps.run("Python environment", |step| {
                python::SANDBOX.ensure(workspace, step)
            })
        });
        let compiled = steps
            .run(native_title, |step| native(workspace, step))
            .and_then(|()| steps.run("components", |step| components(workspace, step, options)))
            .and_then(|()| steps.run("machine code", |step| machine_code(workspace, step)));
        let installed = python
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Where a signal ended both, either error says so.
        compiled.and(installed)
    })?;
    steps.run("frontend", |_| frontend::build(workspace))
}

/// Builds the two services, with the features that the tests have them built with.
///
/// Cargo switches features on by what is selected together: `-p host -p sandbox`, a plain `cargo build` and
/// `cargo nextest run` each give other ones (to `serde_json`, `indexmap`, `typenum`, …), and cranelift and
/// wasmtime, which depend on those, would be compiled anew for each, minutes every time. So all default
/// members are selected, as for the tests, and `--examples` (there are next to none) makes cargo count the
/// dependencies of tests, too, without compiling them.
fn native(workspace: &Workspace, step: &Step) -> Result<String> {
    let arguments = [
        "build",
        "--bin",
        "host",
        "--bin",
        "sandbox",
        "--bin",
        "sandbox-init",
        "--bin",
        "shim",
        "--examples",
    ];
    cargo::run(
        step,
        "the native build",
        &mut cargo::command(workspace, &arguments),
    )?;
    Ok("built".to_owned())
}

/// Builds every folder below `functions/` for WASI.
pub fn components(workspace: &Workspace, step: &Step, options: &Options) -> Result<String> {
    let profile = if options.release {
        RELEASE_PROFILE
    } else {
        PROFILE
    };
    let built = compile_components(workspace, step, profile)?;
    if options.release {
        let target = workspace.target().join(WASM_TARGET);
        for function in &workspace.functions()? {
            put_in_place(
                &target.join(profile),
                &target.join(PROFILE),
                &format!("{function}.wasm"),
            )?;
        }
    }
    Ok(built)
}

/// Builds the components where cargo puts those of this profile.
pub fn compile_components(workspace: &Workspace, step: &Step, profile: &str) -> Result<String> {
    let functions = workspace.functions()?;
    let mut command = cargo::command(
        workspace,
        &["build", "--target", WASM_TARGET, "--profile", profile],
    );
    for function in &functions {
        command.args(["-p", function]);
    }
    if profile == RELEASE_PROFILE
        && let Some(home) = cargo_home()
    {
        command.args(["--config", &without_place(&home)]);
    }
    cargo::run(step, "the build of the components", &mut command)?;
    if profile == RELEASE_PROFILE {
        let folder = workspace.target().join(WASM_TARGET).join(profile);
        for function in &functions {
            strip::strip(&folder.join(format!("{function}.wasm")))?;
        }
    }
    Ok(format!("{} components", functions.len()))
}

/// Where cargo keeps the sources of libraries.
fn cargo_home() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")))
}

/// The setting by which the texts of panics name a library's files without their place on this machine,
/// which is nobody's business and takes room. It is joined with the flags in `.cargo/config.toml`.
fn without_place(home: &Path) -> String {
    let flag = format!(
        "--remap-path-prefix={}=",
        home.join("registry/src").display()
    );
    format!("target.{WASM_TARGET}.rustflags=[{flag:?}]")
}

/// Has the host compile the components, which takes it seconds at a start. What is already there stays.
fn machine_code(workspace: &Workspace, step: &Step) -> Result<String> {
    let mut command = cargo::tool(workspace, workspace.target().join("debug/host"));
    command.args(["compile", "--manifest", "spin.toml", "--cache-dir"]);
    command.arg(compiled_folder(workspace));
    process::run(step, "compiling the components", &mut command, |_, _| true)?;
    Ok("up to date".to_owned())
}

/// Where the host keeps compiled components, whatever the state folder: they depend on their content only.
pub fn compiled_folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("compiled")
}

/// The file of a built component.
pub fn component_file(workspace: &Workspace, function: &str) -> PathBuf {
    workspace
        .target()
        .join(WASM_TARGET)
        .join(PROFILE)
        .join(format!("{function}.wasm"))
}

/// Copies a component to where `spin.toml` has it. The old file goes first: it is a hard link to cargo's
/// own copy, which writing in place would change, too.
fn put_in_place(from: &Path, to: &Path, name: &str) -> Result<()> {
    process::interrupted()?;
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let (from, to) = (from.join(name), to.join(name));
    if to.exists() {
        fs::remove_file(&to).with_context(|| format!("cannot replace {}", to.display()))?;
    }
    fs::copy(&from, &to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_libraries_is_taken_out_by_a_setting_of_cargo() {
        assert_eq!(
            without_place(Path::new("/home/a \"b\"/.cargo")),
            r#"target.wasm32-wasip2.rustflags=["--remap-path-prefix=/home/a \"b\"/.cargo/registry/src="]"#
        );
    }

    #[test]
    fn putting_a_component_in_place_leaves_cargos_own_copy_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (release, plain) = (folder.path().join("release"), folder.path().join("plain"));
        fs::create_dir_all(&release).expect("made");
        fs::create_dir_all(plain.join("deps")).expect("made");
        fs::write(release.join("f.wasm"), "small").expect("written");
        fs::write(plain.join("deps/f.wasm"), "large").expect("written");
        fs::hard_link(plain.join("deps/f.wasm"), plain.join("f.wasm")).expect("linked");

        put_in_place(&release, &plain, "f.wasm").expect("it can be copied");

        assert_eq!(
            fs::read_to_string(plain.join("f.wasm")).expect("there"),
            "small"
        );
        assert_eq!(
            fs::read_to_string(plain.join("deps/f.wasm")).expect("there"),
            "large"
        );
    }
}
