#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An adversary removes, changes and replaces what Culvert has set on a host, at random: links, addresses, routes, policy rules,
# settings of the kernel, resolvers, firewall tables, listeners. Each object is touched at most once in two seconds. All is back
# within a second, and in full tunnel no packet goes past it. An adversary that does not stop is in adversary_fight.sh.
#
# ADVERSARY_SECONDS (15) is the time for each half, ADVERSARY_SEED makes a run again.
#
# The network is drawn in tunnel/laptop.sh.
#
# check: alone
# shellcheck disable=SC2317,SC2016 # Functions are called by name; inner shells expand.
set -euo pipefail
# shellcheck source=tests/system/tunnel/laptop.sh
source "$(dirname "$0")/tunnel/laptop.sh"

SECONDS_EACH=${ADVERSARY_SECONDS:-15}
SEED=${ADVERSARY_SEED:-$RANDOM}
RANDOM=$SEED
echo "the seed is $SEED"
BACK_MS=1000 AGAIN_MS=2000

pki_add laptop
etc=$(ns_etc laptop)
printf 'nameserver 192.0.2.254\n' >"$etc/resolv.conf"
# A gateway that does not forward yet, with the strict check of sources.
in_ns gw-b sh -c 'cd /proc/sys/net; echo 0 >ipv4/ip_forward; echo 0 >ipv6/conf/all/forwarding'
in_ns laptop sh -c 'for i in all wan0; do echo 1 >/proc/sys/net/ipv4/conf/$i/rp_filter; done'

# ---- what there is ----

