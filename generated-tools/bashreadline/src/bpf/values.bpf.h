/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Values that user space turns into text. */
#ifndef TRACEWRIGHT_VALUES_BPF_H
#define TRACEWRIGHT_VALUES_BPF_H

/* usym(), and func in user programs. */
struct tw_user_symbol {
	__u64 addr;
	__u32 tgid;
	__u32 probe;
};

/* ntop(): AF_INET or AF_INET6. */
struct tw_inet {
	__u32 family;
	__u8 addr[16];
};

/* strftime() */
struct tw_timestamp {
	__u64 nsecs;
	__u32 format;
	__u32 clock;
};

/* cgroup_path(): filter is ~0 for none. */
struct tw_cgroup_path {
	__u64 id;
	__u64 filter;
};

#endif
