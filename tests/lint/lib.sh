# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
# shellcheck shell=bash
#
# What the lint scripts share. Each prints TAP: one test for each rule, what breaks it as "# file:line: text".

set -u
export LC_ALL=C
: "${top_srcdir:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${top_builddir:=$top_srcdir/build}"
cd "$top_srcdir" || exit 99
shopt -s lastpipe # `... | result` counts in this shell
n=0

# sources DIR... -- PATTERN...: files of the project by name, nothing that was built
sources() {
	local dirs=() names=()
	while [ "$1" != -- ]; do
		[ -e "$1" ] && dirs+=("$1")
		shift
	done
	shift
	while [ $# -gt 0 ]; do
		names+=(-o -name "$1")
		shift
	done
	[ ${#dirs[@]} -gt 0 ] || return 0
	find "${dirs[@]}" -type f \( -false "${names[@]}" \) ! -path '*/__pycache__/*' ! -path '*/corpus/*' | sort
}

# everything that people wrote
all_sources() {
	{
		sources src sql systemd etc man proto www tests bench debian -- '*' | grep -vE '\.(pyc|png|ico|der|pem)$' |
			grep -vE '^debian/(autoreconf\.|\.debhelper/|tmp/|lonja(-[a-z]+)?/|files$|.*\.(substvars|debhelper.*)$)' # by debhelper
		for f in README.md Makefile.am configure.ac dev .ci/run; do [ -e "$f" ] && echo "$f"; done
	} | sort
}

# shell scripts by their first line
shell_sources() {
	all_sources | xargs awk 'FNR == 1 && (/^#!.*[\/ ](ba)?sh( |$)/ || /^# shellcheck shell=/ || FILENAME ~ /\.sh$/) { print FILENAME }'
}

# result NAME: reads the breaches from stdin
result() {
	local breaches
	breaches=$(cat)
	n=$((n + 1))
	if [ -z "$breaches" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$breaches" | sed 's/^/# /'
	fi
}

plan() {
	echo "1..$n"
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

need() {
	command -v "$1" >/dev/null || skip_all "$1 is not installed"
}
