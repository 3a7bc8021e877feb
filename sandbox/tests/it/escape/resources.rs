//! More of the machine than a sandbox may have. The limits are low: what fails to hold does no harm.

use super::{outcome, refused};
use crate::fixture::Service;

const LOW: [&str; 6] = ["--disk-mib", "16", "--files", "1000", "--open-files", "64"];

attempts! { LOW;
    take_more_disk,
    take_more_disk_with_a_sparse_file,
    take_more_files,
    take_the_disk_of_another_sandbox,
    take_more_shared_memory,
    take_more_open_files,
    take_more_terminals,
}

async fn take_more_disk(service: Service) {
    let sandbox = service.create().await;
    for place in ["/home/user", "/tmp", "/var/tmp"] {
        let write = format!(
            "with open('{place}/file', 'wb') as file:\n  for _ in range(40): file.write(bytes(1 << 20))"
        );
        refused(&sandbox, &write, &["ENOSPC"]).await;
        sandbox.shell(&format!("rm -f {place}/file")).await;
    }
}

async fn take_more_disk_with_a_sparse_file(service: Service) {
    let sandbox = service.create().await;
    let reserve = "os.posix_fallocate(os.open('file', os.O_RDWR | os.O_CREAT), 0, 40 << 20)";
    refused(&sandbox, reserve, &["ENOSPC"]).await;
    let fill = "fd = os.open('sparse', os.O_RDWR | os.O_CREAT)\nos.ftruncate(fd, 40 << 20)\nfor at in range(0, 40 << 20, 4096): os.pwrite(fd, bytes(4096), at)\nos.fsync(fd)";
    refused(&sandbox, fill, &["ENOSPC"]).await;
}

async fn take_more_files(service: Service) {
    let sandbox = service.create().await;
    let make = "for number in range(5000): os.symlink('x', f'link-{number}')";
    refused(&sandbox, make, &["ENOSPC"]).await;
}

async fn take_the_disk_of_another_sandbox(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    sandbox.shell("cat /dev/zero > file").await;
    let write = "with open('file', 'wb') as file: file.write(bytes(10 << 20))";
    assert_eq!(outcome(&other, write).await, "done");
}

async fn take_more_shared_memory(service: Service) {
    let sandbox = service.create().await;
    let write = "with open('/dev/shm/file', 'wb') as file:\n  for _ in range(3000): file.write(bytes(1 << 20))";
    refused(&sandbox, write, &["ENOSPC", "ENOMEM"]).await;
}

async fn take_more_open_files(service: Service) {
    let sandbox = service.create().await;
    let open = "files = []\nfor _ in range(5000): files.append(os.dup(0))";
    refused(&sandbox, open, &["EMFILE"]).await;
}

async fn take_more_terminals(service: Service) {
    let sandbox = service.create().await;
    let code = "
import os, sys
count = 0
for _ in range(20):
    if os.fork() == 0:
        ends = []
        try:
            for _ in range(25): ends.append(os.posix_openpt(os.O_RDWR) if hasattr(os, 'posix_openpt') else os.open('/dev/ptmx', os.O_RDWR))
        except OSError: pass
        print(len(ends), flush=True)
        sys.stdin.read()
        os._exit(0)
";
    // Each process may open fewer than the limit of files; together they stay below that of terminals.
    let lines = sandbox
        .shell(&format!("python -c \"{code}\"; wait"))
        .await
        .stdout;
    let terminals: u32 = lines
        .lines()
        .filter_map(|line| line.parse::<u32>().ok())
        .sum();
    assert!(terminals <= 256, "{terminals}");
}
