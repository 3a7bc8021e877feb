//! What was asked.

use futures::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE};
use serde::de::DeserializeOwned;
use spin_sdk::http::{IncomingRequest, Method};

use crate::HttpError;

/// More than any JSON request needs: a program of 1 MiB, escaped.
const JSON_LIMIT: usize = 4 * 1024 * 1024;

/// One request: its head is read, its body is still to come.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: http::Method,
    /// The path's segments, without empty ones: `//session/` and `/session` are the same.
    pub path: Vec<String>,
    /// The query, still encoded; empty without one.
    pub query: String,
    headers: Vec<(String, Vec<u8>)>,
    /// Names this request in logs and errors.
    pub request_id: String,
    body: Option<IncomingRequest>,
}

impl Call {
    pub(crate) fn read(request: IncomingRequest, make_id: impl FnOnce() -> String) -> Self {
        let method = match request.method() {
            Method::Other(name) => http::Method::from_bytes(name.as_bytes()).unwrap_or_default(),
            known => known.to_string().parse().unwrap_or_default(),
        };
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let headers = request.headers().entries();
        // Of several values the host's own comes last.
        let given = values(&headers, "x-request-id").next_back().flatten();
        let given = given.map(str::to_owned);
        Self {
            method,
            path: path
                .split('/')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
            query: query.to_owned(),
            request_id: given.unwrap_or_else(make_id),
            headers,
            body: Some(request),
        }
    }

    /// The segments as `match` wants them.
    pub fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// Refuses all but a `POST` to this path of one segment: what a component with a single route serves.
    pub fn require_post_to(&self, route: &str) -> Result<(), HttpError> {
        match self.segments().as_slice() {
            [path] if *path == route => match self.method == http::Method::POST {
                true => Ok(()),
                false => Err(HttpError::method_not_allowed("POST")),
            },
            _ => Err(HttpError::no_route()),
        }
    }

    /// A header's text; the last value where there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        values(&self.headers, name).next_back()?
    }

    /// A query parameter, with percent signs and plus signs decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(key) == name).then(|| percent_decode(value))
        })
    }

    /// Whether the client wants a stream of events.
    pub fn wants_events(&self) -> bool {
        self.accepts("text/event-stream")
    }

    /// Whether `Accept` names this type itself, rather than by a wildcard.
    pub fn accepts(&self, media_type: &str) -> bool {
        let accepted = self.header(ACCEPT.as_str()).unwrap_or_default();
        accepted.split(',').any(|item| {
            item.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case(media_type)
        })
    }

    /// The media type of the body, in lower case, without parameters.
    pub fn content_type(&self) -> String {
        let value = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let values = values(&self.headers, COOKIE.as_str()).flatten();
        values.flat_map(|value| value.split(';')).find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
    }

    /// Reads the body as JSON.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, HttpError> {
        let content_type = self.content_type();
        // An empty type is tolerated: source systems' clients do not always send one.
        if !(content_type.is_empty() || content_type.contains("json") || content_type == FORM) {
            return Err(HttpError::unsupported_media_type(&content_type));
        }
        let body = self.bytes(JSON_LIMIT).await?;
        parse_json(&body)
    }

    /// Reads the body whole, refusing one of more than `limit` bytes.
    pub async fn bytes(&mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let declared = self
            .header("content-length")
            .and_then(|text| text.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            return Err(HttpError::too_large(limit));
        }
        let mut body = Vec::with_capacity(declared.unwrap_or(0));
        let mut chunks = self.chunks();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > limit {
                return Err(HttpError::too_large(limit));
            }
        }
        Ok(body)
    }

    /// The body as it arrives; empty the second time.
    pub fn chunks(
        &mut self,
    ) -> futures::stream::LocalBoxStream<'static, Result<Vec<u8>, HttpError>> {
        match self.body.take() {
            Some(request) => {
                let broken =
                    |_| HttpError::bad_request("the request body broke off: send it again");
                request
                    .into_body_stream()
                    .map(move |chunk| chunk.map_err(broken))
                    .boxed_local()
            }
            None => futures::stream::empty().boxed_local(),
        }
    }
}

/// The values of a header in their order, `None` where one is no printable ASCII. (`http::HeaderMap` would
/// look each name up in a table of all names that are known: 15 KB of a component.)
fn values<'a>(
    headers: &'a [(String, Vec<u8>)],
    name: &str,
) -> impl DoubleEndedIterator<Item = Option<&'a str>> {
    let named = move |(other, _): &&(String, Vec<u8>)| other.eq_ignore_ascii_case(name);
    headers.iter().filter(named).map(|(_, value)| {
        let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
        let text = str::from_utf8(value).ok()?;
        value.iter().all(is_text).then_some(text)
    })
}

/// Reads JSON; an error names the field that is wrong.
fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, HttpError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(HttpError::from)?;
    json.end().map_err(HttpError::from)?;
    Ok(value)
}

/// What `curl -d` sends when nobody says otherwise.
const FORM: &str = "application/x-www-form-urlencoded";

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match (first, after.get(..2).and_then(hex)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (&byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::run::RunRequest;

    #[test]
    fn an_error_names_the_field_that_is_wrong() {
        let check = |body: &str, code: &str, text: &str| {
            let error = parse_json::<RunRequest>(body.as_bytes()).expect_err("it is wrong");
            assert_eq!((error.status, error.code), (400, code), "{body}");
            assert!(error.message.contains(text), "{}", error.message);
        };
        check(r#"{"code": 1}"#, "invalid_field", "`code`");
        check(
            r#"{"code": "1", "env": {"A": 1}}"#,
            "invalid_field",
            "`env.A`",
        );
        check("{}", "invalid_field", "`code`");
        check("{", "malformed_json", "no JSON");
        check(r#"{"code": "1"} x"#, "malformed_json", "no JSON");
    }

    #[test]
    fn query_parameters_are_decoded() {
        assert_eq!(percent_decode("a+b%20c%C3%A9%zz%"), "a b cé%zz%");
    }
}
