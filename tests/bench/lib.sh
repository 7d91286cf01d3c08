# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Shared by the benchmarks, on top of the system tests' helpers. A benchmark prints Markdown on
# stdout (descriptor 3, `say`) and its progress on stderr. It needs root and the programs of
# $CULVERT_BUILD (default: build), made by `make all tests`. It removes all that it made, however it
# ends. Its figures hold for this machine with its present load.

exec 3>&1 1>&2
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../system/tunnel/common.sh"

say() { # FORMAT [ARGUMENT...]; as printf, to stdout
	# shellcheck disable=SC2059 # A format is what it is.
	printf "$@" >&3
}

machine() {
	say '%s, kernel %s, %s processors\n' "$("$CULVERTD" --version)" "$(uname -r)" "$(nproc)"
}

# The benchmark is done and its figures are valid.
done_well() {
	pass "$(basename "$0") came to its end"
	finish
}

seconds() { # MS
	printf '%d.%02d' $(($1 / 1000)) $(($1 % 1000 / 10))
}

# ---- many clients ----

# Makes a CA, the server gw-b, and clients c1 to cCOUNT in PKI_DIR, and only those that are missing.
# They stay there unless it is $WORK/pki. A link from $WORK/pki, where the helpers look, leads to
# it.
crowd_pki() { # COUNT PKI_DIR
	local i start made=0
	if [[ -n $2 ]]; then
		mkdir -p "$2"
		ln -s "$(cd "$2" && pwd)" "$WORK/pki"
	fi
	[[ -e $WORK/pki/ca.crt ]] || pki init
	[[ -e $WORK/pki/servers/gw-b ]] || pki server gw-b
	start=$(now_ms)
	for ((i = 1; i <= $1; i++)); do
		[[ ! -e $WORK/pki/clients/c$i.conf ]] || continue
		pki client "c$i" --remote 192.0.2.2
		made=$((made + 1))
	done
	[[ $made -eq 0 ]] || say 'culvert-pki made %s clients in %s s\n' "$made" "$(seconds $(($(now_ms) - start)))"
}

# Makes two namespaces with one cable, and a server whose pool is large enough. Lines on stdin go to
# its configuration.
crowd_site() {
	ns_add clients
	ns_add gw-b
	veth clients wan0 gw-b wan0
	addr clients wan0 192.0.2.1/24
	addr gw-b wan0 192.0.2.2/24
	with_defaults pool4 '"10.213.0.0/19"' unlisted true max_sessions 4096 max_handshakes 1024 peers '( )' | server_conf gw-b
	ulimit -n "$(ulimit -Hn)"
}

# Counts the sessions that came up, by the log since MARK; each counts once.
came_up() { # MARK
	tail -n "+$(($1 + 1))" "$WORK/gw-b.log" | sed -nE 's/.* (c[0-9]+): session: opening -> up.*/\1/p' | sort -u | wc -l
}

all_came_up() { # MARK COUNT
	[[ $(came_up "$1") -ge $2 ]]
}

# Prints the time of the last of these lines of the log since MARK, in ms.
last_stamp() { # FILE MARK REGEX
	local stamp
	stamp=$(tail -n "+$(($2 + 1))" "$1" | grep -E -e "$3" | tail -n 1 | cut -d' ' -f1,2)
	date -d "$stamp" +%s%3N
}
