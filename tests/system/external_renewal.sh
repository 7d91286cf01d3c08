#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Other tools renew certificates under running programs, each in its own way, and nobody gives a command: the next
# handshake has the new one, the sessions that are up notice nothing, and no moment in between counts as a fault.
#
#   c-step, c-certbot, c-manager ── wan ── s-step, s-certbot, s-manager
#
# What the tools do with files, read from their sources:
#
#   step ca renew    writes the certificate in place: the file is emptied first; the key stays
#   step ca rekey    the same with certificate and key, one after the other
#   certbot          new files in archive/; each link in live/ is removed and made again, cert.pem first, fullchain.pem last
#   cert-manager     kubelet fills a new directory, turns the link ..data to it by a rename, and removes the old directory
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"

TOOLS=(step certbot manager)
switch_add
number=10
for tool in "${TOOLS[@]}"; do
	switch_join "s-$tool" "192.0.2.$((number++))/24"
	switch_join "c-$tool" "192.0.2.$((number++))/24"
done

# ---- a PKI of two levels, as these tools have it: the certificate's file begins with its own and ends with the sub CA's ----

authority() { # NAME [ISSUER]
	local base=$WORK/$1
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$base.key" -subj "/CN=$1" -out "$base.csr" 2>/dev/null
	printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' >"$base.ext"
	if [[ -n ${2-} ]]; then
		openssl x509 -req -in "$base.csr" -CA "$WORK/$2.crt" -CAkey "$WORK/$2.key" -days 3000 -extfile "$base.ext" -out "$base.crt"
	else
		openssl x509 -req -in "$base.csr" -signkey "$base.key" -days 3000 -extfile "$base.ext" -out "$base.crt"
	fi
} >"$WORK/openssl.log" 2>&1
authority root
authority sub root

# Each has an end of its own, by which it is known.
days=100
issue() { # NAME USE DIR [KEY]; fullchain.pem and privkey.pem, the key a new one unless it is given
	local dir=$3
	mkdir -p "$dir"
	if [[ -n ${4-} ]]; then
		[[ $4 -ef $dir/privkey.pem ]] || cp "$4" "$dir/privkey.pem"
	else
		(umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$dir/privkey.pem")
	fi
	printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\nsubjectAltName=DNS:%s\n' "$2" "$1" >"$WORK/leaf.ext"
	openssl req -new -key "$dir/privkey.pem" -subj "/CN=$1" -out "$WORK/leaf.csr"
	openssl x509 -req -in "$WORK/leaf.csr" -CA "$WORK/sub.crt" -CAkey "$WORK/sub.key" -days $((days++)) -extfile "$WORK/leaf.ext" \
		-out "$dir/cert.pem" 2>/dev/null
	cp "$WORK/sub.crt" "$dir/chain.pem"
	cat "$dir/cert.pem" "$dir/chain.pem" >"$dir/fullchain.pem"
}

# ---- how each tool puts the files of DIR/new into DIR ----

in_place() { # FROM TO; emptied first, then written in two parts
	head -c 300 "$1" >"$2"
	sleep 0.1
	tail -c +301 "$1" >>"$2"
}

step_first() { # DIR
	cp "$1/new/fullchain.pem" "$1/new/privkey.pem" "$1/"
}
step_renew() { # DIR
	in_place "$1/new/fullchain.pem" "$1/fullchain.pem"
}
step_rekey() { # DIR
	in_place "$1/new/fullchain.pem" "$1/fullchain.pem"
	sleep 0.5
	in_place "$1/new/privkey.pem" "$1/privkey.pem"
}
# What a script around it does that wants no half-written file.
step_rename() { # DIR
	local file
	for file in privkey fullchain; do
		cp "$1/new/$file.pem" "$1/.$file.tmp"
		mv "$1/.$file.tmp" "$1/$file.pem"
		sleep 0.3
	done
}

certbot_archive() { # DIR NUMBER
	local kind
	mkdir -p "$1/archive/gw"
	for kind in cert chain fullchain privkey; do
		cp "$1/new/$kind.pem" "$1/archive/gw/$kind$2.pem"
	done
}
certbot_first() { # DIR
	local kind
	certbot_archive "$1" 1
	mkdir -p "$1/live/gw"
	for kind in cert privkey chain fullchain; do
		ln -s "../../archive/gw/${kind}1.pem" "$1/live/gw/$kind.pem"
	done
	for kind in fullchain privkey; do
		ln -s "live/gw/$kind.pem" "$1/$kind.pem"
	done
}
certbot_renew() { # DIR
	local kind
	certbot_archive "$1" 2
	for kind in cert privkey chain fullchain; do
		ln -s "../../archive/gw/${kind}1.pem" "$1/live/gw/previous_$kind.pem"
	done
	for kind in cert privkey chain fullchain; do
		rm "$1/live/gw/$kind.pem"
		sleep 0.1
		ln -s "../../archive/gw/${kind}2.pem" "$1/live/gw/$kind.pem"
	done
	rm "$1"/live/gw/previous_*.pem
}

manager_fill() { # DIR NAME
	mkdir "$1/..$2"
	cp "$1/new/fullchain.pem" "$1/new/privkey.pem" "$1/..$2/"
}
manager_first() { # DIR
	manager_fill "$1" first
	ln -s ..first "$1/..data"
	ln -s ..data/fullchain.pem "$1/fullchain.pem"
	ln -s ..data/privkey.pem "$1/privkey.pem"
}
manager_renew() { # DIR
	local old
	old=$(readlink "$1/..data")
	manager_fill "$1" next
	ln -s ..next "$1/..data_tmp"
	mv -T "$1/..data_tmp" "$1/..data"
	rm -r "${1:?}/$old"
}

# ---- three servers, three clients ----

use_of() { # END TOOL; step's certificates have both, unless its template is changed
	case $1-$2 in
	*-step) echo serverAuth,clientAuth ;;
	s-*) echo serverAuth ;;
	c-*) echo clientAuth ;;
	esac
}

