#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `check` finds: the levels, the exit status, JSON; that a start says the same; that what a running instance holds itself is
# no finding.
#
#   one namespace, "host"; config.sh has the mistakes in the file itself
#
# check: quick suite
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

ns_add host
pki_add gw-a
ip_ns host link add lan0 type veth peer name lan1

# Checks the configuration NAME; what it said is in $WORK/said, the exit status in `status`.
run_check() { # NAME OPTION...
	status=0
	in_ns host timeout 10 "$CULVERT" check "$WORK/$1.conf" "${@:2}" >"$WORK/said" 2>&1 || status=$?
}
# NAME is the test's, too. It must have this exit status, and a line of that level and words.
finds() { # TEST STATUS REGEX NAME OPTION...
	local name=$1 expected=$2 regex=$3
	run_check "${@:4}"
	if [[ $status -eq $expected ]] && grep -qE -- "$regex" "$WORK/said"; then
		pass "$name"
	else
		fail "$name" "expected exit status $expected and '$regex', got $status: $(head -n 4 "$WORK/said" | tr '\n' ';')"
	fi
}
lacks() { # TEST REGEX NAME OPTION...
	run_check "${@:3}"
	check_fails "$1" grep -E -- "$2" "$WORK/said"
}
json() { # FILTER NAME OPTION...
	in_ns host "$CULVERT" check "$WORK/$2.conf" --json "${@:3}" 2>/dev/null | jq -r "$1"
}

# ---- levels, options, JSON ----

server_conf warned gw-b <<<'announce = ( { interface = "lan7"; } );'
finds 'a warning leaves the exit status 0' 0 '^warning: .*lan7' warned
finds 'and the verdict' 0 'warned.conf: fine: a server named gw-b' warned
finds 'with --strict it is 3' 3 '^warning: .*lan7' warned --strict
lacks 'and nothing is fine' 'fine' warned --strict
lacks 'of the file alone the host is no part' 'lan7' warned --file-only
finds 'but its values are' 0 '^warning: .*peers: the list is empty' warned --file-only
check_equal 'JSON has the warnings' $'true\ngw-b\n0\n2' "$(json '.fine, .name, .errors, .warnings' warned)"
check_equal 'and the words for a program' announce "$(json '.findings[] | select(.level == "warning" and .check != "peers") | .check' warned)"
check_equal 'also with --strict' false "$(json .fine warned --strict)"
server_conf wrong gw-b <<CONF
user = "no-such-user";
ca = "/nonexistent";
CONF
finds 'all errors are listed' 3 "^error: .*user: .*'no-such-user'" wrong
finds 'not the first alone' 3 '^error: .*ca: .*/nonexistent' wrong
check_equal 'also as JSON' $'false\nnull\n2' "$(json '.fine, .name, .errors' wrong)"
finds 'the host has users, a file has not' 3 '^error: .*ca: ' wrong --file-only
lacks 'so they are not looked up' no-such-user wrong --file-only
printf 'mtu = "x";\n' >"$WORK/syntax.conf"
check_equal 'a file that does not load is JSON, too' $'false\nfile' "$(json '.fine, .findings[0].check' syntax)"
client_conf profile gw-a </dev/null
check_equal 'a profile has a name, too' gw-a "$(json .name profile)"
status=0
in_ns host "$CULVERTD" -c "$WORK/warned.conf" --json >"$WORK/said" 2>&1 || status=$?
check_equal 'options of a check are for a check' 2 "$status"
finish
