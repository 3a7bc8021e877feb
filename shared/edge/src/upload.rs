//! A file in a request: as the raw body, or as the first file part of a multipart form.

use futures::StreamExt as _;
use futures::stream::LocalBoxStream;

use crate::{Call, HttpError};

/// The most bytes that the head of a form part may have.
const HEAD_LIMIT: usize = 16 * 1024;

/// A file as it arrives.
pub struct Upload {
    /// What the client calls it.
    pub file_name: Option<String>,
    chunks: LocalBoxStream<'static, Result<Vec<u8>, HttpError>>,
    form: Option<Form>,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Upload")
            .field("file_name", &self.file_name)
            .finish()
    }
}

impl Upload {
    /// Finds the file in a request, up to its first byte.
    pub async fn of(call: &mut Call) -> Result<Self, HttpError> {
        let content_type = call.header("content-type").unwrap_or_default().to_owned();
        let mut upload = Self {
            file_name: call
                .parameter("name")
                .or_else(|| file_name_of(call.header("content-disposition").unwrap_or_default())),
            chunks: call.chunks(),
            form: None,
        };
        if !content_type
            .to_ascii_lowercase()
            .starts_with("multipart/form-data")
        {
            return Ok(upload);
        }
        let boundary = parameter(&content_type, "boundary").ok_or_else(|| {
            HttpError::bad_request("the multipart form names no `boundary` in its content type")
        })?;
        let mut form = Form::new(&boundary);
        loop {
            match form.next_head()? {
                Some(head) => {
                    let name = file_name_of(&head);
                    if name.is_some() || parameter(&head, "name").as_deref() == Some("file") {
                        upload.file_name = upload.file_name.or(name);
                        upload.form = Some(form);
                        return Ok(upload);
                    }
                }
                None => match upload.chunks.next().await {
                    Some(chunk) => form.pending.extend_from_slice(&chunk?),
                    None => {
                        return Err(HttpError::bad_request(
                            "the multipart form has no file: send it as the field `file`",
                        ));
                    }
                },
            }
        }
    }

    /// The next bytes of the file; `None` at its end.
    pub async fn chunk(&mut self) -> Option<Result<Vec<u8>, HttpError>> {
        let Some(form) = &mut self.form else {
            return self.chunks.next().await;
        };
        loop {
            if let Some(bytes) = form.next_bytes() {
                return (!bytes.is_empty()).then_some(Ok(bytes));
            }
            match self.chunks.next().await {
                Some(Ok(chunk)) => form.pending.extend_from_slice(&chunk),
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    let text = "the multipart form ends in the middle of the file: send it again";
                    return Some(Err(HttpError::bad_request(text)));
                }
            }
        }
    }
}

/// A multipart form (RFC 7578) that is being read.
#[derive(Debug)]
struct Form {
    /// `\r\n--boundary`, which ends each part.
    delimiter: Vec<u8>,
    pending: Vec<u8>,
    ended: bool,
}

impl Form {
    fn new(boundary: &str) -> Self {
        // The first boundary has no line end before it; giving it one makes all alike.
        Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            pending: b"\r\n".to_vec(),
            ended: false,
        }
    }

    /// Skips to the next part and gives its head, if it is there already.
    fn next_head(&mut self) -> Result<Option<String>, HttpError> {
        let Some(start) = find(&self.pending, &self.delimiter) else {
            let keep = self.pending.len().saturating_sub(self.delimiter.len());
            self.pending.drain(..keep);
            return Ok(None);
        };
        self.pending.drain(..start);
        let Some(end) = find(&self.pending, b"\r\n\r\n") else {
            if self.pending.len() > HEAD_LIMIT {
                return Err(HttpError::bad_request(
                    "a part of the multipart form has no end to its head",
                ));
            }
            return Ok(None);
        };
        let head: Vec<u8> = self.pending.drain(..end + 4).collect();
        Ok(Some(
            String::from_utf8_lossy(&head[self.delimiter.len()..]).into_owned(),
        ))
    }

    /// Bytes of the current part: none yet (`None`), some, or its end (empty).
    fn next_bytes(&mut self) -> Option<Vec<u8>> {
        if self.ended {
            return Some(Vec::new());
        }
        if let Some(end) = find(&self.pending, &self.delimiter) {
            self.ended = true;
            return Some(self.pending.drain(..end).collect());
        }
        // What could be the beginning of the delimiter stays.
        let sure = self.pending.len().saturating_sub(self.delimiter.len());
        (sure > 0).then(|| self.pending.drain(..sure).collect())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|&byte| byte == first) {
        let at = from + at;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn file_name_of(disposition: &str) -> Option<String> {
    parameter(disposition, "filename").filter(|name| !name.is_empty())
}

/// A parameter of a header value, with or without quotes.
fn parameter(value: &str, name: &str) -> Option<String> {
    value.split([';', '\r', '\n']).find_map(|part| {
        let (key, text) = part.trim().split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| text.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--B\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhi\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.csv\"\r\nContent-Type: text/csv\r\n\r\nx,y\r\n1,--B\r\n\r\n--B--\r\n";

    /// Reads the form when it arrives in pieces of `size` bytes.
    fn read(size: usize) -> (Option<String>, Vec<u8>) {
        let chunks = FORM
            .chunks(size)
            .map(|chunk| Ok(chunk.to_vec()))
            .collect::<Vec<_>>();
        let mut form = Form::new("B");
        let mut chunks = chunks.into_iter();
        let name = loop {
            match form.next_head().expect("the form is well-formed") {
                Some(head) if head.contains("filename") => break file_name_of(&head),
                Some(_) => {}
                None => {
                    let chunk: Result<Vec<u8>, HttpError> = chunks.next().expect("there is more");
                    form.pending.extend(chunk.expect("it is a chunk"));
                }
            }
        };
        let mut upload = Upload {
            file_name: name.clone(),
            chunks: futures::stream::iter(chunks).boxed_local(),
            form: Some(form),
        };
        let mut file = Vec::new();
        futures::executor::block_on(async {
            while let Some(chunk) = upload.chunk().await {
                file.extend(chunk.expect("the form is whole"));
            }
        });
        (name, file)
    }

    #[test]
    fn the_file_of_a_form_is_the_same_in_pieces_of_any_size() {
        for size in 1..FORM.len() {
            let (name, file) = read(size);
            assert_eq!(name.as_deref(), Some("a b.csv"), "pieces of {size}");
            assert_eq!(file, b"x,y\r\n1,--B\r\n", "pieces of {size}");
        }
    }
}
