// The state of the parts, in the header; asked at the start, and again when something failed.

import * as api from "./api.js";
import { byId, element } from "./dom.js";

const NAMES = { store: "Store", sandbox: "Sandbox", model: "Model" };

export async function showHealth() {
  const root = byId("health");
  let found;
  try {
    found = await api.health();
  } catch (error) {
    found = { status: "down", conductor: { status: "down", reason: error.message } };
  }
  const { status, ...parts } = found ?? { status: "down" };
  root.dataset.state = status;
  const model = parts.model?.status;
  const down = Object.keys(parts).filter((name) => parts[name].status === "down");
  const working = model === "up" ? "with a model" : model;
  byId("health-summary").textContent =
    status === "up" ? `Ready · ${working}` : `Down: ${down.join(", ") || "Conductor"}`;
  byId("health-parts").replaceChildren(
    ...Object.entries(parts)
      .toSorted(([one], [other]) => Object.keys(NAMES).indexOf(one) - Object.keys(NAMES).indexOf(other))
      .map(([name, part]) => {
        const more = part.reason ?? part.hint;
        return element(
          "li",
          { dataset: { state: part.status === "down" ? "down" : "up" } },
          element("strong", { textContent: NAMES[name] ?? "Conductor" }),
          ` ${part.status}`,
          more ? element("span", { className: "facts", textContent: more }) : null,
        );
      }),
  );
}
