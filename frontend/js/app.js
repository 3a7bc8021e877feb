// The page: what a person asks for goes to the routes, and what comes of it is shown. Begin here.

import * as api from "./api.js";
import { Dataset } from "./dataset.js";
import { announce, byId, element, tabs } from "./dom.js";
import { PROGRAMS, PROMPTS, sampleFile } from "./examples.js";
import { hideFailure, showProgramError, showServiceError, showStopped } from "./failure.js";
import { showHealth } from "./health.js";
import { goToLine, makeEditor } from "./python.js";
import { Result } from "./result.js";
import { Sessions, relative } from "./sessions.js";
import { Steps } from "./steps.js";
import { showTerminal } from "./terminal.js";

const prompt = byId("prompt");
const editor = byId("run-code");

const steps = new Steps();
const result = new Result({ edit, start, open: showRevision, restartApp, restartKernel, stopped });
const dataset = new Dataset(() => {});
const sessions = new Sessions(forget);
const selectMode = tabs(
  ["tab-build", "tab-run"],
  (id) => (byId("workbench").dataset.mode = id === "tab-run" ? "run" : "build"),
);

/** The id of the session that is open, if one is. */
let open = null;
/** Stops the work that goes on, if some does. */
let working = null;

// What is asked

function build() {
  if (!prompt.value.trim() && !dataset.isAttached) {
    prompt.focus();
    showServiceError(new Error("say in a sentence what you want to see, or add a CSV file"));
    return;
  }
  work(dataset.isAttached ? "reading the file" : "planning", async (onEvent, signal) => {
    const dataset_id = await dataset.id();
    const text = prompt.value.trim() || dataset.defaultPrompt;
    prompt.value = text;
    const body = { prompt: text, dataset_id, session_id: open, framework: byId("framework").value || null };
    const reply = await api.stream("/generate_ui/", body, onEvent, signal);
    const { output, notices } = reply.gradio_ui_response ?? {};
    return { ...reply, code: reply.generated_code, output, notices };
  });
}

function run() {
  const code = editor.value;
  if (!code.trim()) {
    editor.focus();
    return;
  }
  result.code(code);
  result.show("output");
  execute("running", "/run_code/", code);
}

/** Starts a program as its session's live app. */
function start(code) {
  execute("preparing", "/gradio_ui/", code);
}

function execute(label, path, code) {
  work(label, async (onEvent, signal) => ({
    ...(await api.stream(path, { code, session_id: open }, onEvent, signal)),
    code,
  }));
}

/** Starts the live app again, as the same version and at its address. */
function restartApp() {
  work("restarting the app", async (onEvent, signal) => {
    const reply = await api.stream(`/session/${open}/restart`, { target: "app" }, onEvent, signal);
    const { code } = await api.revision(open, reply.revision);
    return { ...reply, code };
  });
}

async function restartKernel() {
  if (!open) return;
  hideFailure();
  try {
    const { notices } = await api.restartKernel(open);
    showNotices(notices);
    announce(notices.join(" "));
  } catch (error) {
    showServiceError(error);
  }
}

/** Ends what runs: by its session where there is one, so that it ends for all who wait for it. */
async function stop() {
  const work = working;
  if (!open || work.isStopping) return work.abort();
  work.isStopping = true;
  steps.next("stopping");
  try {
    const { interrupted } = await api.interrupt(open);
    // What cannot be interrupted, such as a model that writes, is no longer waited for.
    if (!interrupted && work === working) work.abort();
  } catch {
    work.abort();
  }
}

function edit(code) {
  setCode(code);
  selectMode("tab-run");
  editor.focus();
}

/** Fills the editor, and shows it from its beginning. */
function setCode(code) {
  editor.value = code;
  editor.setSelectionRange(0, 0);
  editor.scrollTop = 0;
}

// What comes of it

