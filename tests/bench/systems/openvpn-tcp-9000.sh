# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# OpenVPN over TCP, tuned: packets of 9000 bytes, the kernel's buffer sizes, a longer queue, no
# delay.
# shellcheck source=tests/bench/systems/openvpn-tcp.sh
source "$TOP/tests/bench/systems/openvpn-tcp.sh"
SYSTEM_TITLE='OpenVPN, TCP, MTU 9000'
OPENVPN_MTU=9000 OPENVPN_OPTIONS=(--sndbuf 0 --rcvbuf 0 --txqueuelen 1000 --tcp-nodelay)
