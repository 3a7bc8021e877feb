//! `POST /data/` and `GET /data/{id}`: a CSV file becomes a dataset with a profile.

mod timing;

use edge::upload::Upload;
use edge::{Call, Edge, HttpError, Lz4, Reply, Reporter};
use model::dataset::{self, Dataset, PART_BYTES};
use model::ports::{Outside as _, Random as _, Timer as _};
use model::{DatasetId, Timestamp};
use profile::{Options, Preview, Profile, Profiler};
use serde::Serialize;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use timing::{SERVER_TIMING, Timing};

/// The most bytes of a dataset.
const LIMIT: u64 = 50 * 1024 * 1024;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, _: &mut Reporter) -> Result<Reply, HttpError> {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["data"]) => {
            let mut timing = Timing::default();
            let dataset = take(call, edge, &mut timing).await?;
            Ok(Reply::json(&shown(dataset)).header(SERVER_TIMING, timing.header()))
        }
        ("GET", ["data", id]) => Ok(Reply::json(&shown(dataset::load(edge, id.parse()?).await?))),
        (_, ["data"]) => Err(HttpError::method_not_allowed("POST")),
        (_, ["data", _]) => Err(HttpError::method_not_allowed("GET")),
        _ => Err(HttpError::no_route()),
    }
}

/// Takes the file; one that is refused leaves nothing in the store.
async fn take(
    call: &mut Call,
    edge: &Edge,
    timing: &mut Timing,
) -> Result<Dataset<Profile>, HttpError> {
    let mut upload = Upload::of(call).await?;
    let mut parts = Parts {
        id: DatasetId::from_random(edge.random().bytes()),
        edge,
        pending: Vec::new(),
        stored: 0,
    };
    match store(&mut upload, &mut parts, timing).await {
        Ok(dataset) => Ok(dataset),
        Err(error) => {
            if let Err(leftover) = dataset::delete_parts(edge, parts.id, parts.stored).await {
                eprintln!("dataset.id={} left parts behind: {leftover}", parts.id);
            }
            Err(error)
        }
    }
}

/// Profiles and stores the file as it arrives, holding one part of it at a time.
async fn store(
    upload: &mut Upload,
    parts: &mut Parts<'_>,
    timing: &mut Timing,
) -> Result<Dataset<Profile>, HttpError> {
    let clock = parts.edge.timer();
    let mut profiler = Profiler::new(Options::default());
    let mut bytes = 0;
    while let Some(chunk) = upload.chunk().await {
        let chunk = chunk?;
        bytes += chunk.len() as u64;
        if bytes > LIMIT {
            return Err(HttpError::too_large(LIMIT as usize));
        }
        let begun = clock.elapsed();
        profiler.push(&chunk)?;
        let profiled = clock.elapsed();
        parts.push(&chunk).await?;
        timing.profile += profiled - begun;
        timing.store += clock.elapsed() - profiled;
    }
    let begun = clock.elapsed();
    let profile = profiler.finish()?;
    timing.profile += clock.elapsed() - begun;
    let dataset = Dataset {
        id: parts.id,
        file_name: dataset::safe_file_name(upload.file_name.as_deref().unwrap_or("data.csv")),
        bytes,
        parts: parts.finish().await?,
        created_at: parts.edge.timer().now(),
        profile,
    };
    dataset::store_head(parts.edge, &dataset).await?;
    Ok(dataset)
}

/// Cuts what arrives into parts of one size.
struct Parts<'a> {
    id: DatasetId,
    edge: &'a Edge,
    pending: Vec<u8>,
    stored: u32,
}

impl Parts<'_> {
    async fn push(&mut self, chunk: &[u8]) -> Result<(), HttpError> {
        self.pending.extend_from_slice(chunk);
        while self.pending.len() >= PART_BYTES {
            let rest = self.pending.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.pending, rest);
            self.store(&part).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<u32, HttpError> {
        if !self.pending.is_empty() {
            let part = std::mem::take(&mut self.pending);
            self.store(&part).await?;
        }
        Ok(self.stored)
    }

    async fn store(&mut self, part: &[u8]) -> Result<(), HttpError> {
        dataset::store_part(self.edge, &Lz4, self.id, self.stored, part).await?;
        self.stored += 1;
        Ok(())
    }
}

/// What is answered: the dataset, with its profile's preview and notices beside it.
#[derive(Serialize)]
struct DatasetReply {
    dataset_id: DatasetId,
    file_name: String,
    bytes: u64,
    created_at: Timestamp,
    notices: Vec<String>,
    profile: Profile,
    preview: Preview,
}

fn shown(dataset: Dataset<Profile>) -> DatasetReply {
    let mut profile = dataset.profile;
    DatasetReply {
        dataset_id: dataset.id,
        file_name: dataset.file_name,
        bytes: dataset.bytes,
        created_at: dataset.created_at,
        notices: std::mem::take(&mut profile.notices),
        preview: std::mem::take(&mut profile.preview),
        profile,
    }
}
