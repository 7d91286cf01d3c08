# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Those faults of the fault matrix that are changes: of configuration, certificates, programs, and of what the host has. Sourced by
# faults.sh, whose rules hold. Some need another program or other settings than the rest: change_needs says which.

# shellcheck disable=SC2034,SC2154
LIVE=$WORK/live # the files of the rows that change files

# ---- what a row needs ----

# Programs by other ways, written once.
changes_add() {
	local etc
	mkdir -p "$LIVE" "$WORK/upgraded"
	etc=$(ns_etc gw-a)
	echo 'nameserver 192.0.2.2' >"$etc/resolv.conf"
	cat >"$WORK/stored" <<-SH
		#!/bin/sh
		exec "$BUILD/system/fd_store" "$CULVERTD" "\$@"
	SH
	# The mount is one of this process's namespace, and ends with it.
	cat >"$WORK/small-disk" <<-SH
		#!/bin/sh
		mkdir -p "$WORK/gw-b.state"
		mount -t tmpfs -o size=64k,mode=700 none "$WORK/gw-b.state" || exit 1
		exec "$CULVERTD" "\$@"
	SH
	chmod 755 "$WORK/stored" "$WORK/small-disk"
	install -m 755 "$CULVERTD" "$WORK/upgraded/culvertd"
}

# Sets SERVER_PROGRAM, and adds to client_lines and SERVER_LINES.
change_needs() { # FAULT
	SERVER_PROGRAM=$CULVERTD SERVER_LINES=()
	case $1 in
	server-store) SERVER_PROGRAM=$WORK/stored ;;
	server-upgrade) SERVER_PROGRAM=$WORK/upgraded/culvertd ;;
	disk-full) SERVER_PROGRAM=$WORK/small-disk ;;
	flush)
		SERVER_LINES=('nat = true;')
		client_lines+=('kill_switch = true;' 'bypass = [ "10.1.0.0/24", "fd00:1::/64" ];')
		;;
	resolver)
		client_lines+=('remotes = [ "vpn.example" ];')
		name_server
		;;
	crl | revoked | certificate | rollover)
		place_files
		mapfile -t SERVER_LINES < <(lines_of gw-b && echo "crl = \"$LIVE/crl.pem\";")
		mapfile -t -O ${#client_lines[@]} client_lines < <(lines_of gw-a)
		;;
	esac
}

# What change_needs has started.
change_over() {
	! bg_running resolver || stop_bg resolver
}

# Nobody is to notice these: the connections stay.
keeps_connections() { # FAULT
	[[ $1 == one-* || " reload reload-broken crl certificate flush " == *" $1 "* ]]
}

lines_of() { # NAME
	printf '%s = "%s";\n' certificate "$LIVE/$1.crt" key "$LIVE/$1.key" ca "$LIVE/$1.ca"
}

# By a rename each, as tools do it.
place() { # MODE FROM TO
	install -m "$1" "$2" "$3.new"
	mv "$3.new" "$3"
}

place_pair() { # NAME; the newest of the PKI
	if [[ $1 == gw-b ]]; then
		place 600 "$WORK/pki/servers/gw-b/gw-b.key" "$LIVE/gw-b.key"
		place 644 "$WORK/pki/servers/gw-b/gw-b.crt" "$LIVE/gw-b.crt"
	else
		place 600 "$(pki_extract "$1" key)" "$LIVE/$1.key"
		place 644 "$(pki_extract "$1" certificate)" "$LIVE/$1.crt"
	fi
}

place_trust() {
	place 644 "$WORK/pki/servers/gw-b/ca.crt" "$LIVE/gw-b.ca"
	place 644 "$(pki_extract gw-a ca)" "$LIVE/gw-a.ca"
	place 644 "$WORK/pki/crl.pem" "$LIVE/crl.pem"
}

place_files() {
	place_pair gw-a
	place_pair gw-b
	place_trust
}

name_server() {
	resolver_start gw-b 192.0.2.2 'local-zone: "example." static' 'local-data: "vpn.example. A 192.0.2.2"'
}

# The daemon says that it has taken something new.
wait_taken() { # NAME MARK
	wait_log_since "$WORK/$1.log" "$2" 'netd: configuration [0-9]+ -> [0-9]+' 10
}

# ---- configurations ----

change_conf() { # SED-SCRIPT
	cp -p "$WORK/gw-b.conf" "$WORK/gw-b.good"
	sed -i "$1" "$WORK/gw-b.conf"
}

reload_is() { # STATUS
	local status=0
	ctl gw-b reload || status=$?
	[[ $status -eq $1 ]]
}

