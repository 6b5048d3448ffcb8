/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Names on the wire, known to every daemon and to operators. */

#define EVENTS_EXCHANGE "lonja.events" /* topic; CloudEvents 1.0 JSON; routing key = event type */
#define DEAD_EXCHANGE "lonja.dead"     /* direct; dead letters */

/* Queues. A dead letter of one goes to DEAD_EXCHANGE by the queue's name, and so into "<name>.dead". */
#define DEAD_SUFFIX ".dead"
#define RECORDS_QUEUE "lonja.records"
#define CALCULATIONS_QUEUE "lonja.calculations"
#define PRODUCTS_QUEUE "lonja.tasks.products"
#define CALCULATOR_TASKS_QUEUE "lonja.tasks.calculator"
#define HTTP_TASKS_QUEUE "lonja.tasks.http"
#define SCHEDULE_RESULTS_QUEUE "lonja.schedule.results"
/* All of them and those of their dead letters, for whoever looks how much waits; NULL-ended. */
extern const char *const queue_names[];
#define QUEUE_NAMES_MAX 16

/* The daemon that consumes it, "products": whose bell to ring (service_ring()) after a publish was confirmed.
 * NULL for a queue of others. */
const char *queue_daemon(const char *queue);

/* AMQP `type` of a message in CALCULATIONS_QUEUE that names a row: `message_id` is the calculation's. */
#define CALCULATION_TYPE "lonja.calculation"

#define EVENT_PRODUCT_CREATED "product.created"
#define EVENT_PRODUCT_UPDATED "product.updated"
#define EVENT_PRODUCT_DELETED "product.deleted"
#define EVENT_CALCULATION_FINISHED "calculation.finished"

/* PostgreSQL's NOTIFY: a schedule was changed. */
#define SCHEDULE_CHANNEL "lonja_schedule"

#define HEADER_REQUEST_ID "x-request-id" /* AMQP header */
#define HEADER_DEADLINE "x-deadline"     /* AMQP header: RFC 3339; nobody wants the answer afterwards */
#define MEDIA_CLOUDEVENTS "application/cloudevents+json"
#define PROBLEM_PREFIX "urn:lonja:problem:"

#define RUNTIME_DIR "/run/lonja"
