/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* len(@map): the kernel's own count (Linux 6.6), or by looking at each element (5.13). */
#ifndef TRACEWRIGHT_LENGTH_BPF_H
#define TRACEWRIGHT_LENGTH_BPF_H

/* Of the kernel: whole enough to be recognised. */
struct bpf_map {
	__u32 max_entries;
} __attribute__((preserve_access_index));

static long tw_count_element(void *map __maybe_unused, const void *key __maybe_unused, void *value __maybe_unused,
			     void *data)
{
	__u64 *count = data;

	*count += 1;
	return 0;
}

extern __s64 bpf_map_sum_elem_count(const struct bpf_map *map) __ksym __weak;

static __always_inline __s64 tw_map_length(void *map)
{
	__u64 count = 0;

	if (bpf_ksym_exists(bpf_map_sum_elem_count))
		return bpf_map_sum_elem_count(map);
	bpf_for_each_map_elem(map, tw_count_element, &count, 0);
	return count;
}

#endif
