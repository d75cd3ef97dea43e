/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Expressions of a parameter: 'tcp_sendmsg(struct sock *sk, void *msg, size_t size) (size > 64) "%d", size'. When the tool
 * starts they become steps of a little machine with a stack, in rodata; the verifier sees them as constants, and follows
 * only what is asked for.
 */
#ifndef TRACEWRIGHT_SPEC_BPF_H
#define TRACEWRIGHT_SPEC_BPF_H

#define TW_SPEC_VALUES 6
#define TW_SPEC_STEPS 24
#define TW_SPEC_DEPTH 8
#define TW_SPEC_FILTER TW_SPEC_VALUES

enum tw_spec_operation {
	TW_SPEC_END,
	/* Something is put on the stack: a number, an argument or result, an argument at the entry, a field of the context. */
	TW_SPEC_NUMBER,
	TW_SPEC_INPUT,
	TW_SPEC_AT_ENTRY,
	TW_SPEC_LATENCY,
	TW_SPEC_PID,
	TW_SPEC_TGID,
	TW_SPEC_UID,
	TW_SPEC_GID,
	TW_SPEC_CPU,
	TW_SPEC_CONTEXT,
	/* The top is replaced: by what memory has there, by some of its bits. */
	TW_SPEC_LOAD,
	TW_SPEC_CAST,
	TW_SPEC_NEGATE,
	TW_SPEC_INVERT,
	TW_SPEC_NOT,
	/* The two topmost are replaced by one. */
	TW_SPEC_ADD,
	TW_SPEC_SUBTRACT,
	TW_SPEC_MULTIPLY,
	TW_SPEC_DIVIDE,
	TW_SPEC_MODULO,
	TW_SPEC_AND,
	TW_SPEC_OR,
	TW_SPEC_XOR,
	TW_SPEC_LEFT,
	TW_SPEC_RIGHT,
	TW_SPEC_EQUAL,
	TW_SPEC_LESS,
	TW_SPEC_LESS_OR_EQUAL,
	TW_SPEC_BOTH,
	TW_SPEC_EITHER,
};

/* Of a load, a cast and a comparison: bytes, negative if there is a sign. */
struct tw_spec_step {
	__u32 operation;
	__s32 size;
	__s64 number;
};

/* Values, and the filter. */
const volatile struct tw_spec_step tw_spec[TW_SPEC_VALUES + 1][TW_SPEC_STEPS] = {};
/* Which values are addresses of strings. */
const volatile __u32 tw_spec_text[TW_SPEC_VALUES] = {};
/* Values or filter ask for the time since the entry, or arguments there. */
const volatile __u32 tw_spec_wants_entry = 0;

/* What the probe passes to spec_*(): its arguments, or at a return the result in every place. */
struct tw_spec_inputs {
	__u64 values[6];
};

struct tw_spec_entry {
	__u64 nsecs;
	struct tw_spec_inputs inputs;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct tw_spec_entry);
} tw_spec_entries SEC(".maps");

static __always_inline __s64 tw_spec_sized(__s64 value, __s32 size)
{
	switch (size) {
	case 1:
		return (__u8)value;
	case 2:
		return (__u16)value;
	case 4:
		return (__u32)value;
	case -1:
		return (__s8)value;
	case -2:
		return (__s16)value;
	case -4:
		return (__s32)value;
	default:
		return value;
	}
}

/* Addresses of the kernel are in the upper half. Little endian, as all that tools are built for. */
static __always_inline __s64 tw_spec_load(__s64 address, __s32 size)
{
	__u32 bytes = size < 0 ? -size : size;
	__s64 value = 0;

	if (bytes > sizeof(value))
		return 0;
	if (address < 0)
		bpf_probe_read_kernel(&value, bytes, (void *)address);
	else
		bpf_probe_read_user(&value, bytes, (void *)address);
	return tw_spec_sized(value, size);
}

/* Without a size, the address itself. */
static __always_inline __s64 tw_spec_context(void *ctx, __s64 offset, __s32 size)
{
	__u32 bytes = size < 0 ? -size : size;
	__s64 value = 0;

	if (!bytes)
		return (__s64)ctx + offset;
	if (bytes > sizeof(value))
		return 0;
	bpf_probe_read_kernel(&value, bytes, ctx + offset);
	return tw_spec_sized(value, size);
}

static __always_inline struct tw_spec_entry *tw_spec_entry_of_thread(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&tw_spec_entries, &tid);
}

