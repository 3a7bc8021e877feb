//! A relay between the functions and the sandbox service, which notes what passes.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running relay. It ends with the test.
pub struct Relay {
    /// Its origin, such as `http://127.0.0.1:4567`.
    pub address: String,
    noted: Arc<Mutex<Noted>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Noted {
    target: String,
    connections: usize,
    paths: Vec<String>,
}

impl Relay {
    /// Starts a relay that leads nowhere yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let noted = Arc::new(Mutex::new(Noted::default()));
        let server = tokio::spawn(serve(listener, Arc::clone(&noted)));
        Self {
            address: format!("http://{address}"),
            noted,
            server,
        }
    }

    /// From now on it leads to this host and port.
    pub fn lead_to(&self, target: &str) {
        self.noted.lock().expect("no panic under the lock").target = target.to_owned();
    }

    /// How many connections were opened, and the paths of the requests on them and on older ones, since
    /// this was asked before.
    pub fn take(&self) -> (usize, Vec<String>) {
        let mut noted = self.noted.lock().expect("no panic under the lock");
        (
            std::mem::take(&mut noted.connections),
            std::mem::take(&mut noted.paths),
        )
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, noted: Arc<Mutex<Noted>>) {
    while let Ok((client, _)) = listener.accept().await {
        let target = {
            let mut noted = noted.lock().expect("no panic under the lock");
            noted.connections += 1;
            noted.target.clone()
        };
        let noted = Arc::clone(&noted);
        tokio::spawn(async move {
            let Ok(service) = TcpStream::connect(&target).await else {
                return;
            };
            for stream in [&client, &service] {
                stream.set_nodelay(true).expect("the socket is open");
            }
            let (from_client, mut to_client) = client.into_split();
            let (mut from_service, to_service) = service.into_split();
            tokio::spawn(forward(from_client, to_service, noted));
            // An end on either side closes the connection; that is nothing to report.
            let _ = tokio::io::copy(&mut from_service, &mut to_client).await;
        });
    }
}

/// Passes requests on, and notes their paths.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, noted: Arc<Mutex<Noted>>) {
    let mut chunk = vec![0; 64 * 1024];
    let mut line = Vec::new();
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        for &byte in &chunk[..length] {
            line.push(byte);
            if byte == b'\n' {
                if let Some(path) = path_of(&line) {
                    let mut noted = noted.lock().expect("no panic under the lock");
                    noted.paths.push(path);
                }
                line.clear();
            }
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

/// `…POST /execute HTTP/1.1`: the end of the body before may stand in the same line.
fn path_of(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let head = line.trim_end().strip_suffix(" HTTP/1.1")?;
    Some(head.rsplit(' ').next()?.to_owned())
}
