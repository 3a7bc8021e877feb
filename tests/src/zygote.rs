//! How the sandbox services of tests have Python started.

/// Forked, as for users, but with few libraries loaded beforehand: all of them take seconds, too long
/// for each of many services. No sandboxes in waiting: they would be counted as those of the test.
/// With `SANDBOX_TEST_NO_ZYGOTE` set, Python is started from scratch.
pub(crate) fn few_libraries() -> &'static [&'static str] {
    match std::env::var_os("SANDBOX_TEST_NO_ZYGOTE") {
        Some(_) => &["--no-zygote", "--pool=0"],
        None => &[
            "--wait-for-zygote",
            "--preload=ipykernel.kernelapp,ipykernel.ipkernel",
            "--pool=0",
        ],
    }
}

/// All libraries, and a sandbox in waiting.
pub(crate) const AS_FOR_USERS: &[&str] = &["--wait-for-zygote"];
