// The caller's sessions: open one, or delete it.

import * as api from "./api.js";
import { announce, byId, element } from "./dom.js";

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** `in 3 days`, `2 hours ago`. */
export function relative(time) {
  const distance = new Date(time) - Date.now();
  const [unit, length] = UNITS.find(([, length]) => Math.abs(distance) >= length) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(distance / length), unit);
}

export class Sessions {
  #list = byId("sessions");
  #more = byId("more-sessions");
  #next = null;
  #open = null;

  /** `onDeleted` hears the id of a session that is gone. */
  constructor(onDeleted) {
    this.onDeleted = onDeleted;
    this.#more.addEventListener("click", () => this.#load(this.#next));
  }

  /** Reads the list again, and marks the session that is open. */
  refresh(open) {
    this.#open = open;
    return this.#load(0);
  }

  async #load(offset) {
    try {
      const page = await api.sessions(offset);
      const lines = page.sessions.map((session) => this.#line(session));
      if (offset === 0) this.#list.replaceChildren();
      this.#list.append(...lines);
      this.#next = page.next_offset;
      this.#more.hidden = page.next_offset === null;
      if (!this.#list.children.length)
        this.#say(
          "None yet. What you build or run is listed here, and stays for 72 hours after its last use.",
        );
    } catch (error) {
      this.#say(`The list cannot be read: ${error.message}`);
    }
  }

  #say(text) {
    this.#list.replaceChildren(element("li", { className: "placeholder", textContent: text }));
  }

  #line(session) {
    const id = session.session_id;
    const title =
      session.title ||
      (session.framework ? `A ${session.framework === "gradio" ? "Gradio" : "Streamlit"} app` : "Python");
    const life =
      session.status === "expired"
        ? `expired ${relative(session.expires_at)}`
        : `expires ${relative(session.expires_at)}`;
    const link = element("a", { href: `#session=${id}`, textContent: title });
    if (id === this.#open) link.setAttribute("aria-current", "true");
    const remove = element("button", {
      type: "button",
      className: "quiet danger",
      textContent: "Delete",
      attributes: { "aria-label": `Delete ${title}` },
    });
    remove.addEventListener("click", () => this.#delete(id, title, remove));
    return element(
      "li",
      { dataset: { testid: "session", session: id } },
      element("span", {
        className: "badge",
        dataset: { state: session.status },
        textContent: session.status,
      }),
      element(
        "span",
        { className: "title" },
        link,
        element("span", {
          className: "facts",
          textContent: life,
          title: new Date(session.expires_at).toLocaleString(),
        }),
      ),
      remove,
    );
  }

  async #delete(id, title, button) {
    if (!confirm(`Delete “${title}”? Its app ends, and its versions are gone.`)) return;
    button.disabled = true;
    try {
      await api.deleteSession(id);
      announce(`${title} is deleted`);
      this.onDeleted(id);
    } catch (error) {
      button.disabled = false;
      alert(`It was not deleted: ${error.message}`);
    }
  }
}
