// The result: the live app in its frame, the output, and the program, with the app's versions.

import { byId, copyOnClick, element, tabs } from "./dom.js";
import { Logs } from "./logs.js";
import { Output } from "./output.js";
import { highlighted } from "./python.js";

/** Streamlit leaves its own toolbar and margins out when it is told that it is framed. */
function embedded(url) {
  const address = new URL(url);
  address.searchParams.set("embed", "true");
  return address.href;
}

export class Result {
  output = new Output();
  logs = new Logs();
  #frame = byId("preview");
  #placeholder = byId("preview-placeholder");
  #select;
  #code = "";
  /** What is being written, until the program is there. */
  #draft = null;
  #url = null;
  #framework = null;

  /**
   * `actions`: `edit(code)`, `start(code)`, `open(revision)`, `restartApp()` and `restartKernel()`, for what
   * the panel's buttons ask for, and `stopped(reason)` for an app that has died.
   */
  constructor(actions) {
    this.actions = actions;
    this.#select = tabs(["show-preview", "show-output", "show-logs", "show-code"], (id) => {
      byId("preview-actions").hidden = id !== "show-preview" || !this.#url;
      byId("output-actions").hidden = id !== "show-output";
      byId("logs-actions").hidden = id !== "show-logs";
      byId("code-actions").hidden = id !== "show-code";
      if (id === "show-logs" && this.isShown) this.logs.follow();
      else this.logs.rest();
    });
    byId("restart-kernel").addEventListener("click", () => actions.restartKernel());
    // An app that has died for good says so to whoever frames it.
    addEventListener("message", ({ source, data }) => {
      if (source !== this.#frame.contentWindow || data?.type !== "app_stopped") return;
      actions.stopped(String(data.reason ?? "").slice(0, 500));
    });
    byId("reload").addEventListener("click", () => this.preview(this.#url, this.#framework));
    this.#frame.addEventListener("load", () => {
      this.#frame.classList.add("loaded");
      this.#placeholder.hidden = Boolean(this.#url);
    });
    copyOnClick(byId("copy-link"), () => this.#url);
    copyOnClick(byId("copy-code"), () => this.#code);
    byId("edit-code").addEventListener("click", () => actions.edit(this.#code));
  }

  get isShown() {
    return !byId("result").hidden;
  }

  /** Shows the panel with one of its views: `preview`, `output`, `logs` or `code`. */
  show(view) {
    byId("result").hidden = false;
    byId("workbench").dataset.result = "shown";
    this.#select(`show-${view}`);
  }

  hide() {
    byId("result").hidden = true;
    delete byId("workbench").dataset.result;
    this.preview(null);
    this.code("");
    this.output.clear();
    this.logs.of(null);
    this.revisions(null);
  }

  /** Frames the app at this address; `null` says that there is none. */
  preview(url, framework, reason = "The app appears here once it answers.") {
    this.#url = url;
    this.#framework = framework;
    this.#frame.hidden = !url;
    this.#frame.classList.remove("loaded");
    this.#placeholder.hidden = false;
    this.#placeholder.textContent = url ? "Loading the app …" : reason;
    byId("preview-actions").hidden = !url;
    if (url) {
      byId("open").href = url;
      this.#frame.src = framework === "streamlit" ? embedded(url) : url;
    } else {
      this.#frame.removeAttribute("src");
    }
  }

  /** Loads the app's page again, as the button does. */
  reload() {
    this.preview(this.#url, this.#framework);
  }

  get hasPreview() {
    return Boolean(this.#url);
  }

  code(code = this.#code) {
    this.#code = code;
    this.#draft = null;
    byId("code").replaceChildren(highlighted(code));
  }

  /** Shows a further piece of a program that is being written, where no app is to be seen yet. */
  write(piece) {
    const isFirst = this.#draft === null;
    const isDrawn = !isFirst && this.#draft.isDrawn;
    this.#draft = { text: (isFirst ? "" : this.#draft.text) + piece, isDrawn: false };
    if (isFirst && !this.hasPreview) this.show("code");
    if (!isFirst && !isDrawn) return;
    // Tokens come faster than they can be seen.
    requestAnimationFrame(() => {
      if (!this.#draft) return;
      this.#draft.isDrawn = true;
      const page = byId("code");
      page.textContent = this.#draft.text.replace(/^```.*\n?/gm, "");
      page.parentElement.scrollTop = page.parentElement.scrollHeight;
    });
  }

  /** What was written is whole, or given up. */
  endWriting() {
    this.#draft = null;
  }

  /** Lists the versions of a session's app; `chosen` is the one whose program is shown. */
  revisions(session, chosen = session?.revision) {
    const root = byId("revisions");
    const known = session?.revisions ?? [];
    if (!known.length) {
      root.replaceChildren();
      return;
    }
    this.logs.of(session.session_id);
    const live = session.url ? session.revision : null;
    const options = known.toReversed().map(({ revision, status }) => {
      const state = revision === live ? " · live" : status === "broken" ? " · broken" : "";
      return element("option", {
        value: revision,
        textContent: `v${revision}${state}`,
        selected: revision === chosen,
      });
    });
    const choice = element("select", { attributes: { "aria-label": "Version" } }, ...options);
    const start = element("button", {
      type: "button",
      className: "quiet",
      dataset: { testid: "restart-app" },
    });
    const isLive = () => Number(choice.value) === live;
    const name = () => {
      start.textContent = isLive() ? "Restart" : "Make live";
      start.title = isLive() ? "Start the app again at its address" : "Start this version as the live app";
    };
    name();
    choice.addEventListener("change", () => {
      name();
      this.actions.open(Number(choice.value));
    });
    start.addEventListener("click", () =>
      isLive() ? this.actions.restartApp() : this.actions.start(this.#code),
    );
    root.replaceChildren(choice, start);
  }
}