fault_reload() {
	change_conf 's/^linger = .*/linger = 61;/; s|^announce = \[|announce = [ "10.99.0.0/24",|'
	began
	reload_is 0 && wait_routes gw-a 10.99.0.0/24
}

fault_reload_broken() {
	# shellcheck disable=SC2016 # A command of sed.
	change_conf '$a no_such_key = 1;'
	began
	reload_is 3
}

fault_reload_removed() {
	local mark
	mark=$(log_mark "$WORK/gw-a.log")
	change_conf 's/name = "gw-a"/name = "nobody"/'
	began
	reload_is 0 || return 1
	wait_log_since "$WORK/gw-a.log" "$mark" 'no entry in peers for it' 10
	sleep 2
	mv "$WORK/gw-b.good" "$WORK/gw-b.conf"
	over
	reload_is 0
}

# ---- certificates ----

fault_crl() {
	local mark
	mark=$(log_mark "$WORK/gw-b.log")
	pki revoke stranger || return 1
	began
	place_trust
	wait_taken gw-b "$mark"
}

fault_revoked() {
	local mark
	mark=$(log_mark "$WORK/gw-a.log")
	pki revoke gw-a || return 1
	began
	place_trust
	wait_log_since "$WORK/gw-a.log" "$mark" 'received a goodbye: the certificate is not accepted any more' 10 || return 1
	sleep 2
	pki renew gw-a || return 1
	over
	place_pair gw-a
}

fault_certificate() {
	local mark_a mark_b
	pki renew gw-a && pki renew gw-b || return 1
	mark_a=$(log_mark "$WORK/gw-a.log")
	mark_b=$(log_mark "$WORK/gw-b.log")
	began
	place_pair gw-a
	place_pair gw-b
	wait_taken gw-a "$mark_a" && wait_taken gw-b "$mark_b"
}

# The last step leaves the connection without a CA that both ends trust: it was made with certificates of the old one.
fault_rollover() {
	local mark
	began
	pki rollover new || return 1
	place_trust
	pki rollover cross-issue && pki renew gw-b && pki renew gw-a || return 1
	mark=$(log_mark "$WORK/gw-a.log")
	place_files
	wait_taken gw-a "$mark" || return 1
	pki revoke stranger && pki rollover retire || return 1
	mark=$(log_mark "$WORK/gw-b.log")
	over
	place_trust
	# Which end finds out first is a matter of chance.
	wait_log_since "$WORK/gw-b.log" "$mark" 'gw-a: .*certificate.* is not accepted any more' 10
}

# ---- programs ----

# systemd does the same for `systemctl restart`; tests/system/booted has it do that.
fault_server_store() {
	local mark
	mark=$(log_mark "$WORK/gw-b.log")
	began
	kill -USR1 "$(pid_of gw-b)"
	wait_log_since "$WORK/gw-b.log" "$mark" 'engine \(pid [0-9]+\) is ready' 10
}

# A program of other bytes. netd reads the file that stands where its own was.
fault_server_upgrade() {
	local mark
	mark=$(log_mark "$WORK/gw-b.log")
	install -m 755 "$CULVERTD" "$WORK/upgraded/new"
	echo >>"$WORK/upgraded/new"
	mv "$WORK/upgraded/new" "$WORK/upgraded/culvertd"
	began
	ctl gw-b reexec || return 1
	wait_log_since "$WORK/gw-b.log" "$mark" 'the engine is replaced: it runs' 10
}

fault_drain() {
	began
	ctl gw-b drain --over 1s || return 1
	wait_exit gw-b 20 || return 1
	over
	start_bg "$WORK/gw-b.log" gw-b in_ns gw-b "$CULVERTD" -c "$WORK/gw-b.conf"
}

# ---- the host ----

fault_flush() {
	began
	in_ns gw-a nft flush ruleset && in_ns gw-b nft flush ruleset
}

# What is connected does not ask; who has to connect meanwhile does.
fault_resolver() {
	began
	stop_bg resolver
	destroy gw-b sport = 443 || return 3
	destroy gw-a dst 192.0.2.2 dport = 443 || true
	sleep 1
	name_server
	over
}

# Nothing is left for what is written at the next session; who had an address keeps it.
fault_disk_full() {
	local disk
	disk=/proc/$(pid_of gw-b)/root$WORK/gw-b.state
	dd if=/dev/zero of="$disk/filler" bs=1k 2>/dev/null || true
	! dd if=/dev/zero of="$disk/more" bs=4k count=1 2>/dev/null || return 1
	kill_engine gw-b
}
