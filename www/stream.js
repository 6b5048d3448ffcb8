// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

// The live stream: a WebSocket that comes back by itself, after the last offset that it has seen.

import { get, login, token } from "./session.js";

const FIRST = 50; // events shown at the start
const WAIT_MIN = 250, WAIT_MAX = 5000; // milliseconds before another attempt
const GOING_AWAY = 1001, REFUSED = 1008, RESTART = 1012;

export class Stream {
  /** on.event(event), on.gap(), on.state("connecting" | "live" | "away") */
  constructor(on) {
    this.on = on;
    this.offset = null;
    this.failures = 0;
  }

  open() {
    const query = this.offset === null ? `last=${FIRST}` : `since=${this.offset}`;
    const url = new URL(`ws?${query}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.on.state("connecting");
    // A browser cannot set Authorization here; a subprotocol is the header that it can.
    this.socket = new WebSocket(url, token() ? ["lonja.v1", `bearer.${token()}`] : ["lonja.v1"]);
    this.socket.onmessage = (m) => this.take(JSON.parse(m.data));
    this.socket.onclose = (e) => this.closed(e.code);
  }

  take(message) {
    if (message.type === "welcome") {
      this.failures = 0;
      this.on.state("live");
      if (!message.recovered) this.on.gap();
      this.offset ??= message.offset;
      if (!message.recovered) this.offset = message.offset;
      return;
    }
    this.offset = message.offset;
    this.on.event(message);
  }

  async closed(code) {
    const asked = code === GOING_AWAY || code === RESTART;
    this.on.state("away");
    if (code === REFUSED) await login();
    // A handshake that failed says nothing to a page; a plain request tells whether a token is wanted.
    else if (!asked && this.failures > 0) await get("api/dashboard/health").catch(() => {});
    const limit = asked ? WAIT_MIN : Math.min(WAIT_MAX, WAIT_MIN * 2 ** this.failures);
    this.failures++;
    setTimeout(() => this.open(), limit * (0.5 + Math.random() / 2));
  }
}
