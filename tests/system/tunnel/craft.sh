# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Control messages as bytes, for the puppet (`control HEX`), by the numbers of docs/protocol.md.

tlv() { # NUMBER HEX
	printf '%04x%04x%s' "$1" $((${#2} / 2)) "$2"
}
text() { # STRING
	printf %s "$1" | od -An -v -tx1 | tr -d ' \n'
}
u16() { printf %04x "$1"; }
u32() { printf %08x "$1"; }
bytes() { # COUNT
	[[ $1 -eq 0 ]] || printf "%0$(($1 * 2))x" 0
}
# A welcome, field by field; an argument N=HEX replaces field N, N= leaves it out.
welcome() { # [N=HEX...]
	local fields=([1]=0001 [2]="$(text gw-b)" [3]="$(bytes 8)" [4]="$(bytes 32)" [6]=01 [7]="$(u32 1500)"
		[8]=0ad50009 [9]=0ad50001 [12]="$(u32 5000)" [13]="$(u32 15000)") argument body='' number
	for argument; do
		case $argument in
		*=) unset "fields[${argument%=}]" ;;
		*) fields[${argument%%=*}]=${argument#*=} ;;
		esac
	done
	for number in "${!fields[@]}"; do
		body+=$(tlv "$number" "${fields[$number]}")
	done
	echo "control $(tlv 2 "$body")"
}
