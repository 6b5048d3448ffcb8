/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Names on the wire, known to every daemon and to operators. */

#define EVENTS_EXCHANGE "lonja.events" /* topic; CloudEvents 1.0 JSON; routing key = event type */
#define DEAD_EXCHANGE "lonja.dead"     /* direct; dead letters */
#define PRODUCTS_QUEUE "lonja.tasks.products"

#define EVENT_PRODUCT_CREATED "product.created"
#define EVENT_PRODUCT_UPDATED "product.updated"
#define EVENT_PRODUCT_DELETED "product.deleted"

#define HEADER_REQUEST_ID "x-request-id" /* AMQP header */
#define MEDIA_CLOUDEVENTS "application/cloudevents+json"
#define PROBLEM_PREFIX "urn:lonja:problem:"

#define RUNTIME_DIR "/run/lonja"
