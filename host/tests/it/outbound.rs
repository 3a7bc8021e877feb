use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::Ordering;

use crate::harness::guest;
use crate::upstream::Upstream;

#[tokio::test]
async fn an_allowed_host_is_reached_and_its_connection_used_again() {
    let upstream = Upstream::start().await;
    let host = guest(&format!(
        r#"allowed_outbound_hosts = ["{}"]"#,
        upstream.origin
    ))
    .start();
    for _ in 0..5 {
        assert_eq!(
            host.ok(&format!("fetch?url={}/x", upstream.origin)).await,
            "200 upstream /x"
        );
    }
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn another_host_is_refused_and_the_log_says_so() {
    let upstream = Upstream::start().await;
    let host = guest(r#"allowed_outbound_hosts = ["https://api.example.com"]"#).start();
    let (status, text) = host.text(&format!("fetch?url={}/", upstream.origin)).await;
    assert_eq!(status, 502);
    assert!(text.contains("HttpRequestDenied"), "{text}");
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 0);
    host.log_line("it is not in the component's allowed_outbound_hosts")
        .await;
}

#[tokio::test]
async fn an_allowed_host_may_be_a_variable() {
    let upstream = Upstream::start().await;
    let host = guest(r#"allowed_outbound_hosts = ["{{ origin }}", "{{ optional }}"]"#)
        .manifest("[variables]\norigin = { required = true }\noptional = { default = \"\" }")
        .environment("SPIN_VARIABLE_ORIGIN", &upstream.origin)
        .start();
    assert_eq!(
        host.ok(&format!("fetch?url={}/v", upstream.origin)).await,
        "200 upstream /v"
    );
}

#[tokio::test]
async fn https_is_spoken_with_servers_whose_certificate_is_trusted() {
    let upstream = Upstream::start_tls().await;
    let host = guest(r#"allowed_outbound_hosts = ["https://localhost:*"]"#)
        .argument("--ca-file")
        .argument(upstream.certificate.path().to_str().expect("UTF-8"))
        .start();
    assert_eq!(
        host.ok(&format!("fetch?url={}/t", upstream.origin)).await,
        "200 upstream /t"
    );
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let upstream = Upstream::start_tls().await;
    let host = guest(r#"allowed_outbound_hosts = ["https://localhost:*"]"#).start();
    let (status, text) = host.text(&format!("fetch?url={}/t", upstream.origin)).await;
    assert_eq!(status, 502);
    assert!(text.contains("TlsCertificateError"), "{text}");
}

#[tokio::test]
async fn a_host_that_is_down_is_an_error_with_a_name() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let host = guest(r#"allowed_outbound_hosts = ["http://127.0.0.1:*"]"#).start();
    let (status, text) = host.text(&format!("fetch?url=http://{closed}/")).await;
    assert_eq!(status, 502);
    assert!(text.contains("ConnectionRefused"), "{text}");
    host.log_line(&format!("the request to {closed} failed"))
        .await;
}

#[tokio::test]
async fn plain_sockets_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let host = guest(r#"allowed_outbound_hosts = ["*://*:*"]"#).start();
    assert_eq!(
        host.text(&format!("connect?address={address}")).await.0,
        500
    );
}

/// The sandbox interrupts a kernel by this: the caller went away.
#[tokio::test]
async fn an_outbound_request_ends_when_the_client_goes_away() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let upstream = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        assert!(stream.read(&mut [0; 4096]).expect("a request") > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .expect("a head");
        // Writes until the other side is gone: the component learns of it by its failing sink.
        while stream.write_all(b"5\r\npiece\r\n").is_ok() {
            std::thread::yield_now();
        }
    });
    let host = guest(r#"allowed_outbound_hosts = ["http://127.0.0.1:*"]"#).start();
    let response = host.get(&format!("relay?url=http://{address}/")).await;
    assert_eq!(response.status(), 200);
    drop(response);
    tokio::task::spawn_blocking(move || upstream.join().expect("the upstream saw the end"))
        .await
        .expect("no panic");
}
