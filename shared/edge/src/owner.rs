//! Whose sessions a list shows: an unguessable id in a cookie of the caller's browser.
//!
//! It grants nothing but the list. Owners with tokens, and who may use which session, come later.

use http::header::SET_COOKIE;
use model::SessionId;
use model::ports::{Outside as _, Random as _};
use model::session::index;

use crate::{Call, Edge, Reply};

const COOKIE: &str = "conductor_owner";
const ONE_YEAR_SECONDS: u32 = 31_536_000;

/// The caller's owner id, if its cookie carries a valid one.
pub fn of(call: &Call) -> Option<String> {
    let id: SessionId = call.cookie(COOKIE)?.parse().ok()?;
    Some(id.to_string())
}

/// The reply, with a new owner id for a caller that has none.
pub fn welcome(call: &Call, edge: &Edge, reply: Reply) -> Reply {
    if of(call).is_some() {
        return reply;
    }
    let id = SessionId::from_random(edge.random().bytes());
    // Strict enough for other sites' requests, and still sent when a link leads here.
    let cookie =
        format!("{COOKIE}={id}; Path=/; Max-Age={ONE_YEAR_SECONDS}; HttpOnly; SameSite=Lax");
    reply.header(SET_COOKIE, cookie)
}

/// Puts a new session into the caller's list, if it keeps one.
///
/// The session's work is done by then, so a list that cannot be changed is only logged.
pub async fn remember(call: &Call, edge: &Edge, session: SessionId) {
    let Some(owner) = of(call) else { return };
    if let Err(error) = index::add(edge, &owner, session).await {
        eprintln!("session.id={session} is missing in its owner's list: {error}");
    }
}
