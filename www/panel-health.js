// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

import { count, h, table, time } from "./dom.js";

function row(title, state, words) {
  return [title, h("span", { class: "badge", "data-state": state }, state), words];
}

function database(data) {
  const waits = data.outbox > 0 && data.outbox_oldest_sec > 5;
  const lag = data.head - data.published;
  return [
    row("Database", "up", `schema ${data.schema}`),
    row("Events", waits ? "late" : "up",
      `${count(data.head - data.first + 1)} kept, newest ${count(data.head)}, ${count(data.outbox)} wait to be logged, ` +
      `${count(lag)} to be published`),
    row("Last event", data.last_event_at ? "up" : "none", data.last_event_at ? time(data.last_event_at) : ""),
  ];
}

function daemons(data) {
  return Object.entries(data.awake).sort().map(([name, since]) =>
    row(name.replace("lonja-", ""), "awake", h("span", {}, "since ", time(since))));
}

export default {
  name: "health",
  title: "Health",
  every: 10,

  render(body, data) {
    body.replaceChildren(table("Health", ["", "State", ""], [...database(data), ...daemons(data)]));
  },
};
