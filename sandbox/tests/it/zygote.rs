//! Python programs that are forked from the zygote: they do not know the difference.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::fixture::{FEW_LIBRARIES, NOBODY, Output, Sandbox, Service, until};

/// The interpreter itself, behind the shim.
const REAL: &str = "$VIRTUAL_ENV/bin/.conductor/python";
const CASES: &str = include_str!("zygote/cases.sh");
/// One after another, because they are run at the same path, in two sandboxes side by side.
const DIRECTORY: &str = "/home/user/case";

/// Title and script of each case.
fn cases() -> Vec<(&'static str, &'static str)> {
    CASES
        .split("\n# --- ")
        .skip(1)
        .filter_map(|case| case.split_once('\n'))
        .collect()
}

async fn run(sandbox: &Sandbox<'_>, program: &str, script: &str) -> Output {
    let setting = format!(
        "rm -rf {DIRECTORY}; mkdir {DIRECTORY}; cd {DIRECTORY}; PROGRAM={program}; \
         printf '#!/bin/bash\\nexec -a \"$VIRTUAL_ENV/bin/python\" %s \"$@\"\\n' \"$PROGRAM\" > /tmp/python; \
         chmod +x /tmp/python; PY=/tmp/python; \
         py() {{ (exec -a \"$VIRTUAL_ENV/bin/python\" \"$PROGRAM\" \"$@\"); }}\n"
    );
    sandbox.shell(&(setting + script)).await
}

