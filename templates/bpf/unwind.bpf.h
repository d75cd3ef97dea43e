/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Stacks of programs without frame pointers. The tool turns .eh_frame of what the traced process has mapped into rows,
 * sorted by address within each file, that tell where the caller's registers are.
 */
#ifndef TRACEWRIGHT_UNWIND_BPF_H
#define TRACEWRIGHT_UNWIND_BPF_H

#include "process.bpf.h"
#include "scratch.bpf.h"
#include "stacks.bpf.h"

#if defined(__TARGET_ARCH_x86)

/* The tool sizes the rows; both halves of the mappings hold as many as one binary search of these steps finds. */
#define TW_UNWIND_ROWS (1 << 19)
#define TW_UNWIND_MAPPINGS 1024
#define TW_UNWIND_MAPPING_STEPS 11
#define TW_UNWIND_ROW_STEPS 24

/* How the frame's address (CFA) is found. */
#define TW_CFA_NONE 0	/* no caller, or a rule that is not known here */
#define TW_CFA_SP 1	/* sp + offset */
#define TW_CFA_BP 2	/* bp + offset */
#define TW_CFA_PLT 3	/* sp + 8, and 8 more from that byte of an entry of 16 on */
#define TW_CFA_SIGNAL 4	/* the kernel's frame of a signal: registers lie in the ucontext at sp */

/* Of a ucontext: uc_mcontext.gregs. */
#define TW_SIGNAL_BP (40 + 10 * 8)
#define TW_SIGNAL_SP (40 + 15 * 8)
#define TW_SIGNAL_IP (40 + 16 * 8)

struct tw_unwind_row {
	__u32 pc;
	__s32 cfa_offset;
	__s16 bp_offset; /* of the CFA, where the caller's bp is; 0: bp is as it was */
	__u8 cfa;
	__u8 unused[5];
};

struct tw_unwind_mapping {
	__u64 start;
	__u64 end;
	__u64 bias; /* of addresses in the file */
	__u32 first_row;
	__u32 rows;
	__u32 tgid;
	__u32 unused;
};

/* Which half of the mappings is in use. */
struct tw_unwind_now {
	__u32 first;
	__u32 count;
};

struct tw_unwind_state {
	__u64 users;
	__u64 ip;
	__u64 sp;
	__u64 bp;
	__u32 tgid;
	__u32 depth;
	__u64 is_call; /* ip is where a call returns to: what counts is the call before it */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_UNWIND_ROWS);
	__type(key, __u32);
	__type(value, struct tw_unwind_row);
} tw_unwind_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * TW_UNWIND_MAPPINGS);
	__type(key, __u32);
	__type(value, struct tw_unwind_mapping);
} tw_unwind_maps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tw_unwind_now);
} tw_unwind_now SEC(".maps");

