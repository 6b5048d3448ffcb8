// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

import { h, s, table, time } from "./dom.js";

// What fired lately: one line for each schedule, one mark for each firing where it lies in time; as a table below, since
// a picture tells nothing to a screen reader.

const WIDTH = 600, LEFT = 130, LINE = 22;
const MARKS = { succeeded: "●", failed: "✕", skipped: "○", missed: "○", expired: "✕", cancelled: "○" };

let figure, coming, lately;

function span(ms) {
  if (ms === null || ms === undefined) return "";
  return ms < 10000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function tell(f) {
  const late = f.late_ms === null ? "" : `, ${span(f.late_ms)} late`;
  const took = f.duration_ms === null ? "" : `, took ${span(f.duration_ms)}`;
  return `${f.schedule} at ${f.at}: ${f.state}${late}${took}${f.result ? `: ${f.result}` : ""}`;
}

function picture(firings) {
  const names = [...new Set(firings.map((f) => f.schedule))].sort();
  const times = firings.map((f) => Date.parse(f.at));
  const first = Math.min(...times), length = Math.max(1, Math.max(...times) - first);
  const y = (name) => names.indexOf(name) * LINE + LINE / 2 + 4;
  const x = (at) => LEFT + ((Date.parse(at) - first) / length) * (WIDTH - LEFT - 20);

  return s("svg", { viewBox: `0 0 ${WIDTH} ${names.length * LINE + 8}`, role: "img", class: "chart",
    "aria-label": `${firings.length} firings of ${names.length} schedules` },
    names.map((name) => s("g", { class: "tick" },
      s("text", { x: 0, y: y(name) + 4 }, name.slice(0, 18)),
      s("line", { x1: LEFT, x2: WIDTH - 10, y1: y(name), y2: y(name) }))),
    firings.map((f) => s("text", { class: "axis", x: x(f.at), y: y(f.schedule) + 4, "text-anchor": "middle" },
      MARKS[f.state] ?? "◌", s("title", {}, tell(f)))));
}

export default {
  name: "schedules",
  title: "Schedules",
  wide: true,
  topics: ["schedule.*"],
  every: 30,

  start(body) {
    figure = h("figure");
    coming = h("div");
    lately = h("div");
    body.append(figure, h("h3", {}, "Next"), coming, h("h3", {}, "Fired lately"), lately);
  },

  render(body, data) {
    figure.replaceChildren(...(data.firings.length === 0
      ? [h("figcaption", {}, "Nothing has fired yet.")]
      : [h("figcaption", {}, "● succeeded ✕ failed ○ left out ◌ on its way"), picture(data.firings)]));
    coming.replaceChildren(table("Schedules by their next time", ["Schedule", "Task", "Next"], data.schedules.map((one) => [
      one.name, one.task, one.next_time ? time(one.next_time) : one.paused ? "paused" : "never"])));
    lately.replaceChildren(table("The last firings", ["Schedule", "Time", "State", "Late", "Took", "Result"],
      data.firings.slice(-10).reverse().map((f) => [
        f.schedule, time(f.at), f.state, span(f.late_ms), span(f.duration_ms), f.result ?? ""]), { number: [3, 4] }));
  },
};
