/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "notifier/event_text.h"
#include "base/macro.h"
#include "base/str.h"
#include "contract/names.h"

static const struct {
        const char *type, *before, *after;
} sentences[] = {
        {EVENT_PRODUCT_CREATED, "Product ", " was added"},
        {EVENT_PRODUCT_UPDATED, "Product ", " was changed"},
        {EVENT_PRODUCT_DELETED, "Product ", " was deleted"},
        {"calculation.finished", "Calculation ", " is finished"},
        {"schedule.created", "Schedule ", " was added"},
        {"schedule.updated", "Schedule ", " was changed"},
        {"schedule.deleted", "Schedule ", " was removed"},
        {"schedule.paused", "Schedule ", " is paused"},
        {"schedule.resumed", "Schedule ", " goes on"},
        {"schedule.fired", "Schedule ", " has fired"},
        {"schedule.finished", "The task of schedule ", " has ended"},
        {"file.shared", "File ", " is shared"},
        {"file.removed", "File ", " is no longer shared"},
};

void event_text_write(struct buf *out, const char *type, const char *entity)
{
        for (size_t i = 0; i < ARRAY_SIZE(sentences); i++)
                if (streq(sentences[i].type, type)) {
                        buf_append_str(out, sentences[i].before);
                        buf_append_str(out, entity);
                        buf_append_str(out, sentences[i].after);
                        return;
                }
        buf_append_str(out, type);
        buf_append_str(out, ": ");
        buf_append_str(out, entity);
}
