#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The pages that begin with the README's hosts and the laptop of the page for remote workers, typed as they stand (tests/system/guide),
# one after the other; and that each page under "Set it up" is typed by some test.
#
#   alice: 192.0.2.9, its user `worker`          internet: 192.0.2.99, which is proxy.example.org
#
# check: long
#
# shellcheck disable=SC2317 # Functions are called by name.
set -euo pipefail
# shellcheck source=tests/system/tunnel/common.sh
source "$(dirname "$0")/tunnel/common.sh"
# shellcheck source=tests/system/guide/site.sh
source "$TOP/tests/system/guide/site.sh"

guide_site
addr pc-b eth0 10.2.0.53/24
guide_host_at_wan alice 192.0.2.9/24
guide_user alice
guide_resolves alice 192.0.2.99 proxy.example.org
guide_host_at_wan internet 192.0.2.99/24
guide_installs alice
guide_names['the laptop']=alice
guide_names['the laptop, as an ordinary user']=worker@alice
guide README.md 'Two real hosts in five minutes'
guide docs/remote-worker.md 'A remote worker'
guide docs/remote-worker.md 'Split tunnel'

# ---- profiles ----

PAGE=docs/profiles.md
guide_skip $PAGE 'culvert-pki client alice --remote vpn.example.org --passphrase      # asks for a new one' \
	'both lines ask for a passphrase; passphrase.sh types one'
profile=$WORK/bundle
on alice cat /root/alice.conf >"$WORK/alice.conf"
for kind in certificate key ca; do
	sed -n "/^$kind = \"/,/^\"/{ s/^$kind = \"//; /^\"/!p; }" "$WORK/alice.conf" >"$profile.$kind"
done
openssl pkcs12 -export -passout pass: -in "$profile.certificate" -inkey "$profile.key" -certfile "$profile.ca" -out "$profile.p12"
on alice cp "$profile.p12" /root/alice.p12
guide $PAGE 'By name'
guide $PAGE 'From a PKCS#12 bundle'
check 'the bundle connects' in_ns alice ping -n -q -c 1 -W 2 10.2.0.53
guide_end $PAGE
on alice systemctl disable --now culvert@office
on alice systemctl start culvert@alice

# ---- certificates ----

PAGE=docs/pki.md
guide_skip $PAGE 'culvert-pki init                                         # once: the CA' "an overview; the README's second step types these"
guide_skip $PAGE 'culvert-pki init --ca-passphrase' 'there is a CA already; pki_secrets.sh and passphrase.sh'
guide_skip $PAGE 'openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in pki/ca/ca.key -out new.key && mv new.key pki/ca/ca.key' 'it asks; pki_secrets.sh'
guide_skip $PAGE 'culvert-pki rollover new           # make the new CA; the old one still signs' 'ca_rollover.sh, with running programs'
guide_skip $PAGE 'culvert-pki export alice --pkcs12' 'it asks; pki_secrets.sh and passphrase.sh'
guide_skip $PAGE 'issuer = { certificate = "/etc/culvert/issuer.crt"; key = "/etc/culvert/issuer.key"; lifetime = "30d"; user = "culvert-issuer"; };' 'renewal.sh has an issuer'
guide_skip $PAGE 'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out issuer.key' 'renewal.sh makes such a CA'
before=$(on ca ./certs/culvert-pki --dir pki list | grep -c 'gw-a ')
guide $PAGE 'Renewal'
check_equal 'gw-a has a certificate more' $((before + 1)) "$(on ca ./certs/culvert-pki --dir pki list | grep -c 'gw-a ')"
wait_for "$UP_SECONDS" 'the networks reach each other' in_ns pc-a ping -n -q -c 1 -W 1 10.2.0.2 && pass 'gw-a forwards as before'

# ---- changes while it runs ----

# reload.sh carries out what it promises.
guide_end docs/reload.md

# ---- hooks ----

PAGE=docs/hooks.md
guide_skip $PAGE 'branch-a: hook on_up (/etc/culvert/hook) failed with exit status 3' 'it shows what the log says; hooks.sh'
mkdir "$WORK/guide/log"
on gw-a install -m 755 /dev/stdin /usr/local/bin/logger <<<"#!/bin/sh
echo \"\$@\" >>$WORK/guide/log/said"
guide $PAGE 'Hooks'
wait_for "$UP_SECONDS" 'the hook runs' grep -F 'culvert-tunnels cv0 to gw-b is up' "$WORK/guide/log/said" && pass 'the hook runs when the tunnel is up'
guide_end $PAGE

# ---- proxies ----

