// What a program printed and displayed, as it arrives.

import { byId, element } from "./dom.js";

const SHOWN_CHARACTERS = 200_000;

export class Output {
  #root = byId("output");
  #last = null;
  #characters = 0;

  clear() {
    this.#root.replaceChildren();
    this.#last = null;
    this.#characters = 0;
  }

  /** Adds what was written to `stdout` or `stderr`. */
  text(stream, text) {
    if (this.#characters > SHOWN_CHARACTERS) return;
    this.#characters += text.length;
    if (this.#last?.dataset.stream !== stream) {
      this.#last = element("pre", { className: "stream", dataset: { stream } });
      this.#add(this.#last);
    }
    this.#last.append(text);
    if (this.#characters > SHOWN_CHARACTERS) this.note("The rest of the output is left out here.");
    this.#follow();
  }

  /** Adds a displayed value: one of E2B's result objects. */
  result(result) {
    this.#last = null;
    this.#add(element("div", { className: "value", dataset: { testid: "result" } }, rendered(result)));
    this.#follow();
  }

  note(text) {
    this.#last = null;
    this.#add(element("p", { className: "placeholder", textContent: text }));
  }

  get isEmpty() {
    return !this.#root.firstChild;
  }

  #add(child) {
    this.#root.append(child);
  }

  #follow() {
    this.#root.scrollTop = this.#root.scrollHeight;
  }
}

/** The best of a value's representations that this page can draw. */
function rendered(result) {
  const title = result.chart?.title ?? "Plot";
  if (result.png) return image(`data:image/png;base64,${result.png}`, title, "png");
  if (result.jpeg) return image(`data:image/jpeg;base64,${result.jpeg}`, title, "jpg");
  if (result.svg) return image(`data:image/svg+xml,${encodeURIComponent(result.svg)}`, title, "svg");
  const html = withoutStylesAndScripts(result.html ?? "");
  const isEmpty = !html.replaceAll(/<[^>]*>/g, "").trim() && !html.includes("<img");
  if (isInteractive(result) || (result.html && isEmpty)) {
    return element(
      "p",
      { className: "placeholder" },
      "An interactive figure. It is drawn in an app: show it with Streamlit or with ",
      element("code", { textContent: "gr.Plot(figure)" }),
      ".",
    );
  }
  if (html) return frame(html);
  const text =
    result.markdown ??
    result.text ??
    result.latex ??
    JSON.stringify(result.json ?? result.data ?? result.extra ?? result, null, 2);
  return element("pre", { textContent: text });
}

/** Plotly's and Altair's figures are drawn by scripts, and a program's scripts do not run in this page. */
const isInteractive = ({ extra }) => Object.keys(extra ?? {}).some((type) => /plotly|vega/.test(type));

function image(source, title, extension) {
  const picture = element("img", { src: source, alt: title });
  const save = element("a", {
    href: source,
    download: `plot.${extension}`,
    className: "quiet",
    textContent: "Save image",
  });
  return element("figure", {}, picture, element("figcaption", {}, save));
}

/** What the frame would refuse, and log: our content security policy, which it inherits, allows neither. */
function withoutStylesAndScripts(html) {
  const inert = html.replaceAll(/<(style|script)\b[^]*?<\/\1\s*>/gi, "");
  return inert.replaceAll(/\s(style|on\w+)=("[^"]*"|'[^']*')/gi, "");
}

/**
 * A program's HTML is not ours: it stands in a frame that runs no scripts.
 * Without scripts the same origin lets us measure its height, and lets it do nothing.
 */
function frame(html) {
  const style = document.body.dataset.frameStyle;
  const made = element("iframe", {
    title: "Displayed HTML",
    className: "html",
    attributes: { sandbox: "allow-same-origin" },
  });
  made.srcdoc = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="${style}"><body>${html}`;
  made.addEventListener("load", () => {
    made.style.height = `${Math.min(made.contentDocument.documentElement.scrollHeight + 2, 600)}px`;
  });
  return made;
}
