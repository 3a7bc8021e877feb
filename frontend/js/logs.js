// What the live app writes, as it grows. It is followed only while somebody looks at it.

import * as api from "./api.js";
import { byId, copyOnClick, element } from "./dom.js";

/** Older text leaves the panel: the route has the rest. */
const SHOWN_CHARACTERS = 200_000;
const AGAIN_MS = 2_000;
/** The launcher's own lines begin so. */
const OURS = "[conductor] ";

export class Logs {
  #root = byId("logs");
  #session = null;
  #following = null;

  constructor() {
    copyOnClick(byId("copy-logs"), () => this.#root.textContent);
  }

  /** Whose log it is; `null` forgets it. */
  of(session) {
    if (session === this.#session) return;
    const isFollowed = Boolean(this.#following);
    this.rest();
    this.#session = session;
    this.#root.replaceChildren();
    if (isFollowed && session) this.follow();
  }

  /** Follows the log until `rest` is called; a log that ends with its app is asked for again. */
  async follow() {
    if (this.#following) return;
    if (!this.#session) {
      this.#say("There is no app yet: what one writes stands here.");
      return;
    }
    const following = new AbortController();
    this.#following = following;
    while (this.#following === following) {
      let isFirst = true;
      try {
        const onEvent = (type, data) => {
          if (type !== "logs" || this.#following !== following) return;
          if (isFirst) this.#root.replaceChildren();
          isFirst = false;
          this.#add(data.text);
        };
        const done = await api.follow(`/session/${this.#session}/logs`, onEvent, following.signal);
        if (this.#following !== following) return;
        if (done.notices.length) this.#add(`\n${OURS}${done.notices.join("; ")}\n`);
        if (!this.#root.textContent) this.#say("The app has written nothing so far.");
        if (done.notices.length) break;
      } catch (error) {
        if (error.name === "AbortError") return;
        this.#say(`The log cannot be read: ${error.message}`);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    if (this.#following === following) this.#following = null;
  }

  rest() {
    this.#following?.abort();
    this.#following = null;
  }

  #say(text) {
    this.#root.replaceChildren(element("span", { className: "placeholder", textContent: text }));
  }

  /** Whoever has scrolled up to read is left there. */
  #add(text) {
    const root = this.#root;
    const isAtEnd = root.scrollHeight - root.scrollTop - root.clientHeight < 40;
    root.querySelector(".placeholder")?.remove();
    for (const line of text.split(/(?<=\n)/)) {
      root.append(line.startsWith(OURS) ? element("span", { className: "ours", textContent: line }) : line);
    }
    root.normalize();
    while (root.textContent.length > SHOWN_CHARACTERS && root.childNodes.length > 1) root.firstChild.remove();
    if (isAtEnd) root.scrollTop = root.scrollHeight;
  }
}
