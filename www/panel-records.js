// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

import { count, h, table, time } from "./dom.js";

export default {
  name: "records",
  title: "Message records",
  topics: ["record.added"],

  render(body, data) {
    const types = Object.entries(data.by_client_type ?? {}), most = Math.max(1, ...types.map(([, n]) => n));
    body.replaceChildren(
      h("p", { class: "big" }, count(data.total)),
      h("dl", { class: "bars" }, types.map(([type, n]) => [
        h("dt", {}, type),
        h("dd", {}, h("meter", { min: 0, max: most, value: n, "aria-label": `${type}: ${n}` }), " ", count(n)),
      ])),
      h("h3", {}, "Newest"),
      table("The newest records", ["Total", "By", "Message", "Added"],
        data.newest.map((r) => [count(r.total), r.client_type, r.message, time(r.created_at)]), { number: [0] }));
  },
};