PAGE=docs/proxies.md
printf 'Port 3128\nListen 192.0.2.99\nTimeout 600\nAllow 192.0.2.0/24\nConnectPort 443\n' >"$WORK/tinyproxy.conf"
start_bg "$WORK/proxy.log" proxy on internet tinyproxy -d -c "$WORK/tinyproxy.conf"
wait_for 5 'the proxy is there' listens internet 3128
guide $PAGE 'Through a proxy'
check 'the tunnel goes through it' jq -e '.sessions[0].proxy == "HTTP"' <(on alice culvert status alice --json)
guide_end $PAGE
on alice sed -i '/^proxy = /d' /etc/culvert/alice.conf
on alice systemctl restart culvert@alice
guide_settle

# ---- namespaces ----

PAGE=docs/container-networks.md
guide $PAGE 'A tunnel into a namespace'
check 'alice has no interface of it outside' test -z "$(ip_ns alice -o link show group 67)"
if setpriv --reuid 424242 --regid 424242 --clear-groups unshare --user --net true 2>/dev/null; then
	guide $PAGE 'One command inside the VPN'
else
	for line in 'sudo systemctl stop culvert@alice' 'culvert run ~/alice.conf -- ping -c 1 10.2.0.1'; do
		guide_skip $PAGE "$line" 'this machine gives ordinary users no namespaces'
	done
fi
guide $PAGE 'A namespace for each peer of a server'
blue() { on gw-b ip -n blue route show 10.1.0.0/24 | grep cv0; }
wait_for "$UP_SECONDS" "gw-a's network is in its namespace of gw-b" blue && pass "gw-a's network is in its namespace of gw-b"
guide_end $PAGE

# ---- several paths ----

PAGE=docs/mptcp.md
guide_skip $PAGE 'ss -Mtni dst 192.0.2.2    # a path is a connection with tcp-ulp-mptcp' 'ip mptcp monitor has no end; mptcp.sh looks at the paths'
if on alice test -e /proc/sys/net/mptcp/enabled; then
	veth gw-b wan1 alice wan1
	addr gw-b wan1 198.51.100.2/24
	addr alice wan1 198.51.100.9/24 203.0.113.7/24
	guide $PAGE 'A server with two addresses'
	paths() { [[ $(in_ns gw-b ss -HMtni state established sport = 443 src 198.51.100.2 | grep -c mptcp) -ge 1 ]]; }
	wait_for "$UP_SECONDS" 'there is a path by the other address' paths && pass 'there is a path by the other address'
	guide $PAGE 'A client with two uplinks'
else
	while read -r number _; do
		guide_skip $PAGE "$(head -n 1 "$(guide_page $PAGE)/$number")" 'this kernel has no MPTCP'
	done <"$(guide_page $PAGE)/blocks"
fi
guide_end $PAGE

# ---- containers ----

PAGE=docs/containers.md
guide_skip $PAGE 'docker build -f packaging/container/Dockerfile -t culvert .' 'no engine and no registry here; packaging/container/prove carries out its steps'
guide_skip $PAGE 'docker compose -f packaging/container/compose.yaml up -d --build culvertd' 'as above'
guide_skip $PAGE 'kubectl create secret generic culvertd --from-file=packaging/container/server/' 'no cluster here; prove has files as a Secret has them'
guide_tree "$WORK/guide/containers.tree"
guide_repository=$WORK/guide/containers.tree guide_host docker
guide_names['the machine with the containers']=docker
guide $PAGE 'Docker Compose'
on docker sh -ec 'mkdir /etc/culvert; cp packaging/container/server/* /etc/culvert/; cp packaging/container/client/client.conf /root/'
check 'the server takes its configuration' on docker "$WORK/guide/culvert" check --file-only /etc/culvert/culvertd.conf
check 'and the client its profile' on docker "$WORK/guide/culvert" check --file-only /root/client.conf
guide_end $PAGE

# ---- a laptop is lost ----

PAGE=docs/pki.md
on alice systemctl stop culvert@alice
guide $PAGE 'Revocation'
on alice systemctl start culvert@alice
refused() { on alice culvert status alice | grep -F 'revoked'; }
wait_for "$UP_SECONDS" 'alice is refused' refused && pass 'alice is refused, and is told why'
guide_end $PAGE

# ---- each page is typed ----

# What "Set it up" of docs/README.md lists, and which test ends it; configuration.md tells what keys mean, and has nothing to type.
guide_pages() {
	sed -n '/^## Set it up/,/^## Run it/s/^| \[[^]]*\](\([a-z-]*\.md\)).*/docs\/\1/p' "$TOP/docs/README.md"
}
check 'docs/README.md has guides' test "$(guide_pages | wc -l)" -ge 9
for page in README.md $(guide_pages); do
	[[ $page != docs/configuration.md ]] || continue
	check "a test types $page" grep -lE "^PAGE=$page\$|guide_end $page\$" "$TOP"/tests/system/guides_*.sh
done
finish
