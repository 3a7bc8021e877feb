//! The init of one sandbox as a program. Started by the service only.
//!
//! The service could be its own init, but each sandbox would then hold what the loader changes in a large
//! program: 0.6 MiB.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandbox::init::main()
}
