// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

import { count, h, table } from "./dom.js";

function badge(state) {
  return h("span", { class: "badge", "data-state": state }, state);
}

function daemons(data) {
  if (data.daemons === null) return [h("p", { class: "note" }, "There is no systemd to ask about the daemons.")];
  return [table("Daemons", ["Daemon", "State"], data.daemons.map((d) => [d.name, badge(d.state)]))];
}

function queues(data) {
  if (data.broker === "down") return [h("p", { class: "note" }, "The broker is ", badge("down"))];
  return [table("Queues", ["Queue", "Waiting", "Consumers"],
    data.queues.map((q) => [q.name, count(q.messages), count(q.consumers)]), { number: [1, 2] })];
}

export default {
  name: "system",
  title: "Daemons and queues",
  every: 10,

  render(body, data) {
    body.replaceChildren(...daemons(data), ...queues(data));
  },
};
