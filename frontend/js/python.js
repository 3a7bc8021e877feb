// Colours for Python: enough to read a program by, not a parser.

import { element } from "./dom.js";

const TOKENS =
  /(?<comment>#[^\n]*)|(?<string>\b[rbfuRBFU]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(?<decorator>@[\w.]+)|(?<keyword>\b(?:False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)\b)|(?<number>\b\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?\b)|(?<name>\b[A-Za-z_]\w*(?=\())/g;

/** The program, cut into text and coloured spans. */
export function highlighted(code) {
  const parts = document.createDocumentFragment();
  let at = 0;
  for (const match of code.matchAll(TOKENS)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    parts.append(
      code.slice(at, match.index),
      element("span", { className: `py-${kind}`, textContent: match[0] }),
    );
    at = match.index + match[0].length;
  }
  parts.append(code.slice(at));
  return parts;
}

/** Lets a text area be used for code: Tab indents, Enter keeps the indentation. */
export function makeEditor(area) {
  let isLeaving = false;
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      // Tab must be able to leave for those who have no mouse.
      isLeaving = true;
    } else if (event.key === "Tab" && !isLeaving && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      if (event.shiftKey) outdent(area);
      else insert(area, "    ");
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      const line = lineBefore(area);
      const deeper = line.trimEnd().endsWith(":") ? "    " : "";
      insert(area, `\n${line.match(/^\s*/)[0]}${deeper}`);
    }
  });
  area.addEventListener("blur", () => (isLeaving = false));
}

const lineBefore = (area) => area.value.slice(0, area.selectionStart).split("\n").pop();

// The old command keeps the browser's undo, which setting the value would lose.
const insert = (area, text) =>
  document.execCommand("insertText", false, text) ||
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");

function outdent(area) {
  const line = lineBefore(area);
  const spaces = Math.min(4, line.match(/^ */)[0].length);
  if (!spaces) return;
  const [start, end] = [area.selectionStart, area.selectionEnd];
  const lineStart = start - line.length;
  area.setSelectionRange(lineStart, lineStart + spaces);
  document.execCommand("delete");
  area.setSelectionRange(Math.max(lineStart, start - spaces), Math.max(lineStart, end - spaces));
}

/** Puts the cursor on a line, from 1, and selects it. */
export function goToLine(area, number) {
  const lines = area.value.split("\n");
  const start = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[number - 1] ?? "").length);
}
