/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Stacks: the addresses are kept once, in a map by their hash; values carry the hash. */
#ifndef TRACEWRIGHT_STACKS_BPF_H
#define TRACEWRIGHT_STACKS_BPF_H

#include "losses.bpf.h"

struct tw_stack {
	__u64 id;
	__u32 depth;
	__u32 tgid;
};

static __always_inline __u64 tw_stack_hash(const __u64 *ips, __u32 depth, __u32 limit)
{
	__u64 hash = 0xcbf29ce484222325;
	__u32 i;

	for (i = 0; i < limit; i++) {
		if (i >= depth)
			break;
		hash = (hash ^ ips[i]) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 32;
	}
	return hash;
}

/* Takes a stack into ips, room for limit addresses, and keeps it in map. */
static __always_inline void tw_take_stack(void *ctx, void *map, struct tw_stack *stack, __u64 *ips, __u32 limit,
					  __u64 flags)
{
	long size = bpf_get_stack(ctx, ips, limit * sizeof(*ips), flags);
	/* Before 5.16 a key may not lie in a record. */
	__u64 id;

	stack->id = 0;
	stack->depth = 0;
	stack->tgid = flags & BPF_F_USER_STACK ? bpf_get_current_pid_tgid() >> 32 : 0;
	if (size <= 0)
		return;
	stack->depth = (__u32)size / sizeof(*ips);
	id = tw_stack_hash(ips, stack->depth, limit);
	stack->id = id;
	if (!bpf_map_lookup_elem(map, &id) && bpf_map_update_elem(map, &id, ips, BPF_ANY))
		tw_lost(TW_LOST_STACKS);
}

/* The same with a struct bpf_stack_build_id a frame: four words of ips, which has room for limit words. */
static __always_inline void tw_take_build_ids(void *ctx, void *map, struct tw_stack *stack, __u64 *ips, __u32 limit)
{
	long size = bpf_get_stack(ctx, ips, limit * sizeof(*ips), BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
	__u64 id;

	stack->id = 0;
	stack->depth = 0;
	stack->tgid = bpf_get_current_pid_tgid() >> 32;
	if (size <= 0)
		return;
	stack->depth = (__u32)size / (4 * sizeof(*ips));
	id = tw_stack_hash(ips, (__u32)size / sizeof(*ips), limit);
	stack->id = id;
	if (!bpf_map_lookup_elem(map, &id) && bpf_map_update_elem(map, &id, ips, BPF_ANY))
		tw_lost(TW_LOST_STACKS);
}

#endif
