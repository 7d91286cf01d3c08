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
echo '192.0.2.99 proxy.example.org' >>"$WORK/guide/alice/etc/hosts"
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
profile=$WORK/guide/alice/alice
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
before=$(on ca ./certs/culvert-pki --dir pki list | grep -c 'gw-a ')
guide $PAGE 'Renewal'
check_equal 'gw-a has a certificate more' $((before + 1)) "$(on ca ./certs/culvert-pki --dir pki list | grep -c 'gw-a ')"
wait_for "$UP_SECONDS" 'the networks reach each other' in_ns pc-a ping -n -q -c 1 -W 1 10.2.0.2 && pass 'gw-a forwards as before'

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

# ---- a laptop is lost ----

PAGE=docs/pki.md
on alice systemctl stop culvert@alice
guide $PAGE 'Revocation'
on alice systemctl start culvert@alice
refused() { on alice culvert status alice | grep -F 'revoked'; }
wait_for "$UP_SECONDS" 'alice is refused' refused && pass 'alice is refused, and is told why'
guide_end $PAGE
finish
