// The card of a failure: what happened in a sentence, the traceback one click away, and what to do next.

import { byId, element } from "./dom.js";

const CAUSES = {
  timeout: "The program took too long",
  out_of_memory: "The program ran out of memory",
  killed: "The program was ended",
  disk_full: "The program wrote more than it may",
  too_many_processes: "The program started too many processes",
};

/** IPython rules off its tracebacks by a line, and E2B's protocol joins their first parts without a break. */
const readable = (traceback) =>
  traceback.replace(/^-{20,}\s*/, "").replace(/(\(most recent call last\))(?=\S)/, "$1\n");

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function hideFailure() {
  byId("error").hidden = true;
  byId("error").replaceChildren();
}

/** The user's program failed: an outcome with a traceback. */
export function showProgramError(error, actions) {
  const cause = CAUSES[error.kind] ?? error.name;
  const where = error.line ? `line ${error.line}` : null;
  const text = error.kind === "raised" ? error.value : [error.name, error.value].filter(Boolean).join(": ");
  show(cause, where, text, error.traceback, actions);
}

/** The service failed, or refused the request. */
export function showServiceError(error, actions) {
  const details = [error.code, error.requestId && `request ${error.requestId}`].filter(Boolean).join(" · ");
  show("That did not work", null, sentence(error.message), "", actions, details);
}

function show(cause, where, text, traceback, actions, details) {
  const head = element(
    "p",
    { className: "cause" },
    element("strong", { textContent: cause }),
    where ? element("span", { className: "facts", textContent: where }) : null,
  );
  const buttons = Object.entries(actions ?? {}).map(([label, act]) => {
    const button = element("button", { type: "button", className: "quiet", textContent: label });
    button.addEventListener("click", act);
    return button;
  });
  const trace = traceback
    ? element(
        "details",
        { dataset: { testid: "traceback" } },
        element("summary", { textContent: "Traceback" }),
        element("pre", { tabIndex: 0, textContent: readable(traceback) }),
      )
    : null;
  byId("error").replaceChildren(
    head,
    text ? element("p", { className: "reason", textContent: text }) : "",
    details ? element("p", { className: "facts", textContent: details }) : "",
    trace ?? "",
    buttons.length ? element("div", { className: "buttons" }, ...buttons) : "",
  );
  byId("error").hidden = false;
}
