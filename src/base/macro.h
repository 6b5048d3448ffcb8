/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The few macros that every file may use. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The object of `type` in which `member` lives at `ptr`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Hands ownership over: the value is returned, the variable left empty. */
#define TAKE_PTR(p)                                                                                          \
        ({                                                                                                   \
                __auto_type taken_ = (p);                                                                    \
                (p) = NULL;                                                                                  \
                taken_;                                                                                      \
        })
#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int taken_ = (fd);                                                                           \
                (fd) = -1;                                                                                   \
                taken_;                                                                                      \
        })

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))

/* Defines foo_freep() for _cleanup_() from `struct foo *foo_free(struct foo *)`. */
#define DEFINE_FREEP(type, fn)                                                                               \
        static inline void fn##p(type **p)                                                                   \
        {                                                                                                    \
                *p = fn(*p);                                                                                 \
        }

/* Each evaluates its arguments once. They do not nest. */
#define MIN_OF(a, b)                                                                                         \
        ({                                                                                                   \
                __auto_type a_ = (a);                                                                        \
                __auto_type b_ = (b);                                                                        \
                a_ < b_ ? a_ : b_;                                                                           \
        })
#define MAX_OF(a, b)                                                                                         \
        ({                                                                                                   \
                __auto_type a_ = (a);                                                                        \
                __auto_type b_ = (b);                                                                        \
                a_ > b_ ? a_ : b_;                                                                           \
        })
