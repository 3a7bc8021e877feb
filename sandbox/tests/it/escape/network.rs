//! Networks and sockets that are not the sandbox's own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::{PLAIN, outcome, outcome_on_the_machine, refused, succeeds_outside};
use crate::fixture::{Service, text};

attempts! { PLAIN;
    find_an_interface,
    reach_a_listener_on_the_machines_loopback,
    reach_a_listener_in_another_network_namespace,
    reach_a_listener_of_another_sandbox,
    reach_the_service_itself,
    reach_a_unix_socket_of_the_machine,
    reach_an_abstract_socket_of_the_machine,
    lead_the_service_to_a_socket_of_the_machine,
    use_raw_sockets,
    use_sockets_of_other_families,
    use_other_protocols,
    add_an_address_or_an_interface,
}

async fn find_an_interface(service: Service) {
    let sandbox = service.create().await;
    let interfaces = sandbox
        .python("import socket; print([name for _, name in socket.if_nameindex()])")
        .await;
    assert_eq!(interfaces.stdout, "['lo']\n");
    let routes = sandbox
        .shell("tail -n +2 /proc/net/route; grep -v ' lo$' /proc/net/ipv6_route")
        .await;
    assert_eq!(routes.stdout, "");
    let connect = "socket.create_connection(('192.0.2.1', 80), 5)";
    refused(&sandbox, connect, &["ENETUNREACH"]).await;
    let connect = "socket.create_connection(('2001:db8::1', 80), 5)";
    refused(&sandbox, connect, &["ENETUNREACH", "EADDRNOTAVAIL"]).await;
}

fn connect(address: &str, port: u16) -> String {
    format!("socket.create_connection(('{address}', {port}), 5)")
}

async fn reach_a_listener_on_the_machines_loopback(service: Service) {
    let sandbox = service.create().await;
    for address in ["127.0.0.1", "::1"] {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let connect = connect(address, listener.local_addr().unwrap().port());
        assert_eq!(outcome_on_the_machine(&connect), "done");
        refused(&sandbox, &connect, &["ECONNREFUSED"]).await;
    }
}

/// A listener in a network namespace of its own, with an address nobody else has.
struct FarListener {
    child: Child,
    port: u16,
}

const FAR_ADDRESS: &str = "192.0.2.77";

impl FarListener {
    fn start() -> Self {
        let script = format!(
            "ip link set lo up && ip address add {FAR_ADDRESS}/32 dev lo && exec /usr/bin/python3 -c \"
import socket, sys
listener = socket.create_server(('{FAR_ADDRESS}', 0))
socket.create_connection(listener.getsockname(), 5)
print(listener.getsockname()[1], flush=True)
sys.stdin.read()\""
        );
        let mut child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, of util-linux");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).unwrap();
        let port = line
            .trim()
            .parse()
            .expect("ip, of iproute2, and the system's Python");
        Self { child, port }
    }
}

impl Drop for FarListener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn reach_a_listener_in_another_network_namespace(service: Service) {
    let sandbox = service.create().await;
    let listener = FarListener::start();
    refused(
        &sandbox,
        &connect(FAR_ADDRESS, listener.port),
        &["ENETUNREACH"],
    )
    .await;
    let pid = listener.child.id();
    let enter = format!(
        "call({}, os.open('/proc/{pid}/ns/net', os.O_RDONLY), 0)",
        libc::SYS_setns
    );
    refused(&sandbox, &enter, &["ENOENT"]).await;
}

async fn reach_a_listener_of_another_sandbox(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let listen =
        "import socket, time; s = socket.create_server(('0.0.0.0', 4321)); time.sleep(600)";
    let mut events = other
        .open(json!({ "process": { "cmd": "python", "args": ["-c", listen] } }))
        .await;
    events.pid().await;
    crate::fixture::until("the other sandbox listens", async || {
        outcome(&other, &connect("127.0.0.1", 4321)).await == "done"
    })
    .await;
    refused(&sandbox, &connect("127.0.0.1", 4321), &["ECONNREFUSED"]).await;
    let name = &other.id;
    let resolved = sandbox.python(&format!("import socket\ntry: print(socket.gethostbyname('{name}'))\nexcept OSError: print('unknown')")).await;
    assert_eq!(resolved.stdout, "unknown\n");
}

async fn reach_the_service_itself(service: Service) {
    let sandbox = service.create().await;
    let port: u16 = service.address.rsplit_once(':').unwrap().1.parse().unwrap();
    assert_eq!(outcome_on_the_machine(&connect("127.0.0.1", port)), "done");
    for port in [port, 49983, 49999] {
        refused(&sandbox, &connect("127.0.0.1", port), &["ECONNREFUSED"]).await;
    }
}

fn connect_unix(address: &str) -> String {
    format!("socket.socket(socket.AF_UNIX).connect({address})")
}

async fn reach_a_unix_socket_of_the_machine(service: Service) {
    let sandbox = service.create().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let connect = connect_unix(&format!("'{}'", path.display()));
    assert_eq!(outcome_on_the_machine(&connect), "done");
    refused(&sandbox, &connect, &["ENOENT"]).await;
    let sockets = sandbox
        .shell(
            "find / -path /proc -prune -o -type s -print | grep -v '^/run/conductor/zygote.sock$'",
        )
        .await
        .stdout;
    assert_eq!(
        sockets, "",
        "others than that of the sandbox's own fork server"
    );
}

