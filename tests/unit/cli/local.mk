# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

cli_tests = test-cli-args test-cli-child test-cli-progress test-cli-secret test-cli-setup-text test-cli-table test-cli-until
check_PROGRAMS += $(cli_tests)
TESTS += $(cli_tests)

test_cli_args_SOURCES = %D%/test-cli-args.c
test_cli_args_LDADD = libcli.a libbase.a $(CMOCKA_LIBS)
test_cli_table_SOURCES = %D%/test-cli-table.c
test_cli_table_LDADD = libcli.a libbase.a $(CMOCKA_LIBS)
test_cli_until_SOURCES = %D%/test-cli-until.c
test_cli_until_LDADD = libcli.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)
test_cli_progress_SOURCES = %D%/test-cli-progress.c
test_cli_progress_LDADD = libcli.a libbase.a $(CMOCKA_LIBS)
test_cli_child_SOURCES = %D%/test-cli-child.c
test_cli_child_LDADD = libcli.a libbase.a $(CMOCKA_LIBS)
test_cli_secret_SOURCES = %D%/test-cli-secret.c
test_cli_secret_LDADD = libcli.a libbase.a $(CMOCKA_LIBS)
test_cli_setup_text_SOURCES = %D%/test-cli-setup-text.c
test_cli_setup_text_LDADD = libcli.a libmq.a libbase.a $(CMOCKA_LIBS)
