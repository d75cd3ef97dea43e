/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Where a CPU has its own of a variable, also on kernels whose BTF has no variables. */
#ifndef TRACEWRIGHT_PER_CPU_BPF_H
#define TRACEWRIGHT_PER_CPU_BPF_H

#include "tracewright.bpf.h"

/* Address of the kernel's array __per_cpu_offset, and how many of its elements are in use. */
const volatile __u64 tw_per_cpu_offsets = 0;
const volatile __u32 tw_possible_cpus = 1;

/* For a variable by its address in kallsyms; NULL when there is no such variable or CPU. */
static __always_inline void *tw_per_cpu_address(__u64 variable, __u32 cpu)
{
	__u64 offset = 0;

	if (!variable || !tw_per_cpu_offsets || cpu >= tw_possible_cpus)
		return NULL;
	if (bpf_probe_read_kernel(&offset, sizeof(offset), (void *)(tw_per_cpu_offsets + cpu * sizeof(offset))))
		return NULL;
	return (void *)(variable + offset);
}

#endif
