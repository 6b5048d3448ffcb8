// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

import { count, h, table, time } from "./dom.js";

const ORDER = ["queued", "running", "done", "failed", "expired", "cancelled", "parked"];

function result(c) {
  return c.value ?? (c.error ? `${c.error.type.replace("urn:lonja:problem:", "")}: ${c.error.detail}` : "");
}

export default {
  name: "calculations",
  title: "Calculations",
  topics: ["calculation.*"],
  every: 10,

  render(body, data) {
    const states = ORDER.filter((s) => data.states[s]).map((s) => `${count(data.states[s])} ${s}`);
    body.replaceChildren(...[
      h("p", {}, states.length ? `Of the last ${count(data.shown)}: ${states.join(", ")}.` : "There is none yet."),
      data.parked > 0 ? h("p", { role: "status" }, `${count(data.parked)} parked: lonja calc parked shows them.`) : null,
      table("The latest calculations", ["Expression", "State", "Result", "Asked"],
        data.latest.map((c) => [c.expression,
          h("span", { class: "badge", "data-state": c.state === "done" ? "up" : c.state }, c.state),
          result(c), time(c.created_at)]))].filter((n) => n !== null));
  },
};
