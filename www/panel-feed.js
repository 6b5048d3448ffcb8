// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

import { h, time } from "./dom.js";

const KEPT = 200;

let list, pause, held = [];

function show(event) {
  list.prepend(h("li", { "data-type": event.type, "data-offset": event.offset },
    time(event.time), h("span", { class: "type" }, event.type), h("span", { class: "text" }, event.text)));
  while (list.children.length > KEPT) list.lastChild.remove();
}

function showHeld() {
  held.forEach(show);
  held = [];
}

function isPaused() {
  return pause.getAttribute("aria-pressed") === "true";
}

export default {
  name: "feed",
  title: "Live",
  wide: true,

  start(body) {
    pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
      pause.setAttribute("aria-pressed", String(!isPaused()));
      pause.textContent = isPaused() ? "Go on" : "Pause";
      if (!isPaused()) showHeld();
    } }, "Pause");
    list = h("ol", { role: "log", "aria-live": "polite", "aria-label": "Events, the newest first", tabindex: "0" });
    body.append(pause, list);
  },

  event(body, event) {
    if (!isPaused()) {
      show(event);
      return;
    }
    held = [...held.slice(1 - KEPT), event];
    pause.textContent = `Go on (${held.length})`;
  },

  gap() {
    list.prepend(h("li", { class: "gap" }, "Some events were missed here: they are no longer kept."));
  },
};
