/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Counters of what was lost, told by the tool at exit. */
#ifndef TRACEWRIGHT_LOSSES_BPF_H
#define TRACEWRIGHT_LOSSES_BPF_H

#define TW_LOST_EVENTS 0
#define TW_LOST_NESTED 1
#define TW_LOST_STACKS 2
#define TW_LOSSES 3
/* Behind these the tool puts one for each action of the script: its lost records. */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TW_LOSSES);
	__type(key, __u32);
	__type(value, __u64);
} tw_losses SEC(".maps");

__noinline int tw_lost(__u32 what)
{
	__u64 *count = bpf_map_lookup_elem(&tw_losses, &what);

	if (count)
		*count += 1;
	return 0;
}

#endif
