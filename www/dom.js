// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

// The least that building a page by hand needs. Text is always text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
  return node;
}

/** h("p", {class: "note"}, "text", otherNode): an element. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** A table: head is an array of titles, rows of arrays of cells; {number: [1, 2]} aligns those columns. */
export function table(caption, head, rows, { number = [] } = {}) {
  const cell = (tag, i, content, more) => h(tag, { class: number.includes(i) ? "number" : null, ...more }, content);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("thead", {}, h("tr", {}, head.map((t, i) => cell("th", i, t, { scope: "col" })))),
      h("tbody", {}, rows.map((r) => h("tr", {}, r.map((c, i) => cell("td", i, c)))))));
}

/** "2026-11-22T03:35:00.000000Z" as the reader's clock shows it; the date only when it is not today. */
export function when(time) {
  const d = new Date(time);
  if (Number.isNaN(d.getTime())) return time ?? "";
  const clock = d.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return d.toDateString() === new Date().toDateString() ? clock : `${d.toLocaleDateString()} ${clock}`;
}

export function time(text) {
  return h("time", { datetime: text, title: text }, when(text));
}

export function count(n) {
  return Number(n ?? 0).toLocaleString();
}
