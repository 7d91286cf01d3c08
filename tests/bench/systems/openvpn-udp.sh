# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# OpenVPN over UDP with its defaults.
# shellcheck source=tests/bench/systems/openvpn-tcp.sh
source "$TOP/tests/bench/systems/openvpn-tcp.sh"
SYSTEM_TITLE='OpenVPN, UDP'
OPENVPN_PROTO=udp
