// Elements, made and found. Text is always set as text: what people and programs write is never markup.

/** The element with this id, which index.html has. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element. `properties` are set as properties, but `dataset` and `attributes` entry by entry;
 * children are elements or text.
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const { dataset = {}, attributes = {}, ...rest } = properties;
  Object.assign(made, rest);
  Object.assign(made.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Says a short sentence to screen readers. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** A button that copies what `text()` gives, and says that it did. */
export function copyOnClick(button, text) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const copied = await copy(text());
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    announce(copied ? "copied" : "select the text and copy it by hand");
    setTimeout(() => (button.textContent = label), 1600);
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS browsers give the clipboard to pages on localhost only; the old way still works.
    const area = element("textarea", { value: text, className: "unseen" });
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

/** Makes a row of tabs work by mouse and by arrow keys; `select(id)` shows one of them. */
export function tabs(ids, onSelect = () => {}) {
  const all = ids.map(byId);
  const select = (id) => {
    for (const tab of all) {
      const isSelected = tab.id === id;
      tab.setAttribute("aria-selected", String(isSelected));
      tab.tabIndex = isSelected ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = !isSelected;
    }
    onSelect(id);
  };
  all.forEach((tab, at) => {
    tab.addEventListener("click", () => select(tab.id));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = all[(at + step + all.length) % all.length];
      select(next.id);
      next.focus();
    });
  });
  select(ids[0]);
  return select;
}
