/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef TRACEWRIGHT_NAMES_BPF_H
#define TRACEWRIGHT_NAMES_BPF_H

struct tw_name {
	char text[64];
};

/* The name of a number, from a map whose last entry is for numbers without one. */
static __always_inline void tw_name(void *to, void *map, __u32 number, __u32 count)
{
	if (number >= count)
		number = count - 1;
	bpf_probe_read_kernel(to, sizeof(struct tw_name), bpf_map_lookup_elem(map, &number));
}

#endif