#[tokio::test]
async fn a_forked_program_behaves_like_a_fresh_one() {
    let service = Service::start_with_zygote(&[]);
    let (plain, forked) = (service.create().await, service.create().await);
    let mut differences = BTreeMap::new();
    let cases = cases();
    assert!(cases.len() > 40, "{}", cases.len());
    for (title, script) in cases {
        let (real, shim) = tokio::join!(
            run(&plain, REAL, script),
            run(&forked, "$VIRTUAL_ENV/bin/python", script)
        );
        let outcome = |output: &Output| {
            (
                output.stdout.clone(),
                output.stderr.clone(),
                output.end.clone(),
            )
        };
        if outcome(&real) != outcome(&shim) {
            differences.insert(title, (outcome(&real), outcome(&shim)));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn a_forked_program_has_the_rights_of_all_others() {
    let service = Service::start_with_zygote(&[]);
    let sandbox = service.create().await;
    let rights = |program: &str| {
        format!(
            "(exec -a $VIRTUAL_ENV/bin/python {program} -c 'print(open(\"/proc/self/status\").read())') \
             | grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)'; \
             (exec -a $VIRTUAL_ENV/bin/python {program} -c 'import os
for name in sorted(os.listdir(\"/proc/self/ns\")): print(name, os.readlink(\"/proc/self/ns/\" + name))
print(open(\"/proc/self/limits\").read(), open(\"/proc/self/mountinfo\").read(), open(\"/proc/self/oom_score_adj\").read())')"
        )
    };
    let real = sandbox.shell(&rights(REAL)).await;
    let forked = sandbox.shell(&rights("$VIRTUAL_ENV/bin/python")).await;
    assert_eq!(forked.stdout, real.stdout);
    assert!(
        real.stdout.contains("CapBnd:\t0000000000000000"),
        "{}",
        real.stdout
    );
    // Neither sees what the zygote has seen.
    let seen = sandbox
        .python("import os; print(os.listdir('/proc/self/fd'), len(os.listdir('/proc/self/task')))")
        .await;
    assert_eq!(seen.stdout, "['0', '1', '2', '3'] 1\n");
    let elsewhere = sandbox.python("print(open('/etc/shadow').read())").await;
    assert!(
        elsewhere.stderr.contains("FileNotFoundError"),
        "{}",
        elsewhere.stderr
    );
}

/// Looks at every name of every module, which counts references in their pages, and lets go again.
const LOOK: &str = "
import ctypes, sys
import IPython
give_back = next(finder.give_back for finder in sys.meta_path if hasattr(finder, 'give_back'))
def look():
    seen = [thing for module in list(sys.modules.values()) for thing in vars(module).values()]
    return len(seen)
look()
give_back()
";

#[tokio::test]
async fn what_a_program_has_only_looked_at_is_shared_again() {
    let service = Service::start_with_zygote(&[FEW_LIBRARIES]);
    let sandbox = service.create().await;
    let script = "
names = look()
given = give_back()
again = give_back()
print(given > 20, again < given / 4, look() >= names)
import IPython.core.interactiveshell
print(IPython.core.interactiveshell.InteractiveShell().run_cell('6 * 7').result)";
    let output = sandbox.python(&[LOOK, script].concat()).await;
    let expected = "True True True\nOut[0]: 42\n42\n";
    assert_eq!(output.stdout, expected, "{}", output.stderr);
}

/// What is in memory of the zygote's file, in bytes: pages that are mapped, and copies of pages.
const HELD: &str = "
def held():
    found, counts = None, [0, 0]
    for line in open('/proc/self/smaps'):
        if '-' in line.split()[0]:
            found = 'python-zygote' in line
        elif found and line.startswith(('Rss:', 'Anonymous:')):
            counts[line.startswith('Anonymous:')] += int(line.split()[1]) << 10
    return counts
";

#[tokio::test]
async fn what_a_program_has_only_read_is_in_nobodys_memory_while_it_rests() {
    let service = Service::start_with_zygote(&[FEW_LIBRARIES]);
    let sandbox = service.create().await;
    let script = "
import gc
gc.collect()
look()
mapped, copied = held()
give_back()
rest_mapped, rest_copied = held()
print(mapped - copied > 2 << 20, rest_copied < copied, rest_mapped - rest_copied < 1 << 20, look() > 0)";
    let output = sandbox.python(&[LOOK, HELD, script].concat()).await;
    assert_eq!(output.stdout, "True True True True\n", "{output:?}");
}

/// Tables that grow move out of the shared memory, those that are freed leave it as it was.
#[tokio::test]
async fn large_objects_of_the_libraries_are_shared_and_a_program_may_change_them() {
    let service = Service::start_with_zygote(&[FEW_LIBRARIES]);
    let sandbox = service.create().await;
    let script = "
import gc
shared = [line.split()[0].split('-') for line in open('/proc/self/maps') if 'python-zygote' in line]
def is_shared(address): return any(int(start, 16) <= address < int(end, 16) for start, end in shared)
classes = [each for each in object.__subclasses__() if is_shared(id(each))]
print(len(classes) > 100, is_shared(id(sys)), not is_shared(id(bytes(5000))))
modules = list({id(module): module for module in sys.modules.values() if type(module) is type(sys) and module.__name__ != '__main__'}.values())
before = [dict(vars(module)) for module in modules]
for turn in range(3):
    for module in modules:
        for number in range(400): vars(module)[f'added_{number}'] = [number] * 200
    give_back()
    for module in modules:
        for number in range(400): del vars(module)[f'added_{number}']
    gc.collect()
    give_back()
    print(all(dict(vars(module)) == names for module, names in zip(modules, before)))
import decimal, IPython
print(decimal.Decimal('0.1') * 3, IPython.core.interactiveshell.InteractiveShell().run_cell('6 * 7').result)";
    let output = sandbox.python(&[LOOK, script].concat()).await;
    let expected = "True True True\nTrue\nTrue\nTrue\nOut[0]: 42\n0.3 42\n";
    assert_eq!(output.stdout, expected, "{output:?}");
}

#[test]
fn without_its_library_a_zygote_shares_less() {
    let script = "import sys; sys.path.insert(0, sys.argv[1]); import pages
pages.begin('/nowhere/pages.so')
assert pages.pages is None
del sys._clear_type_cache
pages.forget_attributes()";
    let output = std::process::Command::new("/usr/bin/python3")
        .args(["-B", "-c", script])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python/zygote"))
        .output()
        .expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("programs share less memory"), "{said}");
}

#[test]
fn where_the_disk_has_no_room_the_shared_objects_stay_in_memory() {
    let script = "import os, sys; sys.path.insert(0, sys.argv[1]); import pages
class Few(pages.Pages):
    def __init__(self): self.length = 1 << 20
for folder in ('/nowhere', '/proc/self'):
    writable, readable = Few().make_file(folder)
    print(os.fstat(readable).st_size, os.readlink(f'/proc/self/fd/{readable}'))
try: os.write(readable, b'x')
except OSError as error: print(error.strerror)";
    let output = std::process::Command::new("/usr/bin/python3")
        .args(["-B", "-c", script])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python/zygote"))
        .output()
        .expect("Python runs");
    let (printed, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let line = "1048576 /memfd:python-zygote (deleted)\n";
    let expected = [line, line, "Bad file descriptor\n"].concat();
    assert_eq!(printed, expected, "{said}");
    assert!(said.contains("objects stay in memory"), "{said}");
}

#[tokio::test]
async fn what_programs_share_none_of_them_can_change() {
    let service = Service::start_with_zygote(&[FEW_LIBRARIES]);
    let (scribbler, other) = (service.create().await, service.create().await);
    let originals = [
        LOOK,
        "
import hashlib
for line in open('/proc/self/maps'):
    area, rights, *_ = line.split()
    if 'python-zygote' in line and 'w' not in rights:
        start, end = (int(number, 16) for number in area.split('-'))
        print(hashlib.sha256(ctypes.string_at(start, end - start)).hexdigest(), rights)
",
    ]
    .concat();
    let scribble = "
libc = ctypes.CDLL(None)
print(libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(end - start), 3))
ctypes.memset(start, 85, end - start)
sys.stdout.flush()
import os
os._exit(0)";
    let before = other.python(&originals).await;
    assert!(before.stdout.ends_with(" r--p\n"), "{before:?}");
    let scribbled = scribbler.python(&[&originals, scribble].concat()).await;
    assert_eq!(scribbled.stdout, [&before.stdout, "0\n"].concat());
    assert_eq!(other.python(&originals).await.stdout, before.stdout);
}

#[tokio::test]
async fn programs_signal_each_other_however_they_were_started() {
    let service = Service::start_with_zygote(&[FEW_LIBRARIES]);
    let sandbox = service.create().await;
    let script = "mkfifo f; python -c 'import os, time; print(os.getpid(), flush=True); time.sleep(60)' > f & \
         read pid < f; kill -TERM $pid; wait $!; echo $?; \
         sleep 60 & python -c \"import os; os.kill($!, 15)\"; wait $!; echo $?";
    assert_eq!(sandbox.shell(script).await.stdout, "143\n143\n");
}

#[tokio::test]
async fn without_its_zygote_a_sandbox_starts_python_all_the_same() {
    let service = Service::start_with_zygote(&[FEW_LIBRARIES]);
    let (sandbox, other) = (service.create().await, service.create().await);
    let parent = "import os; print(os.getppid(), open(f'/proc/{os.getppid()}/comm').read())";
    let forked = sandbox.python(parent).await.stdout;
    assert!(forked.contains("conductor-zygot"), "{forked}");
    sandbox.shell("pkill -9 -f conductor-zygote").await;
    until("python to start in the plain way", async || {
        !sandbox
            .python(parent)
            .await
            .stdout
            .contains("conductor-zygot")
    })
    .await;
    assert_eq!(sandbox.python("print(6 * 7)").await.stdout, "42\n");
    until("another fork server", async || {
        let parent = sandbox.python(parent).await;
        parent.stdout.contains("conductor-zygot")
    })
    .await;
    assert!(
        other
            .python(parent)
            .await
            .stdout
            .contains("conductor-zygot")
    );
    // One that does not answer is no hindrance either.
    other.shell("pkill -STOP -f conductor-zygote").await;
    assert_eq!(other.python("print(6 * 7)").await.stdout, "42\n");
}

#[tokio::test]
async fn an_ordinary_user_has_a_zygote_too() {
    let service = Service::start_ordinary(&["--wait-for-zygote"]);
    let sandbox = service.create().await;
    let seen = sandbox
        .python("import os; print(os.getuid(), open(f'/proc/{os.getppid()}/comm').read())")
        .await;
    assert_eq!(seen.stdout, "1000 conductor-zygot\n\n", "{}", seen.stderr);
}

/// Programs run as the service's own user then, and what they run is a file of the machine.
#[tokio::test]
async fn an_ordinary_users_own_interpreter_is_out_of_reach() {
    let mut interpreter = PathBuf::new();
    let service = Service::start_ordinary_in(&["--wait-for-zygote"], |venv| {
        interpreter = venv.join("bin/python3");
        let original = interpreter.canonicalize().unwrap();
        std::fs::remove_file(&interpreter).unwrap();
        std::fs::copy(original, &interpreter).unwrap();
        std::os::unix::fs::chown(&interpreter, Some(NOBODY), Some(NOBODY)).unwrap();
    });
    let mode = || interpreter.metadata().unwrap().mode();
    let before = mode();
    let sandbox = service.create().await;
    let attempt = "import os
for change in (lambda path: os.chmod(path, 0o777), lambda path: os.truncate(path, 0)):
    for pid in ('self', os.getppid()):
        try: print(change(f'/proc/{pid}/exe'))
        except OSError as error: print(error.errno)
print(open(f'/proc/{os.getppid()}/comm').read())";
    let said = sandbox.python(attempt).await;
    assert!(
        said.stdout.contains("conductor-zygot"),
        "{}{}",
        said.stdout,
        said.stderr
    );
    assert_eq!(mode(), before, "{}", said.stdout);
    assert!(interpreter.metadata().unwrap().len() > 1000);
}
