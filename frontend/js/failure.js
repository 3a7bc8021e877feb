// The card of a failure: what happened in a sentence, the traceback one click away, and what to do next.

import { byId, element } from "./dom.js";

const CAUSES = {
  timeout: "The program took too long",
  out_of_memory: "The program ran out of memory",
  killed: "The program was ended",
  disk_full: "The program wrote more than it may",
  too_many_processes: "The program started too many processes",
};

/** What a person can do about a limit: the code is not to blame, so no line of it is shown. */
const WAYS_OUT = {
  timeout: "Do it in smaller steps, or call the route with a larger timeout_seconds (600 at most).",
  out_of_memory: "Load or keep less at a time: fewer columns, fewer rows, smaller types.",
  disk_full: "Delete files that are no longer needed in /home/user and /tmp.",
  too_many_processes: "Start fewer processes and threads at once; restarting the kernel ends those it left.",
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
  if (error.kind === "raised") show(cause, where, error.value, error.traceback, actions);
  else show(cause, null, sentence(error.value), "", actions, WAYS_OUT[error.kind], "limit");
}

/** The live app died and is not started again. */
export function showStopped(reason, actions) {
  show("The app has stopped", null, sentence(reason), "", actions, "", "limit");
}

/** The service failed, or refused the request. */
export function showServiceError(error, actions) {
  const details = [error.code, error.requestId && `request ${error.requestId}`].filter(Boolean).join(" · ");
  show("That did not work", null, sentence(error.message), "", actions, details);
}

function show(cause, where, text, traceback, actions, details, kind = "failure") {
  byId("error").dataset.kind = kind;
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