/** Does one piece of long work and shows how it goes; there is one at a time. */
async function work(label, ask) {
  if (working) return;
  working = new AbortController();
  showWorking(true);
  hideFailure();
  showNotices([]);
  showAssumptions([]);
  result.output.clear();
  steps.begin(label);
  const wasShown = result.isShown;
  byId("status").scrollIntoView({ block: "nearest" });
  try {
    const reply = await ask(onEvent, working.signal);
    await showReply(reply);
  } catch (error) {
    // Half a program is none.
    if (wasShown) result.code();
    else result.hide();
    if (error.name === "AbortError") {
      steps.failed("Stopped");
    } else {
      steps.failed("Failed");
      const actions = error.code === "not_found" && open ? { "Begin a new session": () => reset() } : {};
      showServiceError(error, actions);
      if (error.code !== "not_found") showHealth();
    }
  } finally {
    working = null;
    showWorking(false);
  }
  sessions.refresh(open);
}

function onEvent(type, data) {
  if (type === "started") remember(data.session_id);
  else if (type === "progress") {
    // What is checked is whole; what is written then is another program, or changes of this one.
    if (data.step === "check") result.endWriting();
    steps.next(data.message);
  } else if (type === "code_delta") result.write(data.text);
  else if (type === "stdout" || type === "stderr") result.output.text(type, data.text);
  else if (type === "result") result.output.result(data.result);
}

async function showReply(reply) {
  remember(reply.session_id);
  result.code(reply.code);
  if (result.output.isEmpty && reply.output) result.output.text("stdout", reply.output);
  if (reply.truncated) result.output.note("The output was longer than is kept: the rest is left out.");
  showNotices(reply.notices ?? []);
  showAssumptions(reply.assumptions ?? []);
  if (reply.error?.name === "Interrupted") {
    steps.failed("Stopped");
    showNotices([...(reply.notices ?? []), reply.error.value]);
    if (!result.hasPreview && reply.framework) result.preview(null, null, "The app was stopped at its start.");
    announce("stopped");
  } else if (reply.error) {
    steps.failed("Failed");
    if (!result.hasPreview) result.preview(null, null, "The app did not start: see the reason given.");
    result.show(reply.framework ? "code" : "output");
    showProgramError(reply.error, waysOut(reply));
  } else if (reply.url) {
    steps.done("Live");
    result.preview(reply.url, reply.framework);
    result.show("preview");
    announce("the app is live");
  } else {
    steps.done("Done");
    if (result.output.isEmpty) result.output.note("The program printed nothing.");
    result.show("output");
    announce("the program is done");
  }
  if (reply.framework) await showRevisions(reply);
  bringIntoView(byId(byId("error").hidden ? "result" : "error"));
}

async function showRevisions({ session_id, revision, gradio_ui_response }) {
  try {
    result.revisions(await api.session(session_id), revision ?? gradio_ui_response?.revision);
  } catch {
    // The app is there all the same; the list comes with the next run.
  }
}

function waysOut({ error, code }) {
  if (error.kind === "too_many_processes") return { "Restart the kernel": restartKernel };
  if (error.kind !== "raised") return {};
  if (editor.value === code && error.line)
    return { [`Go to line ${error.line}`]: () => goToLine(editor, error.line) };
  if (editor.value === code) return {};
  return {
    "Edit the program": () => {
      edit(code);
      if (error.line) goToLine(editor, error.line);
    },
  };
}

/** On a narrow screen the result stands below the form, and what went wrong between them. */
function bringIntoView(panel) {
  if (panel.getBoundingClientRect().top < innerHeight * 0.6) return;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  panel.scrollIntoView({ behavior: isCalm ? "auto" : "smooth" });
}

function showWorking(isWorking) {
  byId("workbench").setAttribute("aria-busy", String(isWorking));
  for (const [id, label] of [
    ["build", "Build"],
    ["run", "Run"],
  ]) {
    byId(id).textContent = isWorking ? "Stop" : label;
    byId(id).dataset.state = isWorking ? "stop" : "";
  }
}

/** The live app died more often than it is started again. */
function stopped(reason) {
  if (working) return;
  showStopped(reason, { "Restart the app": restartApp, "Show its log": () => result.show("logs") });
}

