/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* join(): the strings of a NULL terminated array. */
#ifndef TRACEWRIGHT_JOIN_BPF_H
#define TRACEWRIGHT_JOIN_BPF_H

#include "events.bpf.h"

/*
 * Puts the strings one after the other, each with its NUL, into dst, which is twice as large as size. Returns the bytes
 * written, size at most.
 */
static __always_inline __u32 tw_join(char *dst, __u32 size, char **strings, __u32 count, bool user)
{
	__u64 used = 0;
	__u32 i;
	long n;

	for (i = 0; i < count; i++) {
		char *string = NULL;

		if (user)
			bpf_probe_read_user(&string, sizeof(string), &strings[i]);
		else
			bpf_probe_read_kernel(&string, sizeof(string), &strings[i]);
		if (!string || used >= size)
			break;
		if (user)
			n = bpf_probe_read_user_str(dst + used, size, string);
		else
			n = bpf_probe_read_kernel_str(dst + used, size, string);
		if (n <= 0)
			continue;
		used += n;
	}
	return used < size ? used : size;
}

#endif
