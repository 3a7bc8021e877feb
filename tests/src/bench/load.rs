//! Requests as fast as they are answered, over a few connections that stay open.
//!
//! Our own, so that a run needs no tool that a machine may lack. It reads heads by hand: a whole HTTP
//! client would take as much of the processor as what it measures.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Clients at once.
const CONNECTIONS: usize = 16;

/// How fast, and how slow the slowest hundredth was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) p99_ms: f64,
}

/// Asks for `path` again and again; every answer must have the status that is wanted.
pub(super) async fn drive(address: &str, path: &str, status: u16, time: Duration) -> Load {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: */*\r\n\r\n");
    let begun = Instant::now();
    let connections = (0..CONNECTIONS).map(|_| ask_until(address, &request, status, begun + time));
    let mut taken = join_all(connections).await.concat();
    let seconds = begun.elapsed().as_secs_f64();
    assert!(!taken.is_empty(), "{address}{path} answered nothing");
    taken.sort_unstable();
    let slow = taken[(taken.len() * 99 / 100).min(taken.len() - 1)];
    Load {
        per_second: taken.len() as f64 / seconds,
        p99_ms: slow.as_secs_f64() * 1000.0,
    }
}

async fn ask_until(address: &str, request: &str, status: u16, end: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream
        .set_nodelay(true)
        .expect("a connection takes options");
    let wanted = format!("HTTP/1.1 {status} ");
    let mut buffer = vec![0; 64 * 1024];
    let mut taken = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut filled = 0;
        while !is_whole(&buffer[..filled]) {
            let read = stream
                .read(&mut buffer[filled..])
                .await
                .expect("it answers");
            assert!(
                read > 0,
                "it closed the connection: {}",
                String::from_utf8_lossy(&buffer[..filled])
            );
            filled += read;
        }
        let answer = &buffer[..filled];
        assert!(
            answer.starts_with(wanted.as_bytes()),
            "{}",
            String::from_utf8_lossy(answer)
        );
        taken.push(begun.elapsed());
    }
    taken
}

/// Whether an answer has come to its end.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let body = answer.len() - end - 4;
    match content_length(&answer[..end]) {
        Some(length) => body >= length,
        None => answer.ends_with(b"0\r\n\r\n"),
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, length) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    length.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for cut in 0..whole.len() {
            assert!(!is_whole(&whole[..cut]), "{cut}");
        }
        assert!(is_whole(whole));
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert!(!is_whole(&chunked[..chunked.len() - 1]));
        assert!(is_whole(chunked));
    }
}
