# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# No VPN: the link itself.
SYSTEM_TITLE='no VPN'
SYSTEM_CIPHER='none'
system_version() { uname -r; }
