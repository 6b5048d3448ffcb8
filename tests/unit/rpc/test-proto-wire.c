/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>

#include "proto/proto_set.h"
#include "rpc/proto_wire.h"

static struct proto_wire set(void)
{
        return proto_wire_of(proto_set, proto_set_size);
}

/* Varint, fixed and bytes are passed over by their wire type; what is cut or unknown is an error. */
static void test_next(void **state)
{
        static const uint8_t bytes[] = {0x08, 0x96, 0x01, 0x12, 0x02, 'h', 'i', 0x1d, 1, 2, 3,
                                        4,    0x21, 1,    2,    3,    4,   5,   6,    7, 8};
        struct proto_wire w = proto_wire_of(bytes, sizeof(bytes));
        struct proto_field f;

        assert_int_equal(proto_wire_next(&w, &f), 1);
        assert_int_equal(f.number, 1);
        assert_int_equal(proto_wire_next(&w, &f), 1);
        assert_true(f.has_bytes && proto_wire_is(f.bytes, "hi"));
        assert_int_equal(proto_wire_next(&w, &f), 1);
        assert_int_equal(proto_wire_next(&w, &f), 1);
        assert_int_equal(f.number, 4);
        assert_int_equal(proto_wire_next(&w, &f), 0);
        for (size_t n = 1; n < sizeof(bytes); n++) {
                int r;

                w = proto_wire_of(bytes, n);
                while ((r = proto_wire_next(&w, &f)) > 0)
                        ;
                assert_true(r == (n == 3 || n == 7 || n == 12 ? 0 : -EBADMSG));
        }
        w = proto_wire_of("\x0b", 1); /* a group */
        assert_int_equal(proto_wire_next(&w, &f), -EBADMSG);
        w = proto_wire_of("\x00\x00", 2); /* field 0 */
        assert_int_equal(proto_wire_next(&w, &f), -EBADMSG);
}

static void assert_defined(const char *symbol, const char *file)
{
        struct proto_wire found, named;

        assert_int_equal(proto_set_find_symbol(set(), symbol, &found), 0);
        assert_int_equal(proto_set_find_file(set(), file, &named), 0);
        assert_ptr_equal(found.at, named.at);
}

/* Services, methods, messages, nested enums: each is found in its file, and prefixes of names are nothing. */
static void test_symbols(void **state)
{
        struct proto_wire found;

        assert_defined("lonja.v1.Records", "lonja/v1/records.proto");
        assert_defined("lonja.v1.Records.Add", "lonja/v1/records.proto");
        assert_defined("lonja.v1.Record", "lonja/v1/records.proto");
        assert_defined("lonja.v1.Calculator", "lonja/v1/calculator.proto");
        assert_defined("grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto");
        assert_defined("grpc.reflection.v1alpha.ServerReflection",
                       "grpc/reflection/v1alpha/reflection.proto");
        assert_int_equal(proto_set_find_symbol(set(), "lonja.v1.Rec", &found), -ENOENT);
        assert_int_equal(proto_set_find_symbol(set(), "lonja.v1.Records.Nothing", &found), -ENOENT);
        assert_int_equal(proto_set_find_symbol(set(), "lonja.v1", &found), -ENOENT);
        assert_int_equal(proto_set_find_symbol(set(), "lonja.v1.", &found), -ENOENT);
        assert_int_equal(proto_set_find_symbol(set(), "", &found), -ENOENT);
        assert_int_equal(proto_set_find_file(set(), "records.proto", &found), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_next),
                cmocka_unit_test(test_symbols),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
