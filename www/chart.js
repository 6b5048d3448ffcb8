// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

// Charts, drawn by hand as SVG.

import { s, when } from "./dom.js";

const W = 640, H = 220, LEFT = 56, RIGHT = 12, TOP = 12, BOTTOM = 28;

/** About n round numbers from low to high. */
function ticks(low, high, n) {
  const raw = (high - low) / n || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((v) => v >= raw);
  const values = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) values.push(v);
  return values;
}

/** A step line through [{x: milliseconds, y: number, label: text}], in order of time; a value holds until the next. */
export function steps(points, { label, until = Date.now() }) {
  const xs = points.map((p) => p.x), ys = points.map((p) => p.y);
  const x0 = Math.min(...xs), x1 = Math.max(until, x0 + 1000);
  const low = Math.min(...ys), high = Math.max(...ys), room = (high - low) * 0.1 || Math.abs(high) * 0.1 || 1;
  const y0 = Math.max(0, low - room), y1 = high + room;
  const x = (v) => LEFT + ((v - x0) / (x1 - x0)) * (W - LEFT - RIGHT);
  const y = (v) => H - BOTTOM - ((v - y0) / (y1 - y0)) * (H - TOP - BOTTOM);
  const last = points[points.length - 1];
  const path = points.map((p, i) => (i === 0 ? `M${x(p.x)} ${y(p.y)}` : `H${x(p.x)}V${y(p.y)}`)).join("");

  return s("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label, class: "chart" },
    ticks(y0, y1, 4).map((v) => s("g", { class: "tick" },
      s("line", { x1: LEFT, x2: W - RIGHT, y1: y(v), y2: y(v) }),
      s("text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" }, v.toFixed(2)))),
    s("text", { class: "axis", x: LEFT, y: H - 8 }, when(new Date(x0).toISOString())),
    s("text", { class: "axis", x: W - RIGHT, y: H - 8, "text-anchor": "end" }, when(new Date(x1).toISOString())),
    s("path", { class: "line", d: `${path}H${x(x1)}` }),
    points.map((p) => s("circle", { cx: x(p.x), cy: y(p.y), r: 3 }, s("title", {}, p.label))),
    s("circle", { class: "now", cx: x(x1), cy: y(last.y), r: 4 }));
}