files() { # NAME; the settings
	printf '%s = "%s";\n' certificate "$WORK/$1/fullchain.pem" key "$WORK/$1/privkey.pem" ca "$WORK/root.crt"
}
address_of() { # NAME
	ip_ns "$1" -o -4 addr show dev wan0 | sed 's/.*inet \([0-9.]*\).*/\1/'
}
for tool in "${TOOLS[@]}"; do
	for end in s c; do
		issue "$end-$tool" "$(use_of $end "$tool")" "$WORK/$end-$tool/new"
	done
	"${tool}_first" "$WORK/s-$tool"
	"${tool}_first" "$WORK/c-$tool"
	{ files "s-$tool" && echo "peers = ( { name = \"c-$tool\"; } );"; } | server_conf "s-$tool"
	mkdir -p "$WORK/pki/clients"
	: >"$WORK/pki/clients/c-$tool.conf"
	{ files "c-$tool" && printf 'remotes = [ "%s" ];\nserver_name = "s-%s";\n' "$(address_of "s-$tool")" "$tool"; } | client_conf "c-$tool"
	server_start "s-$tool"
	client_start "c-$tool"
done
for tool in "${TOOLS[@]}"; do
	wait_up "c-$tool" "s-$tool"
	wait_for 10 "c-$tool reaches its server" pings "c-$tool" $SERVER4
	start_bg "$WORK/pings-$tool.log" "pings-$tool" in_ns "c-$tool" ping -n -i 0.05 -W 3 $SERVER4
done

# ---- renewals ----

number_of() { # FILE
	openssl x509 -in "$1" -noout -serial
}
# What the server shows to whoever connects; it refuses only later who has no certificate.
shown() { # TOOL
	{ in_ns "c-$1" timeout 5 openssl s_client -connect "$(address_of "s-$1"):443" -alpn culvert/1 </dev/null 2>/dev/null || true; } |
		openssl x509 -noout -serial
}
is_shown() { # TOOL
	[[ $(shown "$1") == "$(number_of "$WORK/s-$1/new/cert.pem")" ]]
}
end_of() { # FILE; in seconds
	date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s
}
# The certificate with which the client has come.
came_with_the_new() { # TOOL
	[[ $(session_value "s-$1" "c-$1" .certificate_expires) == "$(end_of "$WORK/c-$1/new/cert.pem")" ]]
}
has_taken() { # NAME MARK
	log_has_since "$WORK/$1.log" "$2" 'configuration [0-9]+ -> [0-9]+'
}

renewal() { # WAY TOOL COMMAND [keep]; with the same key, where it says so
	local way=$1 tool=$2 command=$3 end started
	local -A mark
	for end in s c; do
		mark[$end]=$(log_mark "$WORK/$end-$tool.log")
		issue "$end-$tool" "$(use_of "$end" "$tool")" "$WORK/$end-$tool/new" ${4:+"$WORK/$end-$tool/privkey.pem"}
	done
	for end in s c; do
		"$command" "$WORK/$end-$tool"
	done
	started=$(now_ms)
	wait_for 8 "$way: the server shows the new one" is_shown "$tool" &&
		pass "$way: the server shows the new one ($(($(now_ms) - started)) ms later)"
	wait_for 8 "$way: the client has taken the new one" has_taken "c-$tool" "${mark[c]}"
	# The session has not ended by it; the next connection of the client has the new one.
	check "$way: the session goes on" bg_running "pings-$tool"
	check "$way: the client came with the old one" came_with_another "$tool"
}
came_with_another() { # TOOL
	! came_with_the_new "$1"
}

renewal 'step ca renew' step step_renew keep
renewal 'step ca rekey' step step_rekey
renewal 'step and a rename' step step_rename
renewal certbot certbot certbot_renew
renewal 'cert-manager' manager manager_renew

# ---- no session has noticed, nothing was a fault, and the clients come again with what is new ----

for tool in "${TOOLS[@]}"; do
	stop_bg "pings-$tool" INT
	check "$tool: no packet is lost" none_lost "$WORK/pings-$tool.log"
	for end in s c; do
		refute_log "$WORK/$end-$tool.log" 'cannot be used'
	done
	check_equal "$tool: one session in all" 1 "$(grep -c "c-$tool: session: opening -> up" "$WORK/s-$tool.log")"
	in_ns "c-$tool" ss -K dst "$(address_of "s-$tool")" dport = 443 >/dev/null 2>&1 || true
	wait_for $((UP_SECONDS * 2)) "$tool: the client comes again with the new certificate" came_with_the_new "$tool" &&
		pass "$tool: the client comes again with the new certificate"
done
finish
