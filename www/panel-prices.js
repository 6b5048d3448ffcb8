// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

import { steps } from "./chart.js";
import { h, table, time } from "./dom.js";

let input, figure, changed;

export default {
  name: "prices",
  title: "Price of a product",
  topics: ["product.*"],

  start(body, frame) {
    input = h("input", { name: "code", placeholder: "the last that changed", autocomplete: "off", maxlength: 64,
      spellcheck: "false" });
    figure = h("figure");
    changed = h("div");
    body.append(
      h("form", { onsubmit: (e) => { e.preventDefault(); frame.refresh(); } },
        h("label", {}, "Code ", input), h("button", {}, "Show")),
      figure, h("h3", {}, "Changed lately"), changed);
  },

  query() {
    return input.value.trim() ? { code: input.value.trim() } : {};
  },

  render(body, data, frame) {
    const points = (data.points ?? []).map((p) => ({ x: Date.parse(p.at), y: Number(p.selling_price),
      label: `${p.selling_price} at ${p.at}` }));
    const last = data.points?.at(-1);
    figure.replaceChildren(...(points.length === 0
      ? [h("figcaption", {}, input.value.trim() ? "There is no such product." : "There is no product yet.")]
      : [h("figcaption", {}, `${data.code}: ${data.description}, now `, h("strong", {}, last.selling_price)),
        steps(points, { label: `Selling price of ${data.code}: ${points.length} prices, now ${last.selling_price}` })]));
    changed.replaceChildren(table("Products that changed lately", ["Code", "Description", "Price", "Changed"],
      data.changed.map((p) => [
        h("button", { type: "button", class: "link", onclick: () => { input.value = p.code; frame.refresh(); } }, p.code),
        p.description, p.selling_price, time(p.updated_at)]), { number: [2] }));
  },
};