/* As tw_scratch; its slots are named by their index, since functions of their own take numbers on every kernel. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_SCRATCH_LEVELS);
	__type(key, __u32);
	__type(value, struct tw_unwind_state);
} tw_unwind_states SEC(".maps");

struct task_struct___unwind {
	void *stack;
} __attribute__((preserve_access_index));

enum bpf_func_id___unwind {
	BPF_FUNC_task_pt_regs___unwind = 175,
};

/* The last row at or before an address, plus one; first where there is none. */
__noinline __u32 tw_unwind_row_after(__u32 pc, __u32 first, __u32 rows)
{
	__u32 low = first, high = first + rows, step, middle;
	struct tw_unwind_row *row;

	for (step = 0; step < TW_UNWIND_ROW_STEPS; step++) {
		if (low >= high)
			break;
		middle = low + (high - low) / 2;
		row = bpf_map_lookup_elem(&tw_unwind_rows, &middle);
		if (!row)
			return first;
		if (row->pc <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The same of mappings. */
__noinline __u32 tw_unwind_mapping_after(__u64 ip, __u32 tgid)
{
	__u32 zero = 0, low, high, step, middle, first;
	struct tw_unwind_mapping *mapping;
	struct tw_unwind_now *now = bpf_map_lookup_elem(&tw_unwind_now, &zero);

	if (!now)
		return 0;
	first = now->first;
	low = first;
	high = first + now->count;
	for (step = 0; step < TW_UNWIND_MAPPING_STEPS; step++) {
		if (low >= high)
			break;
		middle = low + (high - low) / 2;
		mapping = bpf_map_lookup_elem(&tw_unwind_maps, &middle);
		if (!mapping)
			return 0;
		if (mapping->tgid < tgid || (mapping->tgid == tgid && mapping->start <= ip))
			low = middle + 1;
		else
			high = middle;
	}
	return low > first ? low : 0;
}

static __always_inline __u64 tw_unwind_word(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

/* One frame up: the address of the call there, 0 where the stack ends. */
__noinline __u64 tw_unwind_frame(__u32 slot)
{
	struct tw_unwind_state *state = bpf_map_lookup_elem(&tw_unwind_states, &slot);
	struct tw_unwind_mapping *mapping;
	struct tw_unwind_row *row;
	__u64 ip, pc, cfa;
	__u32 index;

	if (!state)
		return 0;
	ip = state->ip - !!state->is_call;
	index = tw_unwind_mapping_after(ip, state->tgid);
	if (!index)
		return 0;
	index--;
	mapping = bpf_map_lookup_elem(&tw_unwind_maps, &index);
	if (!mapping || mapping->tgid != state->tgid || ip < mapping->start || ip >= mapping->end)
		return 0;
	pc = ip - mapping->bias;
	if (pc >> 32)
		return 0;
	index = tw_unwind_row_after(pc, mapping->first_row, mapping->rows);
	if (index == mapping->first_row)
		return 0;
	index--;
	row = bpf_map_lookup_elem(&tw_unwind_rows, &index);
	if (!row)
		return 0;
	switch (row->cfa) {
	case TW_CFA_SP:
		cfa = state->sp + row->cfa_offset;
		break;
	case TW_CFA_BP:
		cfa = state->bp + row->cfa_offset;
		break;
	case TW_CFA_PLT:
		cfa = state->sp + ((ip & 15) >= row->cfa_offset ? 16 : 8);
		break;
	case TW_CFA_SIGNAL:
		state->ip = tw_unwind_word(state->sp + TW_SIGNAL_IP);
		state->bp = tw_unwind_word(state->sp + TW_SIGNAL_BP);
		state->sp = tw_unwind_word(state->sp + TW_SIGNAL_SP);
		state->is_call = 0;
		return state->ip;
	default:
		return 0;
	}
	ip = tw_unwind_word(cfa - 8);
	/* The stack grows down: whoever would not come nearer to its end goes round in circles. */
	if (!ip || cfa <= state->sp)
		return 0;
	if (row->bp_offset)
		state->bp = tw_unwind_word(cfa + row->bp_offset);
	state->ip = ip;
	state->sp = cfa;
	state->is_call = 1;
	return ip - 1;
}

/* Registers with which the task left user space: at the top of its kernel stack. */
static __always_inline void tw_user_registers(struct tw_unwind_state *state)
{
	struct task_struct___unwind *task;
	struct pt_regs *registers;

	if (bpf_core_enum_value_exists(enum bpf_func_id___unwind, BPF_FUNC_task_pt_regs___unwind)) {
		registers = (void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf());
	} else {
		task = (void *)bpf_get_current_task();
		/* Before 5.15: stacks of x86_64 are 16 KiB, with nothing above the registers. */
		registers = BPF_CORE_READ(task, stack) + (16384 - sizeof(*registers));
	}
	bpf_probe_read_kernel(&state->ip, sizeof(state->ip), &registers->ip);
	bpf_probe_read_kernel(&state->sp, sizeof(state->sp), &registers->sp);
	bpf_probe_read_kernel(&state->bp, sizeof(state->bp), &registers->bp);
}

/* As tw_take_stack, of the user's stack. */
static __always_inline void tw_take_unwound_stack(void *ctx, void *map, struct tw_stack *stack, __u64 *ips,
						  __u32 limit)
{
	__u32 slot = bpf_get_smp_processor_id() * TW_SCRATCH_LEVELS;
	struct tw_unwind_state *state = NULL;
	__u32 level, depth;
	__u64 id, ip;

	stack->id = 0;
	stack->depth = 0;
	stack->tgid = bpf_get_current_pid_tgid() >> 32;
	for (level = 0; level < TW_SCRATCH_LEVELS; level++, slot++) {
		state = bpf_map_lookup_elem(&tw_unwind_states, &slot);
		if (!state)
			return;
		__sync_fetch_and_add(&state->users, 1);
		if (*(volatile __u64 *)&state->users == 1)
			break;
		__sync_fetch_and_add(&state->users, -1);
		state = NULL;
	}
	if (!state) {
		tw_lost(TW_LOST_NESTED);
		return;
	}
	tw_user_registers(state);
	ip = state->ip;
	state->tgid = tw_pid();
	state->is_call = 0;
	for (depth = 0; depth < limit; depth++) {
		if (!ip)
			break;
		ips[depth] = ip;
		ip = tw_unwind_frame(slot);
	}
	/* The verifier knew each depth as a path of its own. */
	*(volatile __u32 *)&state->depth = depth;
	depth = *(volatile __u32 *)&state->depth;
	__sync_fetch_and_add(&state->users, -1);
	stack->depth = depth;
	if (!depth)
		return;
	id = tw_stack_hash(ips, depth, limit);
	stack->id = id;
	if (!bpf_map_lookup_elem(map, &id) && bpf_map_update_elem(map, &id, ips, BPF_ANY))
		tw_lost(TW_LOST_STACKS);
}

#else

/* Rows are for x86_64 only: that this map is there has the tool say so. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tw_unwind_absent SEC(".maps");

static __always_inline void tw_take_unwound_stack(void *ctx, void *map, struct tw_stack *stack, __u64 *ips,
						  __u32 limit)
{
	tw_take_stack(ctx, map, stack, ips, limit, BPF_F_USER_STACK);
}

#endif

#endif
