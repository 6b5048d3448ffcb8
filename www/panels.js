// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

// The panels, in the order in which they are shown. Each is an object, the default of its panel-<name>.js:
//
//   name       of the section, and of its data: GET api/dashboard/<name> (a row in src/notifier/panel.c)
//   title      for people
//   wide       true: takes the whole width
//   topics     types of events after which the data is asked for again: ["product.updated", "record.*"]
//   every      seconds after which it is asked for anyway
//   start(body, frame)         once, before anything else: controls; frame.refresh() asks for the data
//   query(body)                parameters of the question, an object
//   render(body, data, frame)  shows the data; without it there is no question
//   event(body, event, frame)  each live event: {offset, id, type, entity, time, data, text}
//   gap(body, frame)           events were missed
//
// All but name and title may be left out. `body` is the element to fill.

import calculations from "./panel-calculations.js";
import feed from "./panel-feed.js";
import health from "./panel-health.js";
import prices from "./panel-prices.js";
import records from "./panel-records.js";
import schedules from "./panel-schedules.js";
import system from "./panel-system.js";

export default [feed, records, prices, schedules, calculations, system, health];