static __always_inline __s64 tw_spec_operand(void *ctx, const struct tw_spec_inputs *inputs, __u32 operation, __s32 size,
					     __s64 number)
{
	struct tw_spec_entry *entry;

	switch (operation) {
	case TW_SPEC_NUMBER:
		return number;
	case TW_SPEC_INPUT:
		return tw_spec_sized(inputs->values[number < 6 ? number : 0], size);
	case TW_SPEC_AT_ENTRY:
		entry = tw_spec_entry_of_thread();
		return entry ? tw_spec_sized(entry->inputs.values[number < 6 ? number : 0], size) : 0;
	case TW_SPEC_LATENCY:
		entry = tw_spec_entry_of_thread();
		return entry ? bpf_ktime_get_ns() - entry->nsecs : 0;
	case TW_SPEC_PID:
		return (__u32)bpf_get_current_pid_tgid();
	case TW_SPEC_TGID:
		return bpf_get_current_pid_tgid() >> 32;
	case TW_SPEC_UID:
		return (__u32)bpf_get_current_uid_gid();
	case TW_SPEC_GID:
		return bpf_get_current_uid_gid() >> 32;
	case TW_SPEC_CPU:
		return bpf_get_smp_processor_id();
	default:
		return tw_spec_context(ctx, number, size);
	}
}

static __always_inline __s64 tw_spec_changed(__s64 value, __u32 operation, __s32 size, __s64 number)
{
	switch (operation) {
	case TW_SPEC_LOAD:
		return tw_spec_load(value + number, size);
	case TW_SPEC_CAST:
		return tw_spec_sized(value, size);
	case TW_SPEC_NEGATE:
		return -value;
	case TW_SPEC_INVERT:
		return ~value;
	default:
		return !value;
	}
}

/* Division by zero gives zero. */
static __always_inline __s64 tw_spec_divided(__s64 a, __s64 b, bool rest)
{
	__u64 left = a < 0 ? -a : a, right = b < 0 ? -b : b;
	__u64 result;

	if (!right)
		return 0;
	result = rest ? left % right : left / right;
	return (rest ? a < 0 : (a < 0) != (b < 0)) ? -result : result;
}

static __always_inline __s64 tw_spec_combined(__s64 a, __s64 b, __u32 operation, __s32 size)
{
	switch (operation) {
	case TW_SPEC_ADD:
		return a + b;
	case TW_SPEC_SUBTRACT:
		return a - b;
	case TW_SPEC_MULTIPLY:
		return a * b;
	case TW_SPEC_DIVIDE:
		return tw_spec_divided(a, b, false);
	case TW_SPEC_MODULO:
		return tw_spec_divided(a, b, true);
	case TW_SPEC_AND:
		return a & b;
	case TW_SPEC_OR:
		return a | b;
	case TW_SPEC_XOR:
		return a ^ b;
	case TW_SPEC_LEFT:
		return (__u64)a << (b & 63);
	case TW_SPEC_RIGHT:
		return size < 0 ? a >> (b & 63) : (__s64)((__u64)a >> (b & 63));
	case TW_SPEC_EQUAL:
		return a == b;
	case TW_SPEC_LESS:
		return size < 0 ? a < b : (__u64)a < (__u64)b;
	case TW_SPEC_LESS_OR_EQUAL:
		return size < 0 ? a <= b : (__u64)a <= (__u64)b;
	case TW_SPEC_BOTH:
		return a && b;
	default:
		return a || b;
	}
}

static __noinline __s64 tw_spec_value(void *ctx, const struct tw_spec_inputs *inputs, __u32 which)
{
	__s64 stack[TW_SPEC_DEPTH] = {}, value = 0;
	__u32 at, depth = 0;

	if (which > TW_SPEC_FILTER)
		return 0;
	for (at = 0; at < TW_SPEC_STEPS; at++) {
		__u32 operation = tw_spec[which][at].operation;
		__s32 size = tw_spec[which][at].size;
		__s64 number = tw_spec[which][at].number;

		if (operation == TW_SPEC_END)
			break;
		if (operation <= TW_SPEC_CONTEXT) {
			stack[depth++ & (TW_SPEC_DEPTH - 1)] = value;
			value = tw_spec_operand(ctx, inputs, operation, size, number);
		} else if (operation <= TW_SPEC_NOT) {
			value = tw_spec_changed(value, operation, size, number);
		} else {
			value = tw_spec_combined(stack[--depth & (TW_SPEC_DEPTH - 1)], value, operation, size);
		}
	}
	return value;
}

/* Whether the filter lets the event through; without a filter, all. */
static __always_inline bool tw_spec_holds(void *ctx, const struct tw_spec_inputs *inputs)
{
	if (tw_spec_wants_entry && !tw_spec_entry_of_thread())
		return false;
	if (tw_spec[TW_SPEC_FILTER][0].operation == TW_SPEC_END)
		return true;
	return tw_spec_value(ctx, inputs, TW_SPEC_FILTER) != 0;
}

static __always_inline bool tw_spec_is_text(__u32 which)
{
	return tw_spec_text[which];
}

/* Keeps the time and the arguments for the return. */
static __always_inline bool tw_spec_enter(const struct tw_spec_inputs *inputs)
{
	struct tw_spec_entry entry = { .nsecs = bpf_ktime_get_ns(), .inputs = *inputs };
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	if (!tw_spec_wants_entry)
		return false;
	return !bpf_map_update_elem(&tw_spec_entries, &tid, &entry, BPF_ANY);
}

#endif