/** A page that is already loaded does not notice that its app died: it is asked for now and then. */
async function lookAfterTheApp() {
  if (!open || !result.hasPreview || working || document.hidden) return;
  if (!byId("error").hidden) return;
  try {
    const { stopped: isStopped } = await api.logs(open, 500);
    if (isStopped) result.reload();
  } catch {
    // Its own page tells what is wrong, once it is asked for something.
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function showNotices(notices) {
  byId("notices").hidden = !notices.length;
  byId("notices").replaceChildren(...notices.map((notice) => element("p", { textContent: sentence(notice) })));
}

function showAssumptions(assumptions) {
  byId("assumptions").hidden = !assumptions.length;
  byId("assumptions")
    .querySelector("ul")
    .replaceChildren(...assumptions.map((text) => element("li", { textContent: text })));
}

// Sessions

/** Keeps the open session in the address, so that a reload comes back to it. */
function remember(id) {
  if (id === open) return;
  open = id;
  byId("new").hidden = !id;
  history.replaceState(null, "", id ? `#session=${id}` : location.pathname);
}

function reset() {
  remember(null);
  hideFailure();
  showNotices([]);
  showAssumptions([]);
  steps.hide();
  result.hide();
  dataset.detach();
  prompt.value = "";
  sessions.refresh(open);
  (byId("tab-run").ariaSelected === "true" ? editor : prompt).focus();
}

function forget(id) {
  if (id === open) reset();
  else sessions.refresh(open);
}

/** Shows a session as it was left. */
async function resume(id) {
  if (working) return;
  hideFailure();
  showAssumptions([]);
  steps.hide();
  result.hide();
  dataset.detach();
  let session;
  try {
    session = await api.session(id);
  } catch (error) {
    remember(null);
    showServiceError(error);
    return;
  }
  remember(id);
  const isExpired = session.status === "expired";
  showNotices(
    isExpired
      ? [
          `This session expired ${relative(session.expires_at)}. Its programs are kept: “Make live” or a new run brings it back.`,
        ]
      : [],
  );
  if (session.output) result.output.text("stdout", session.output);
  else result.output.note("Nothing was printed.");
  if (session.dataset_id)
    api.dataset(session.dataset_id).then(
      (found) => dataset.show(found),
      () => {},
    );
  result.revisions(session);
  result.preview(
    session.url,
    session.framework,
    isExpired ? "The app has ended with its session." : "This session has no live app.",
  );
  if (session.revisions.length) await showRevision(session.revision, true);
  else selectMode("tab-run");
  result.show(session.url ? "preview" : session.revisions.length ? "code" : "output");
}

/** Shows the program of one version, and with `asItWas` what asked for it, too. */
async function showRevision(number, asItWas = false) {
  try {
    const { code, prompt: asked, error } = await api.revision(open, number);
    result.code(code);
    hideFailure();
    if (error) showProgramError(error, waysOut({ error, code }));
    if (!asItWas) {
      result.show("code");
    } else if (asked) {
      prompt.value = asked;
      selectMode("tab-build");
    } else {
      setCode(code);
      selectMode("tab-run");
    }
  } catch (error) {
    showServiceError(error);
  }
}

function resumeFromAddress() {
  const id = new URLSearchParams(location.hash.slice(1)).get("session");
  if (id && id !== open) return resume(id).then(() => sessions.refresh(open));
  return sessions.refresh(open);
}

// How it begins

function chip(label, act) {
  const made = element("button", { type: "button", className: "chip", textContent: label });
  made.addEventListener("click", act);
  return made;
}

function showExamples() {
  const prompts = PROMPTS.map((example) =>
    chip(example.label, () => {
      prompt.value = example.prompt;
      byId("framework").value = example.framework ?? "";
      if (example.sample) dataset.attach(sampleFile());
      else dataset.detach();
      byId("build").focus();
    }),
  );
  byId("prompt-examples").append(...prompts);
  const programs = PROGRAMS.map(({ label, code }) =>
    chip(label, () => {
      setCode(code);
      byId("run").focus();
    }),
  );
  byId("code-examples").append(...programs);
  setCode(PROGRAMS[1].code);
}

function submitOn(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !working) {
      event.preventDefault();
      act();
    }
  });
}

submitOn(byId("form-build"), () => (working ? stop() : build()));
submitOn(byId("form-run"), () => (working ? stop() : run()));
setInterval(lookAfterTheApp, 20_000);
makeEditor(editor);
byId("new").addEventListener("click", reset);
addEventListener("hashchange", resumeFromAddress);
if (/Mac|iPhone|iPad/.test(navigator.platform)) {
  for (const key of document.querySelectorAll(".modifier")) key.textContent = "⌘";
}
showExamples();
showTerminal();
showHealth();
resumeFromAddress();
