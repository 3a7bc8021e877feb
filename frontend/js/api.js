// The routes, as the page calls them. What a failure says is in `ApiError`.

/** A request that failed; `message` is for the person who reads the page. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = "", requestId = "" } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId });
  }
}

const UNREACHABLE =
  "Conductor does not answer: is it still running? Start it with `cargo xtask up` and try again";

const asError = (status, document) =>
  new ApiError(document?.error?.message ?? `the answer was ${status}, without a reason`, {
    status,
    code: document?.error?.code,
    requestId: document?.error?.request_id,
  });

async function ask(method, path, body) {
  let response;
  try {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new ApiError(UNREACHABLE);
  }
  const document = await response.json().catch(() => null);
  return { status: response.status, ok: response.ok, document };
}

async function askOrFail(method, path, body) {
  const { status, ok, document } = await ask(method, path, body);
  if (!ok) throw asError(status, document);
  return document;
}

/** What is up; a part that is down is an answer, too. */
export const health = async () => (await ask("GET", "/health")).document;

export const session = (id) => askOrFail("GET", `/session/${id}`);
export const sessions = (offset) => askOrFail("GET", `/session/?limit=10&offset=${offset}`);
export const revision = (id, number) => askOrFail("GET", `/session/${id}/revisions/${number}`);
/** The end of the app's log; `stopped` says whether the app has died for good. */
export const logs = (id, tail) => askOrFail("GET", `/session/${id}/logs?tail=${tail}`);
/** Stops what runs in a session, whoever started it. */
export const interrupt = (id) => askOrFail("POST", `/session/${id}/interrupt`, {});
export const restartKernel = (id) => askOrFail("POST", `/session/${id}/restart`, { target: "kernel" });
export const deleteSession = (id) => askOrFail("DELETE", `/session/${id}`);
export const dataset = (id) => askOrFail("GET", `/data/${id}`);

/** Uploads a file; `onProgress` hears the part that is sent, from 0 to 1. */
export function upload(file, onProgress) {
  // Only the old interface tells how much of a body is sent.
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("POST", `/data/?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", "text/csv");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new ApiError(UNREACHABLE));
    request.onload = () =>
      request.status < 300 ? resolve(request.response) : reject(asError(request.status, request.response));
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}

/**
 * Long work: every event goes to `onEvent(type, data)`; gives the document of the last one, `done`.
 * A service's failure is an `ApiError`, whether it comes before the stream or within it.
 */
export const stream = (path, body, onEvent, signal) =>
  follow(path, onEvent, signal, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify(body),
  });

/** The same for what is only read, such as a log that grows. */
export async function follow(path, onEvent, signal, request = { headers: { accept: "text/event-stream" } }) {
  let response;
  try {
    response = await fetch(path, { ...request, signal });
  } catch (error) {
    throw error.name === "AbortError" ? error : new ApiError(UNREACHABLE);
  }
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    const document = await response.json().catch(() => null);
    if (!response.ok) throw asError(response.status, document);
    return document;
  }
  let done;
  await readEvents(response.body, (type, data) => {
    if (type === "done") done = data;
    else onEvent(type, data);
  });
  if (done === undefined) {
    throw new ApiError(
      "the connection broke off before the work was done: reload the page to see how far it came",
    );
  }
  if (done?.error?.request_id) throw asError(response.status, done);
  return done;
}

/** Reads server-sent events (WHATWG HTML §9.2) as far as our streams use them. */
async function readEvents(body, onEvent) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      pending += value;
      const blocks = pending.split("\n\n");
      pending = blocks.pop();
      for (const block of blocks) {
        const event = parse(block);
        if (event) onEvent(event.type, event.data);
      }
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    // A connection that breaks is told from the missing `done`.
  }
}

function parse(block) {
  const fields = block.split("\n").map((line) => line.match(/^(event|data): ?(.*)$/s));
  const field = (name) => fields.find((found) => found?.[1] === name)?.[2];
  const data = field("data");
  return data === undefined ? null : { type: field("event") ?? "message", data: JSON.parse(data) };
}
