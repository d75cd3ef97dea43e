/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Process and thread ids as the tool's pid namespace has them. */
#ifndef TRACEWRIGHT_PROCESS_BPF_H
#define TRACEWRIGHT_PROCESS_BPF_H

/* The tool's pid namespace; zero for the initial one. */
const volatile __u64 tw_pidns_dev = 0;
const volatile __u64 tw_pidns_ino = 0;

static __always_inline __u32 tw_pid(void)
{
	struct bpf_pidns_info ids = {};

	if (!tw_pidns_ino)
		return bpf_get_current_pid_tgid() >> 32;
	bpf_get_ns_current_pid_tgid(tw_pidns_dev, tw_pidns_ino, &ids, sizeof(ids));
	return ids.tgid;
}

static __always_inline __u32 tw_tid(void)
{
	struct bpf_pidns_info ids = {};

	if (!tw_pidns_ino)
		return bpf_get_current_pid_tgid();
	bpf_get_ns_current_pid_tgid(tw_pidns_dev, tw_pidns_ino, &ids, sizeof(ids));
	return ids.pid;
}

#endif
