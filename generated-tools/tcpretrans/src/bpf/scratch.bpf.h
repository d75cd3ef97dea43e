/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Memory for what does not fit on the 512 byte stack. A program can be interrupted, or preempted, by another one on the
 * same CPU, so each CPU has several slots and a program claims a free one. A slot starts with the number of its users;
 * the tool sizes the map to CPUs x TW_SCRATCH_LEVELS.
 */
#ifndef TRACEWRIGHT_SCRATCH_BPF_H
#define TRACEWRIGHT_SCRATCH_BPF_H

#include "losses.bpf.h"

#define TW_SCRATCH_LEVELS 4

static __always_inline void *tw_claim(void *slots)
{
	__u32 first = bpf_get_smp_processor_id() * TW_SCRATCH_LEVELS;
	__u32 level, index;
	__u64 *users;

	for (level = 0; level < TW_SCRATCH_LEVELS; level++) {
		index = first + level;
		users = bpf_map_lookup_elem(slots, &index);
		if (!users)
			break;
		/* Plain adds: fetching ones need 5.12. Whoever sees 1 is alone. */
		__sync_fetch_and_add(users, 1);
		if (*(volatile __u64 *)users == 1)
			return users;
		__sync_fetch_and_add(users, -1);
	}
	tw_lost(TW_LOST_NESTED);
	return NULL;
}

static __always_inline void tw_release(__u64 *users)
{
	__sync_fetch_and_add(users, -1);
}

#endif
