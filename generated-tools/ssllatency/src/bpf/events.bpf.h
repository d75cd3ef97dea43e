/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Records on their way to user space, and what was lost of them. */
#ifndef TRACEWRIGHT_EVENTS_BPF_H
#define TRACEWRIGHT_EVENTS_BPF_H

#include "losses.bpf.h"

#define TW_ACTION_EXIT 0xffffffff
#define TW_ACTION_CHECK 0xfffffffe

/* So much may be written at most before the next look at the ring, which wakes the reader when much waits. */
#define TW_LOOK_BYTES (64 * 1024)

struct tw_header {
	__u32 action;
	__u32 aux;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024);
} tw_events SEC(".maps");

/*
 * Bytes that may be written before the next look: asking the ring costs more than a record. CPUs share it, so
 * it is counted atomically: else each could write so much between two looks.
 */
__s64 tw_credit = 0;
/* The next data record wakes the reader. */
bool tw_wake = false;

/*
 * Looks whether the ring has room for a data record. The rest of the ring is kept for control records, so that exit() and
 * print(@map) get through a flood of data. A function of its own: the verifier looks at it once.
 */
__noinline int tw_look(__u64 size)
{
	__u64 ring = bpf_ringbuf_query(&tw_events, BPF_RB_RING_SIZE);
	__u64 used = bpf_ringbuf_query(&tw_events, BPF_RB_AVAIL_DATA) + size;
	__u64 kept = ring / 8, credit;

	if (kept < 32 * 1024)
		kept = 32 * 1024;
	if (kept > ring / 2)
		kept = ring / 2;
	if (used + kept > ring)
		return 0;
	/* The reader of a small ring is woken before it is full. */
	credit = (ring - kept) / 4;
	if (credit > TW_LOOK_BYTES)
		credit = TW_LOOK_BYTES;
	/* A few records are read soon enough by a reader that looks by itself. */
	if (used >= credit / 2)
		tw_wake = true;
	if (credit > ring - kept - used)
		credit = ring - kept - used;
	tw_credit = credit;
	return 1;
}

static __always_inline bool tw_room_for_data(__u64 size)
{
	/* Records have a header of the kernel's. */
	__sync_fetch_and_add(&tw_credit, -(__s64)(size + 8));
	return tw_credit >= 0 || tw_look(size);
}

static __always_inline __u64 tw_wakeup(void)
{
	if (!tw_wake)
		return BPF_RB_NO_WAKEUP;
	tw_wake = false;
	return BPF_RB_FORCE_WAKEUP;
}

/* Counts a record that found no room: all of them, and those of its action. */
__noinline int tw_lost_event(__u32 action)
{
	tw_lost(TW_LOST_EVENTS);
	return action < TW_ACTION_CHECK ? tw_lost(TW_LOSSES + action) : 0;
}

/* Room for a control record of constant size; NULL, and counted as lost, when there is none. */
static __always_inline void *tw_reserve_control(__u64 size, __u32 action)
{
	struct tw_header *header = bpf_ringbuf_reserve(&tw_events, size, 0);

	if (!header) {
		tw_lost_event(action);
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
		tw_lost_event(action);
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

/* Sends a record that is no more than its header. */
static __always_inline void tw_send(__u32 action)
{
	struct tw_header *record = tw_reserve(sizeof(*record), action);

	if (record)
		tw_submit(record);
}

static __always_inline void tw_send_control(__u32 action)
{
	struct tw_header *record = tw_reserve_control(sizeof(*record), action);

	if (record)
		tw_submit_control(record);
}

/* print(@map, top, div) */
static __always_inline void tw_print_map(__u32 action, __u64 top, __u64 div)
{
	struct {
		struct tw_header header;
		__u64 top;
		__u64 div;
	} *record = tw_reserve_control(sizeof(*record), action);

	if (!record)
		return;
	record->top = top;
	record->div = div;
	tw_submit_control(record);
}

/* Sends a record whose size is known only now. */
static __always_inline void tw_output(void *record, __u64 size)
{
	if (!tw_room_for_data(size) || bpf_ringbuf_output(&tw_events, record, size, tw_wakeup()))
		tw_lost_event(((struct tw_header *)record)->action);
}

static __always_inline void tw_output_control(void *record, __u64 size)
{
	if (bpf_ringbuf_output(&tw_events, record, size, BPF_RB_FORCE_WAKEUP))
		tw_lost_event(((struct tw_header *)record)->action);
}

#endif
