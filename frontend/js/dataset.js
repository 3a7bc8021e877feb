// The attached CSV file: it is sent as soon as it is chosen, and its card shows what was found in it.

import * as api from "./api.js";
import { announce, byId, element } from "./dom.js";
import { histogram } from "./histogram.js";

const LARGEST = 50 * 1024 * 1024;
const PREVIEW_ROWS = 5;
const TYPES = {
  integer: "123",
  number: "1.5",
  text: "abc",
  boolean: "yes/no",
  date: "date",
  datetime: "time",
};
const DELIMITERS = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars" };

const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const inKilobytes = bytes / 1024;
  return inKilobytes < 1024 ? `${Math.round(inKilobytes)} KB` : `${(inKilobytes / 1024).toFixed(1)} MB`;
}

export class Dataset {
  #card = byId("dataset");
  #upload = null;
  #known = null;

  /** `onChange` hears that a file came or went. */
  constructor(onChange) {
    this.onChange = onChange;
    const input = byId("file");
    byId("attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files.length) this.attach(input.files[0]);
      input.value = "";
    });
    this.#acceptDrops();
  }

  get isAttached() {
    return Boolean(this.#upload || this.#known);
  }

  /** A prompt for somebody who attached a file and wrote nothing. */
  get defaultPrompt() {
    const name = this.#known?.file_name.replace(/\.csv$/i, "").replaceAll(/[-_]+/g, " ");
    return `A dashboard of ${name}`;
  }

  /** The id, once the file has arrived; `null` without a file. */
  async id() {
    if (this.#upload) await this.#upload.done;
    return this.#known?.dataset_id ?? null;
  }

  async attach(file) {
    this.detach();
    if (file.size > LARGEST) {
      this.#fail(file.name, `it has ${size(file.size)}, the most is ${size(LARGEST)}: send a part of it`);
      return;
    }
    const progress = element("progress", {
      max: 1,
      value: 0,
      attributes: { "aria-label": `sending ${file.name}` },
    });
    const facts = element("span", { className: "facts", textContent: `${size(file.size)}, reading …` });
    this.#render(file.name, facts, progress);
    const upload = api.upload(file, (part) => (progress.value = part));
    this.#upload = upload;
    this.onChange();
    try {
      const found = await upload.done;
      if (this.#upload === upload) this.show(found);
    } catch (error) {
      if (this.#upload !== upload) return;
      this.#fail(file.name, error.message);
    }
  }

  /** Shows a dataset that the service has. */
  show(found) {
    this.#upload = null;
    this.#known = found;
    const { rows, columns, dialect } = found.profile;
    const separated = DELIMITERS[dialect.delimiter] ? ` · ${DELIMITERS[dialect.delimiter]}` : "";
    const facts = `${count(rows, "row")} · ${count(columns.length, "column")} · ${size(found.bytes)}${separated}`;
    this.#render(
      found.file_name,
      element("span", { className: "facts", textContent: facts }),
      element(
        "ul",
        { className: "columns", attributes: { "aria-label": "Columns" } },
        ...columns.map(columnChip),
      ),
      ...found.notices.map((notice) => element("p", { className: "notice", textContent: notice })),
      previewTable(found.preview, rows),
    );
    announce(`${found.file_name}: ${facts}`);
    this.onChange();
  }

  detach() {
    this.#upload?.cancel();
    this.#upload = null;
    this.#known = null;
    this.#card.hidden = true;
    this.#card.replaceChildren();
    this.onChange();
  }

  #fail(name, reason) {
    this.#upload = null;
    this.#known = null;
    this.#render(
      name,
      element("p", { className: "reason", textContent: reason, attributes: { role: "alert" } }),
    );
    this.onChange();
  }

  #render(name, ...details) {
    const remove = element("button", {
      type: "button",
      className: "remove",
      textContent: "×",
      title: "Remove the file",
    });
    remove.setAttribute("aria-label", `Remove ${name}`);
    remove.addEventListener("click", () => {
      this.detach();
      byId("attach").focus();
    });
    this.#card.replaceChildren(
      element("div", { className: "name" }, element("strong", { textContent: name }), remove),
      ...details,
    );
    this.#card.hidden = false;
  }

  /** A file may be dropped anywhere on the page. */
  #acceptDrops() {
    const veil = byId("drop");
    let depth = 0;
    const hasFile = (event) => event.dataTransfer?.types.includes("Files");
    const move = (event, step) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      depth = Math.max(0, depth + step);
      veil.hidden = depth === 0;
    };
    addEventListener("dragenter", (event) => move(event, 1));
    addEventListener("dragleave", (event) => move(event, -1));
    addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
    addEventListener("drop", (event) => {
      if (!hasFile(event)) return;
      move(event, -depth);
      const [file] = event.dataTransfer.files;
      byId("tab-build").click();
      if (file) this.attach(file);
    });
  }
}

function columnChip(column) {
  const details = [
    count(column.distinct, "different value"),
    column.missing ? `${column.missing.toLocaleString("en")} missing` : "none missing",
  ];
  if (column.min !== undefined) details.push(`${column.min} to ${column.max}`);
  if (column.quantiles) details.push(median(column.quantiles));
  const type = element("span", { className: "type", textContent: TYPES[column.type] ?? column.type });
  return element(
    "li",
    { title: `${column.name}: ${details.join(", ")}` },
    type,
    element("span", { textContent: column.name }),
    column.histogram && column.quantiles ? drawing(column) : null,
  );
}

const median = ({ exact, p50 }) => `median ${exact ? "" : "about "}${p50}`;

const drawing = ({ histogram: { counts }, min, max, quantiles }) =>
  histogram(counts, `${min} to ${max}, ${median(quantiles)}`);

function previewTable(preview, rows) {
  const shown = preview.rows.slice(0, PREVIEW_ROWS);
  const head = element(
    "tr",
    {},
    ...preview.columns.map((name) => element("th", { textContent: name, scope: "col" })),
  );
  const body = shown.map((row) =>
    element("tr", {}, ...row.map((cell) => element("td", { textContent: cell }))),
  );
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  const summary = element("summary", { textContent: `First ${Math.min(shown.length, rows)} rows` });
  const scroller = element(
    "div",
    { className: "scroller", tabIndex: 0, attributes: { role: "region", "aria-label": "First rows" } },
    table,
  );
  return element("details", {}, summary, scroller);
}