# Prints all that Culvert has set at a host, without what changes by itself.
state() { # NS
	local ns=$1
	{
		ip_ns "$ns" -d link show group 67 | grep -E 'mtu|inet' | sed 's/^[0-9]*: //'
		ip_ns "$ns" -o addr show | grep -E ' cv[0-9]' | awk '{ print $2, $3, $4, $5, $6 }' | sort
		ip_ns "$ns" route show table all proto 67 | sort
		ip_ns "$ns" -6 route show table all proto 67 | sort
		ip_ns "$ns" -d rule show
		ip_ns "$ns" -d -6 rule show
		in_ns "$ns" sh -c '
			for table in $(nft list tables inet | sed -n "s/^table inet //p" | sort); do nft list table inet "$table"; done |
				sed -E "s/counter packets [0-9]+ bytes [0-9]+/counter/"
			cd /proc/sys/net
			grep . ipv4/conf/*/rp_filter ipv4/conf/*/forwarding ipv6/conf/*/force_forwarding
			ss -Hltn "sport = :443" | awk "{ print \$1, \$4 }" | sort
			grep -v "^#" /etc/resolv.conf'
	} 2>/dev/null
}

# ---- what is done to it ----

# A function for each deed, and the objects that it touches, also indirectly: the kernel takes routes away with their address,
# and addresses of IPv6 with the link's state.
declare -A touches=()
deed() { # NAME OBJECT...
	touches[$1]="${*:2}"
}
any_of() { # COMMAND...; one of these, at random
	local commands=("$@")
	eval "${commands[RANDOM % $#]}"
}
sysctl_of() { # NS KEY VALUE
	in_ns "$1" sh -c "echo $3 >/proc/sys/net/$2"
}
takes_place() { # NS PREFIX METRIC; another program's route in the place of ours, for a moment
	ip_ns "$1" route replace "$2" dev lo metric "$3" proto 99
	ip_ns "$1" route del "$2" dev lo metric "$3" proto 99
}

deed split_route4 route4
split_route4() { any_of 'ip_ns laptop route del 10.2.0.0/24 proto 67' 'takes_place laptop 10.2.0.0/24 1024'; }
deed split_route6 route6
split_route6() { ip_ns laptop -6 route del fd00:2::/64 proto 67; }
deed split_routes route4 route6
split_routes() { ip_ns laptop route flush proto 67 && ip_ns laptop -6 route flush proto 67; }
deed split_link link route4 route6 address6
split_link() { any_of 'ip_ns laptop link set cv0 down' 'ip_ns laptop link set cv0 mtu 1290' 'ip_ns laptop link set cv0 group 0'; }
deed split_address4 address4 route4
split_address4() { ip_ns laptop -4 addr flush dev cv0; }
deed split_address6 address6 route6
split_address6() { ip_ns laptop -6 addr flush dev cv0; }
deed split_resolvers resolvers
split_resolvers() { any_of 'echo "nameserver 192.0.2.254" >"$etc/resolv.conf"' ': >"$etc/resolv.conf"'; }
deed split_group group
split_group() { ip_ns gw-b link set cv0 group 0; }
deed split_back back
split_back() { ip_ns gw-b route flush proto 67; }
deed split_forward_cv forward_cv
split_forward_cv() { sysctl_of gw-b ipv4/conf/cv0/forwarding 0; }
deed split_forward_lan forward_lan
split_forward_lan() { sysctl_of gw-b ipv4/conf/lan0/forwarding 0; }
deed split_nat nat
split_nat() { any_of 'in_ns gw-b nft flush ruleset' 'in_ns gw-b nft delete table inet culvert-nat-gw-b'; }
deed split_listener4 listener4
split_listener4() { in_ns gw-b ss -K -4 -l 'sport = :443'; }
deed split_listener6 listener6
split_listener6() { in_ns gw-b ss -K -6 -l 'sport = :443'; }

for family in 4 6; do
	for priority in 25462 25463 25464; do
		deed "full_rule_${family}_$priority" "rule_${family}_$priority"
		eval "full_rule_${family}_$priority() { ip_ns laptop -$family rule del pref $priority; }"
	done
	deed full_unreachable$family unreachable$family
	eval "full_unreachable$family() { ip_ns laptop -$family route del unreachable default table 25462; }"
	deed full_default$family default$family
	eval "full_default$family() { ip_ns laptop -$family route del default dev cv0 table 25462; }"
done
deed full_peer peer
full_peer() { ip_ns laptop route del "$SERVER4" table 25462; }
deed full_table unreachable4 default4 peer
full_table() { ip_ns laptop route flush table 25462; }
deed full_claim claim
full_claim() { ip_ns laptop link del cvclaim0; }
deed full_sources sources
full_sources() { sysctl_of laptop ipv4/conf/wan0/rp_filter 1; }
deed full_sources_all sources_all
full_sources_all() { sysctl_of laptop ipv4/conf/all/rp_filter 1; }
deed full_link link address6 default4 default6 peer
full_link() { ip_ns laptop link set cv0 down; }
deed full_addresses address4 address6 default4 default6 peer
full_addresses() { ip_ns laptop addr flush dev cv0; }
deed full_switch switch
full_switch() {
	local table=culvert-killswitch-laptop
	any_of "in_ns laptop nft delete table inet $table" "in_ns laptop nft insert rule inet $table output accept" \
		"in_ns laptop nft flush chain inet $table output" 'in_ns laptop nft flush ruleset'
}
deed full_resolvers resolvers
full_resolvers() { split_resolvers; }

# ---- the adversary ----

declare -A touched=()
slowest=0
is_due() { # DEED
	local object
	for object in ${touches[$1]}; do
		(($(now_ms) - ${touched[$object]:--9999} >= AGAIN_MS)) || return 1
	done
}
do_it() { # DEED
	local object
	for object in ${touches[$1]}; do touched[$object]=$(now_ms); done
	"$1" >/dev/null 2>&1 || true
}
# Does one or a few deeds at a time until the time is over, and waits for all to be back.
adversary() { # HALF NS...
	local half=$1 deeds deed ends began took ns rounds=0 late=0 picked
	shift
	mapfile -t deeds < <(printf '%s\n' "${!touches[@]}" | grep "^${half}_" | sort)
	[[ -z ${ADVERSARY_DEEDS-} ]] || read -ra deeds <<<"$ADVERSARY_DEEDS"
	for ns; do state "$ns" >"$WORK/whole.$ns"; done
	ends=$(($(now_ms) + SECONDS_EACH * 1000))
	while (($(now_ms) < ends)); do
		picked=()
		for ((i = RANDOM % 3; i >= 0; i--)); do
			deed=${deeds[RANDOM % ${#deeds[@]}]}
			is_due "$deed" || continue
			do_it "$deed"
			picked+=("$deed")
		done
		((${#picked[@]} > 0)) || { poll_pause; continue; }
		began=$(now_ms)
		rounds=$((rounds + 1))
		until is_whole "$@" || (($(now_ms) - began > 3 * BACK_MS)); do poll_pause; done
		took=$(($(now_ms) - began))
		((took <= slowest)) || slowest=$took
		if ((took > BACK_MS)); then
			late=$((late + 1))
			echo "after ${picked[*]}: $took ms"
			for ns; do diff "$WORK/whole.$ns" "$WORK/now.$ns" || true; done
		fi
	done
	echo "$half: $rounds rounds, the slowest was whole after $slowest ms"
	check_equal "$half: all is back within a second" 0 "$late"
	slowest=0
}
is_whole() { # NS...
	local ns
	for ns; do
		state "$ns" >"$WORK/now.$ns"
		cmp -s "$WORK/whole.$ns" "$WORK/now.$ns" || return 1
	done
}

# ---- a split tunnel ----

ip_ns gw-b addr add 10.2.0.1/24 dev lan0
ip_ns gw-b addr add fd00:2::1/64 dev lan0 nodad
server_conf gw-b <<'CONF'
announce = [ "10.2.0.0/24", "fd00:2::/64" ];
forwarding = true;
nat = true;
dns = [ "10.2.0.53" ];
linger = 30;
peers = ( { name = "laptop"; accept_routes = [ "10.3.0.0/16" ]; } );
CONF
server_start gw-b
client_conf laptop <<<'remotes = [ "198.51.100.2" ]; announce = [ "10.3.0.0/24" ];'
client_start laptop
wait_up laptop gw-b
wait_routes laptop 10.2.0.0/24 fd00:2::/64
wait_log "$WORK/laptop.log" 'resolvers and .* set by' 5
adversary split laptop gw-b
check 'split: the tunnel works at the end' pings laptop "$SERVER4"
stop_bg laptop
stop_bg gw-b

# ---- a full tunnel with a kill switch ----

in_ns gw-b sh -c 'cd /proc/sys/net; echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding'

server_conf gw-b <<'CONF'
announce = [ "0.0.0.0/0", "::/0" ];
dns = [ "10.2.0.53" ];
linger = 30;
peers = ( { name = "laptop"; } );
CONF
server_start gw-b
rm -f "$WORK/laptop.log"
client_conf laptop <<<'remotes = [ "198.51.100.2" ]; full_tunnel = true; kill_switch = true;'
client_start laptop
wait_up laptop gw-b
wait_for 5 'the default route is there' bash -c "ip -n $(ns_name laptop) route show table 25462 | grep '^default dev cv0'"
wait_log "$WORK/laptop.log" 'resolvers and .* set by' 5
capture_start past laptop wan0 "(ip and not (tcp port 443 and host 198.51.100.2)) or (ip6 and not ip6 multicast and not
	(icmp6 and ip6[40] >= 133 and ip6[40] <= 137))"
start_bg "$WORK/ping4.log" ping4 in_ns laptop ping -n -q -i 0.02 $OUT4
start_bg "$WORK/ping6.log" ping6 in_ns laptop ping -n -q -i 0.02 $OUT6
adversary full laptop
stop_bg ping4 INT
stop_bg ping6 INT
check 'full: the tunnel works at the end' pings laptop $OUT4
check_equal 'full: nothing has left past the tunnel' '' "$(capture_print past '')"
finish
