// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

// The page: lays out the panels, asks for their data, hands them the live events.

import { h, when } from "./dom.js";
import panels from "./panels.js";
import { get, logOut, token } from "./session.js";
import { Stream } from "./stream.js";

const REFRESH = 1000; // milliseconds between two questions of one panel, however many events come
const THEMES = ["auto", "light", "dark"];

class Frame {
  constructor(panel) {
    this.panel = panel;
    this.body = h("div", { class: "body" });
    this.note = h("p", { class: "problem", role: "status" });
    this.section = h("section", { id: panel.name, class: panel.wide ? "wide" : null,
      "aria-labelledby": `${panel.name}-title` },
      h("h2", { id: `${panel.name}-title` }, panel.title), this.note, this.body);
    this.asking = false;
    this.again = false;
    this.asked = 0;
    this.timer = null;
  }

  start() {
    this.panel.start?.(this.body, this);
    this.refresh();
    if (this.panel.every) setInterval(() => document.hidden || this.refresh(), this.panel.every * 1000);
  }

  /** Asks for the data, soon: what comes in between is one question. */
  refresh() {
    if (!this.panel.render || this.timer !== null) return;
    if (this.asking) {
      this.again = true;
      return;
    }
    this.timer = setTimeout(() => this.ask(), Math.max(0, this.asked + REFRESH - Date.now()));
  }

  async ask() {
    this.timer = null;
    this.asking = true;
    this.asked = Date.now();
    try {
      const query = new URLSearchParams(this.panel.query?.(this.body) ?? {}).toString();
      const data = await get(`api/dashboard/${this.panel.name}${query ? `?${query}` : ""}`);
      this.panel.render(this.body, data, this);
      this.note.textContent = "";
    } catch (error) {
      this.note.textContent = error instanceof TypeError ? "The notifier is away." : error.message;
    }
    this.asking = false;
    if (this.again) {
      this.again = false;
      this.refresh();
    }
  }

  event(event) {
    this.panel.event?.(this.body, event, this);
    if (this.panel.topics?.some((t) => event.type === t || (t.endsWith(".*") && event.type.startsWith(t.slice(0, -1)))))
      this.refresh();
  }
}

function showState(state) {
  const words = { connecting: "connecting", live: "live", away: "connection lost, trying again" };
  const node = document.getElementById("state");
  node.dataset.state = state;
  node.textContent = words[state];
}

function startTheme() {
  const button = document.getElementById("theme");
  const show = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    localStorage.setItem("lonja-theme", theme);
  };
  let theme = localStorage.getItem("lonja-theme") ?? "auto";
  show(theme);
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    show(theme);
  });
}

function start() {
  const frames = panels.map((p) => new Frame(p));
  const leave = document.getElementById("leave");
  startTheme();
  leave.hidden = !token();
  leave.addEventListener("click", logOut);
  document.getElementById("panels").append(...frames.map((f) => f.section));
  frames.forEach((f) => f.start());
  let live = false;
  new Stream({
    event: (event) => {
      document.getElementById("last").textContent = `event ${event.offset}, ${when(event.time)}`;
      frames.forEach((f) => f.event(event));
    },
    gap: () => frames.forEach((f) => f.panel.gap?.(f.body, f)),
    state: (state) => {
      showState(state);
      if (state === "live" && !live) frames.forEach((f) => f.refresh());
      live = state === "live";
    },
  }).open();
}

start();
