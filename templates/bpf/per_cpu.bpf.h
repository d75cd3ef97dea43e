/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef TRACEWRIGHT_PER_CPU_BPF_H
#define TRACEWRIGHT_PER_CPU_BPF_H

/* The same address as a plain number, which may be NULL: the verifier would have it tested before any arithmetic. */
static __always_inline void *tw_plain_pointer(const void *pointer)
{
	const void *kept = pointer;
	void *plain = NULL;

	bpf_probe_read_kernel(&plain, sizeof(plain), &kept);
	return plain;
}

#endif
