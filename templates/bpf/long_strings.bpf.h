/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Strings too long for the verifier to follow a loop over them, piece by piece in callbacks.
 * Needs bpf_loop: Linux 5.17.
 */
#ifndef TRACEWRIGHT_LONG_STRINGS_BPF_H
#define TRACEWRIGHT_LONG_STRINGS_BPF_H

#define TW_PIECE 32

struct tw_long_strings {
	const char *a;
	const char *b;
	__u32 a_size;
	__u32 b_size;
	__s64 result;
};

/* Compares one piece: 1 when both end in it, -1 when they differ, 0 to go on. */
static __always_inline int tw_compare_piece(const char *a, const char *b, bool prefix)
{
	char x[TW_PIECE] = {}, y[TW_PIECE] = {};
	__u32 i;

	bpf_probe_read_kernel(x, sizeof(x), a);
	bpf_probe_read_kernel(y, sizeof(y), b);
	for (i = 0; i < TW_PIECE; i++) {
		if (prefix && !y[i])
			return 1;
		if (x[i] != y[i])
			return -1;
		if (!x[i])
			return 1;
	}
	return 0;
}

static long tw_equal_piece(__u64 index, void *data)
{
	struct tw_long_strings *strings = data;
	int same = tw_compare_piece(strings->a + index * TW_PIECE, strings->b + index * TW_PIECE, false);

	if (same < 0)
		strings->result = 0;
	return same != 0;
}

static __always_inline bool tw_long_str_equal(const char *a, const char *b, __u32 max)
{
	struct tw_long_strings strings = { .a = tw_plain_pointer(a), .b = tw_plain_pointer(b), .result = 1 };

	bpf_loop(max / TW_PIECE + 1, tw_equal_piece, &strings, 0);
	return strings.result;
}

static long tw_len_piece(__u64 index, void *data)
{
	struct tw_long_strings *strings = data;
	char piece[TW_PIECE] = {};
	__u32 i;

	bpf_probe_read_kernel(piece, sizeof(piece), strings->a + index * TW_PIECE);
	for (i = 0; i < TW_PIECE; i++) {
		if (!piece[i]) {
			strings->result = index * TW_PIECE + i;
			return 1;
		}
	}
	return 0;
}

static __always_inline __s64 tw_long_str_len(const char *s, __u32 capacity)
{
	struct tw_long_strings strings = { .a = tw_plain_pointer(s), .result = capacity };

	bpf_loop(capacity / TW_PIECE + 1, tw_len_piece, &strings, 0);
	return strings.result;
}

static long tw_prefix_piece(__u64 index, void *data)
{
	struct tw_long_strings *strings = data;
	int same = tw_compare_piece(strings->a + index * TW_PIECE, strings->b + index * TW_PIECE, true);

	if (same > 0)
		strings->result = 1;
	return same != 0;
}

static long tw_find_at(__u64 index, void *data)
{
	struct tw_long_strings *strings = data;
	struct tw_long_strings here = { .a = strings->a + index, .b = strings->b };
	char first = 0;

	bpf_loop(strings->b_size / TW_PIECE + 1, tw_prefix_piece, &here, 0);
	if (here.result) {
		strings->result = index;
		return 1;
	}
	bpf_probe_read_kernel(&first, sizeof(first), here.a);
	return !first;
}

static __always_inline __s64 tw_long_str_find(const char *haystack, __u32 haystack_size, const char *needle,
					      __u32 needle_size)
{
	struct tw_long_strings strings = {
		.a = tw_plain_pointer(haystack),
		.b = tw_plain_pointer(needle),
		.a_size = haystack_size,
		.b_size = needle_size,
		.result = -1,
	};

	bpf_loop(haystack_size, tw_find_at, &strings, 0);
	return strings.result;
}

#endif
