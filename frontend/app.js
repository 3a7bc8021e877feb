// The plain page: what is up, and how to try it. Everything here is a call that curl could make, too.
"use strict";

const outcome = document.getElementById("outcome");
let sessionId = null;

/** Makes an element; texts are always set as text, because programs' output is not ours to trust. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Sends a request and returns the JSON answer; an error answer becomes an Error with its message. */
async function call(path, options) {
  const response = await fetch(path, options);
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw new Error(body?.error?.message ?? `${path} answered ${response.status}`);
}

function postJson(path, body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body) });
}

function show(...children) {
  outcome.hidden = false;
  outcome.replaceChildren(element("h2", {}, "Outcome"), ...children);
}

function app(url) {
  const link = element("a", { href: url, target: "_blank", rel: "noopener", "data-testid": "app-url" }, url);
  const permissions = "allow-scripts allow-same-origin allow-forms allow-downloads allow-popups";
  return [element("p", {}, link), element("iframe", { src: url, sandbox: permissions, title: "the running app", "data-testid": "app" })];
}

function result(item) {
  if (item.png) return element("img", { src: `data:image/png;base64,${item.png}`, alt: item.text ?? "plot", "data-testid": "plot" });
  return element("pre", {}, item.text ?? JSON.stringify(item, null, 2));
}

function showRun(answer) {
  const parts = (answer.notices ?? []).map((notice) => element("p", {}, notice));
  if (answer.output) parts.push(element("pre", { "data-testid": "output" }, answer.output));
  parts.push(...(answer.results ?? []).map(result));
  if (answer.error) {
    const text = answer.error.traceback ?? `${answer.error.name}: ${answer.error.value}`;
    parts.push(element("pre", { class: "error", "data-testid": "error" }, text));
  }
  if (answer.url) parts.push(...app(answer.url));
  if (parts.length === 0) parts.push(element("p", {}, "It ran, and printed nothing."));
  show(...parts);
}

/** Runs `work` for a form, with its button switched off meanwhile. */
function onSubmit(id, work) {
  document.getElementById(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    show(element("p", {}, "Working …"));
    try {
      await work(new FormData(event.target));
    } catch (error) {
      show(element("p", { class: "error", "data-testid": "error" }, error.message));
    } finally {
      button.disabled = false;
    }
  });
}

onSubmit("run", async (form) => {
  const body = { code: form.get("code") };
  if (sessionId) body.session_id = sessionId;
  const answer = await postJson("/run_code/", body);
  sessionId = answer.session_id;
  showRun(answer);
});

onSubmit("dashboard", async (form) => {
  const request = { prompt: form.get("prompt"), framework: form.get("framework") };
  const file = form.get("file");
  if (file.size > 0) {
    const upload = new FormData();
    upload.append("file", file, file.name);
    request.dataset_id = (await call("/data/", { method: "POST", body: upload })).dataset_id;
  }
  const answer = await postJson("/generate_ui/", request);
  if (!answer.url) throw new Error(answer.gradio_ui_response?.output ?? "no app came up");
  const code = element("details", {}, element("summary", {}, "Its code"), element("pre", {}, answer.generated_code ?? ""));
  show(...app(answer.url), code);
});

async function showHealth() {
  const list = document.getElementById("health");
  try {
    // An unwell part makes it a 503, with the same document.
    const health = await (await fetch("/health", { headers: { accept: "application/json" } })).json();
    const parts = Object.entries(health).filter(([, part]) => typeof part === "object");
    list.replaceChildren(...parts.map(([name, part]) => {
      const text = [`${name}: ${part.status}`, part.reason, part.hint].filter(Boolean).join(", ");
      return element("li", { class: part.status === "down" ? "down" : "up" }, text);
    }));
  } catch (error) {
    list.replaceChildren(element("li", { class: "down" }, `/health does not answer: ${error.message}`));
  }
}

document.getElementById("shell").textContent = `# a computation, a plot in "results"
curl ${location.origin}/run_code/ -d '{"code": "print(6 * 7)"}'

# a live app, its address in "url"
curl ${location.origin}/gradio_ui/ -d '{"code": "import gradio as gr\\ngr.Interface(lambda name: f\\"Hello {name}\\", \\"text\\", \\"text\\").launch()"}'

# a dataset, then a dashboard of it
curl ${location.origin}/data/ -F file=@data.csv
curl ${location.origin}/generate_ui/ -d '{"prompt": "the trend by month", "dataset_id": "…"}'`;
showHealth();
