// A histogram the size of a word.

const SVG = "http://www.w3.org/2000/svg";
/** Where there is anything, it is seen beside the highest bar. */
const LEAST = 0.08;

/** Draws bins as bars side by side; `label` says the same to who does not see them. */
export function histogram(counts, label) {
  const most = Math.max(...counts);
  const top = (count) => (count ? 1 - Math.max(LEAST, count / most) : 1);
  const bars = counts.map((count) => `V${top(count).toFixed(3)}h1`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", `M0 1${bars.join("")}V1Z`);
  const drawing = document.createElementNS(SVG, "svg");
  const attributes = {
    class: "histogram",
    viewBox: `0 0 ${counts.length} 1`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": label,
  };
  for (const [name, value] of Object.entries(attributes)) drawing.setAttribute(name, value);
  drawing.append(path);
  return drawing;
}
