//! gzip on streams of bytes, chunk by chunk.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};
use futures_util::{Stream, StreamExt, stream};

/// What goes through a coder at a time. Gzip packs up to a thousand to one: a whole chunk of a
/// body could unpack to hundreds of megabytes.
const STEP_BYTES: usize = 8 << 10;

/// Unpacks a gzip stream.
pub fn unpack(
    packed: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    transform(
        packed,
        GzDecoder::new(Vec::new()),
        GzDecoder::get_mut,
        |mut decoder| {
            decoder.try_finish()?;
            Ok(std::mem::take(decoder.get_mut()))
        },
    )
}

/// Packs a stream with gzip.
pub fn pack(
    plain: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    transform(
        plain,
        GzEncoder::new(Vec::new(), Compression::fast()),
        GzEncoder::get_mut,
        GzEncoder::finish,
    )
}

/// Runs every chunk through a coder and hands on what has come out of it so far.
fn transform<C: Write + Send + 'static>(
    input: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    coder: C,
    output: fn(&mut C) -> &mut Vec<u8>,
    finish: fn(C) -> io::Result<Vec<u8>>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold(
        (Box::pin(input), Some(coder), Bytes::new()),
        move |(mut input, coder, mut left)| async move {
            let mut coder = coder?;
            if left.is_empty() {
                left = match input.next().await {
                    Some(Ok(chunk)) => chunk,
                    Some(Err(error)) => return Some((Err(error), (input, None, left))),
                    None => return Some((finish(coder).map(Bytes::from), (input, None, left))),
                };
            }
            let step = left.split_to(left.len().min(STEP_BYTES));
            match coder.write_all(&step) {
                Ok(()) => {
                    let produced = std::mem::take(output(&mut coder));
                    Some((Ok(Bytes::from(produced)), (input, Some(coder), left)))
                }
                Err(error) => Some((Err(error), (input, None, left))),
            }
        },
    )
}
