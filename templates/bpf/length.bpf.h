/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* len(@map). Needs bpf_for_each_map_elem: Linux 5.13. */
#ifndef TRACEWRIGHT_LENGTH_BPF_H
#define TRACEWRIGHT_LENGTH_BPF_H

static long tw_count_element(void *map __maybe_unused, const void *key __maybe_unused, void *value __maybe_unused,
			     void *data)
{
	__u64 *count = data;

	*count += 1;
	return 0;
}

static __always_inline __s64 tw_map_length(void *map)
{
	__u64 count = 0;

	bpf_for_each_map_elem(map, tw_count_element, &count, 0);
	return count;
}

#endif
