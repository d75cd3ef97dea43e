/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Which of a program's targets an event is of: an attach cookie. Where the kernel has none for this kind of program, the
 * tool loads a copy of the program for each target, with its index in the place of a number that stands for it.
 */
#ifndef TRACEWRIGHT_PROBE_INDEX_BPF_H
#define TRACEWRIGHT_PROBE_INDEX_BPF_H

enum bpf_func_id___cookie {
	BPF_FUNC_get_attach_cookie___cookie = 174,
};

/* Their cookies came with 5.19 and 6.10. */
struct bpf_tramp_link___cookie {
	__u64 cookie;
} __attribute__((preserve_access_index));

struct bpf_raw_tp_link___cookie {
	__u64 cookie;
} __attribute__((preserve_access_index));

/* 0x7477696e: the copies have the index here. */
static __always_inline __u32 tw_copied_index(void)
{
	__u64 index;

	asm volatile("%0 = 0x7477696e" : "=r"(index));
	return index;
}

static __always_inline __u32 tw_probe_index(void *ctx)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___cookie, BPF_FUNC_get_attach_cookie___cookie))
		return bpf_get_attach_cookie(ctx);
	return tw_copied_index();
}

static __always_inline __u32 tw_trampoline_probe_index(void *ctx)
{
	struct bpf_tramp_link___cookie *link = NULL;

	if (bpf_core_field_exists(link->cookie))
		return bpf_get_attach_cookie(ctx);
	return tw_copied_index();
}

static __always_inline __u32 tw_raw_tp_probe_index(void *ctx)
{
	struct bpf_raw_tp_link___cookie *link = NULL;

	if (bpf_core_field_exists(link->cookie))
		return bpf_get_attach_cookie(ctx);
	return tw_copied_index();
}

#endif
