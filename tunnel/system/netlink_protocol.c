/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_protocol.h"

#include <linux/rtnetlink.h>
#include <stddef.h>

#include "system/netlink.h"

#ifndef RTPROT_OPENR /* linux/rtnetlink.h, 5.6 */
#define RTPROT_OPENR 99
#endif
#ifndef RTPROT_KEEPALIVED /* linux/rtnetlink.h, 5.1 */
#define RTPROT_KEEPALIVED 18
#endif

static const char *const names[UINT8_MAX + 1] = {
	[RTPROT_KERNEL] = "the kernel",
	[RTPROT_BOOT] = "ip or ifconfig",
	[RTPROT_STATIC] = "an administrator or network manager",
	[RTPROT_RA] = "a router advertisement",
	[RTPROT_MRT] = "mrt",
	[RTPROT_ZEBRA] = "zebra",
	[RTPROT_BIRD] = "bird",
	[RTPROT_DNROUTED] = "dnrouted",
	[RTPROT_XORP] = "xorp",
	[RTPROT_NTK] = "netsukuku",
	[RTPROT_DHCP] = "a DHCP client",
	[RTPROT_MROUTED] = "mrouted",
	[RTPROT_KEEPALIVED] = "keepalived",
	[RTPROT_BABEL] = "babeld",
	[RTPROT_CULVERT] = "culvert",
	[RTPROT_OPENR] = "open/r",
	[RTPROT_BGP] = "a BGP daemon",
	[RTPROT_ISIS] = "an IS-IS daemon",
	[RTPROT_OSPF] = "an OSPF daemon",
	[RTPROT_RIP] = "a RIP daemon",
	[RTPROT_EIGRP] = "an EIGRP daemon",
};

const char *netlink_protocol_name(uint8_t protocol)
{
	return names[protocol];
}
