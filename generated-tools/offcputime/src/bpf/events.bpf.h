/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Records on their way to user space, and what was lost of them. */
#ifndef TRACEWRIGHT_EVENTS_BPF_H
#define TRACEWRIGHT_EVENTS_BPF_H

#include "losses.bpf.h"

#define TW_ACTION_EXIT 0xffffffff
#define TW_ACTION_CHECK 0xfffffffe

/* The reader is woken when this much has come since it was woken last; otherwise it looks by itself. */
#define TW_WAKEUP_BYTES (64 * 1024)

struct tw_header {
	__u32 action;
	__u32 aux;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024);
} tw_events SEC(".maps");

/* Where the ring's producer was when the reader was woken last. CPUs may race for it: a wake-up more does no harm. */
__u64 tw_woken;

/* Functions of their own rather than inlined: the verifier looks at them once. */
__noinline int tw_wakeup(void)
{
	__u64 produced = bpf_ringbuf_query(&tw_events, BPF_RB_PROD_POS);

	if (produced - tw_woken < TW_WAKEUP_BYTES)
		return BPF_RB_NO_WAKEUP;
	tw_woken = produced;
	return BPF_RB_FORCE_WAKEUP;
}

/* The rest of the ring is kept for control records, so that exit() and print(@map) get through a flood of data. */
__noinline int tw_room_for_data(__u64 size)
{
	__u64 ring = bpf_ringbuf_query(&tw_events, BPF_RB_RING_SIZE);
	__u64 kept = ring / 8;

	if (kept < 32 * 1024)
		kept = 32 * 1024;
	if (kept > ring / 2)
		kept = ring / 2;
	return bpf_ringbuf_query(&tw_events, BPF_RB_AVAIL_DATA) + size + kept <= ring;
}

/* Room for a control record of constant size; NULL, and counted as lost, when there is none. */
static __always_inline void *tw_reserve_control(__u64 size, __u32 action)
{
	struct tw_header *header = bpf_ringbuf_reserve(&tw_events, size, 0);

	if (!header) {
		tw_lost(TW_LOST_EVENTS);
		return NULL;
	}
	header->action = action;
	header->aux = 0;
	return header;
}

/* Room for a data record. */
static __always_inline void *tw_reserve(__u64 size, __u32 action)
{
	if (!tw_room_for_data(size)) {
		tw_lost(TW_LOST_EVENTS);
		return NULL;
	}
	return tw_reserve_control(size, action);
}

static __always_inline void tw_submit(void *record)
{
	bpf_ringbuf_submit(record, tw_wakeup());
}

/* What is to be done with maps is to be done before they change much. */
static __always_inline void tw_submit_control(void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

/* Sends a record whose size is known only now. */
static __always_inline void tw_output(void *record, __u64 size)
{
	if (!tw_room_for_data(size) || bpf_ringbuf_output(&tw_events, record, size, tw_wakeup()))
		tw_lost(TW_LOST_EVENTS);
}

static __always_inline void tw_output_control(void *record, __u64 size)
{
	if (bpf_ringbuf_output(&tw_events, record, size, BPF_RB_FORCE_WAKEUP))
		tw_lost(TW_LOST_EVENTS);
}

#endif
