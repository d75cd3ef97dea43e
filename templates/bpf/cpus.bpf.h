/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Per-CPU aggregates read as one number: by bpf_map_lookup_percpu_elem of Linux 5.19. Before, the CPUs share values. */
#ifndef TRACEWRIGHT_CPUS_BPF_H
#define TRACEWRIGHT_CPUS_BPF_H

const volatile bool tw_shared_values = false;

#define TW_SHARED tw_shared_values

#include "aggregates.bpf.h"
#include "numbers.bpf.h"

const volatile __u32 tw_cpu_count = 1;

#define TW_MAX_CPUS 4096

static __always_inline void *tw_value_of_cpu(void *map, const void *key, __u32 cpu)
{
	if (tw_shared_values)
		return bpf_map_lookup_elem(map, key);
	return bpf_map_lookup_percpu_elem(map, key, cpu);
}

static __always_inline __u64 tw_sum(void *map, const void *key)
{
	__u64 sum = 0, *value;
	__u32 cpu;

	for (cpu = 0; cpu < tw_cpu_count && cpu < TW_MAX_CPUS; cpu++) {
		value = tw_value_of_cpu(map, key, cpu);
		if (value)
			sum += *value;
	}
	return sum;
}

static __always_inline __u64 tw_lowest(void *map, const void *key, bool is_signed)
{
	struct tw_extreme *each;
	__u64 lowest = 0;
	bool any = false;
	__u32 cpu;

	for (cpu = 0; cpu < tw_cpu_count && cpu < TW_MAX_CPUS; cpu++) {
		each = tw_value_of_cpu(map, key, cpu);
		if (!each || !each->set)
			continue;
		if (!any || (is_signed ? each->value < (__s64)lowest : (__u64)each->value < lowest))
			lowest = each->value;
		any = true;
	}
	return lowest;
}

static __always_inline __u64 tw_highest(void *map, const void *key, bool is_signed)
{
	struct tw_extreme *each;
	__u64 highest = 0;
	bool any = false;
	__u32 cpu;

	for (cpu = 0; cpu < tw_cpu_count && cpu < TW_MAX_CPUS; cpu++) {
		each = tw_value_of_cpu(map, key, cpu);
		if (!each || !each->set)
			continue;
		if (!any || (is_signed ? each->value > (__s64)highest : (__u64)each->value > highest))
			highest = each->value;
		any = true;
	}
	return highest;
}

/* Count, mean and total: three numbers at out. */
static __always_inline void tw_read_stats(void *map, const void *key, bool is_signed, void *out)
{
	struct tw_average *each;
	__u64 count = 0;
	__s64 total = 0;
	__s64 *numbers = out;
	__u32 cpu;

	for (cpu = 0; cpu < tw_cpu_count && cpu < TW_MAX_CPUS; cpu++) {
		each = tw_value_of_cpu(map, key, cpu);
		if (!each)
			continue;
		total += each->total;
		count += each->count;
	}
	numbers[0] = count;
	numbers[1] = 0;
	if (count)
		numbers[1] = is_signed ? tw_signed_div(total, count) : (__s64)((__u64)total / count);
	numbers[2] = total;
}

static __always_inline __s64 tw_mean(void *map, const void *key, bool is_signed)
{
	__s64 numbers[3];

	tw_read_stats(map, key, is_signed, numbers);
	return numbers[1];
}

/* Makes every element of a per-CPU array zero, on every CPU. */
static __always_inline void tw_forget(void *map, __u32 elements, __u32 size)
{
	__u32 element, cpu;
	void *value;

	for (element = 0; element < elements; element++) {
		for (cpu = 0; cpu < tw_cpu_count && cpu < TW_MAX_CPUS; cpu++) {
			value = tw_value_of_cpu(map, &element, cpu);
			if (value)
				tw_zero(value, size);
		}
	}
}

#endif