async fn reach_an_abstract_socket_of_the_machine(service: Service) {
    let sandbox = service.create().await;
    let name = format!("conductor-test-{}-{}", std::process::id(), sandbox.id);
    let _listener =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let connect = connect_unix(&format!("'\\0{name}'"));
    assert_eq!(outcome_on_the_machine(&connect), "done");
    refused(&sandbox, &connect, &["ECONNREFUSED", "EPERM"]).await;
    let seen = sandbox.shell("cat /proc/net/unix").await.stdout;
    assert!(!seen.contains(&name), "{seen}");
}

/// The service connects to sockets that a kernel makes inside: a program puts links in their place.
async fn lead_the_service_to_a_socket_of_the_machine(service: Service) {
    let sandbox = service.create().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let code = format!(
        "import os, time
print('ready', flush=True)
while True:
    for name in os.listdir('/run/conductor'):
        path = '/run/conductor/' + name
        if not os.path.islink(path):
            os.symlink('{}', path + '.new')
            os.rename(path + '.new', path)
            print(name, flush=True)",
        path.display()
    );
    let process = json!({ "cmd": "python", "args": ["-c", code] });
    let mut events = sandbox
        .open(json!({ "process": process, "stdin": false }))
        .await;
    events.pid().await;
    let body = json!({ "code": "print(1)" });
    let answer = sandbox
        .call(49999, reqwest::Method::POST, "/execute")
        .json(&body)
        .send()
        .await
        .unwrap();
    let said = answer.text().await.unwrap();
    // Too late for the service, or it gave up: either way it went nowhere else.
    assert!(
        listener.accept().is_err(),
        "the service was led to a foreign socket: {said}"
    );
    let mut swapped = false;
    while !swapped {
        let (_, message) = events.next().await.expect("the program swaps a socket");
        swapped = message["event"]["data"]["stdout"].is_string();
    }
}

async fn use_raw_sockets(service: Service) {
    let sandbox = service.create().await;
    let raw = "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)";
    succeeds_outside(raw);
    refused(&sandbox, raw, &["EPERM"]).await;
    for attempt in [
        "socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x300)",
    ] {
        refused(&sandbox, attempt, &["EPERM"]).await;
    }
}

async fn use_sockets_of_other_families(service: Service) {
    let sandbox = service.create().await;
    // By number, for not every Python has every name: from AX.25 over CAN, TIPC, ALG and VSOCK to the newest.
    let attempt = "
wrong = []
for family in range(3, 46):
    for kind in (1, 2, 3, 5):
        if family in (socket.AF_INET6, socket.AF_NETLINK): continue
        try: call(NUMBER, family, kind, 0); wrong.append((family, kind, 'done'))
        except OSError as e:
            if e.errno != errno.EPERM: wrong.append((family, kind, e.errno))
if wrong: raise OSError(errno.EEXIST, wrong)"
        .replace("NUMBER", &libc::SYS_socket.to_string());
    assert_eq!(outcome(&sandbox, &attempt).await, "done");
    refused(
        &sandbox,
        "socket.socketpair(30, socket.SOCK_STREAM)",
        &["EPERM"],
    )
    .await;
}

async fn use_other_protocols(service: Service) {
    let sandbox = service.create().await;
    // Of netlink all but routes, of the internet all but TCP and UDP.
    let attempt = "
wrong = []
for protocol in range(1, 23):
    try: call(NUMBER, socket.AF_NETLINK, 3, protocol); wrong.append(('netlink', protocol))
    except OSError as e:
        if e.errno != errno.EPERM: wrong.append(('netlink', protocol, e.errno))
for kind in (1, 2, 4, 5, 6):
    for protocol in (1, 2, 33, 58, 132, 136, 262):
        try: call(NUMBER, socket.AF_INET, kind, protocol); wrong.append((kind, protocol))
        except OSError as e:
            if e.errno != errno.EPERM: wrong.append((kind, protocol, e.errno))
if wrong: raise OSError(errno.EEXIST, wrong)"
        .replace("NUMBER", &libc::SYS_socket.to_string());
    assert_eq!(outcome(&sandbox, &attempt).await, "done");
}

async fn add_an_address_or_an_interface(service: Service) {
    let sandbox = service.create().await;
    let set_address = "import fcntl\nrequest = struct.pack('16sH2s4s8x', b'lo', socket.AF_INET, b'', bytes([192, 0, 2, 9]))\nfcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8916, request)";
    succeeds_outside(set_address);
    refused(&sandbox, set_address, &["EPERM"]).await;
    let tunnel = "os.open('/dev/net/tun', os.O_RDWR)";
    refused(&sandbox, tunnel, &["ENOENT", "EACCES"]).await;
    let interfaces = sandbox
        .python("import socket; print(socket.if_nameindex())")
        .await;
    assert_eq!(text(&json!(interfaces.stdout.trim())), "[(1, 'lo')]");
}
