// The card that shows how far the work is: one line for each step, with its time.

import { byId, element } from "./dom.js";

const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export class Steps {
  #card = byId("status");
  #list = byId("steps");
  #current = null;
  #begun = 0;
  #ticking = 0;

  begin(label) {
    this.#list.replaceChildren();
    this.#current = null;
    this.#begun = performance.now();
    this.#show("working");
    this.next(label);
    clearInterval(this.#ticking);
    this.#ticking = setInterval(() => this.#tick(), 100);
  }

  /** The step before is done, and this one begins. */
  next(label) {
    this.#finish("done");
    // The time changes all the while, so it is not read out.
    const time = element("span", { className: "time", attributes: { "aria-hidden": "true" } });
    const line = element(
      "li",
      { dataset: { state: "working" } },
      element("span", { textContent: sentence(label) }),
      time,
    );
    this.#list.append(line);
    this.#current = { line, time, begun: performance.now() };
    this.#tick();
  }

  done(label) {
    this.#end("done", label);
  }

  failed(label) {
    this.#end("failed", label);
  }

  hide() {
    clearInterval(this.#ticking);
    this.#card.hidden = true;
    this.#card.dataset.state = "idle";
  }

  #end(state, label) {
    clearInterval(this.#ticking);
    this.#finish(state);
    const total = element("span", {
      className: "time",
      textContent: seconds(performance.now() - this.#begun),
    });
    this.#list.append(
      element(
        "li",
        { dataset: { state }, className: "total" },
        element("span", { textContent: label }),
        total,
      ),
    );
    this.#show(state);
  }

  #show(state) {
    this.#card.hidden = false;
    this.#card.dataset.state = state;
  }

  #tick() {
    if (this.#current) this.#current.time.textContent = seconds(performance.now() - this.#current.begun);
  }

  #finish(state) {
    this.#tick();
    if (this.#current) this.#current.line.dataset.state = state;
    this.#current = null;
  }
}
