/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Map value functions: count(), sum(), min(), max(), avg(), stats() and the buckets of histograms. */
#ifndef TRACEWRIGHT_AGGREGATES_BPF_H
#define TRACEWRIGHT_AGGREGATES_BPF_H

#define TW_EEXIST 17

/* Whether all CPUs share a value, as cpus.bpf.h has it for kernels that cannot read the values of other CPUs. */
#ifndef TW_SHARED
#define TW_SHARED false
#endif

/*
 * min(), max(): set says whether there is a value. Where all CPUs share it (TW_SHARED), of two values that come at the
 * same instant one may get lost: kernels that old have no atomic operation that compares.
 */
struct tw_extreme {
	__s64 value;
	__u64 set;
};

/* sum() of a map without keys: set says whether there is one. */
struct tw_total {
	__u64 sum;
	__u64 set;
};

/* avg(), stats() */
struct tw_average {
	__s64 total;
	__u64 count;
};

/* An element, or NULL after making it from initial. */
static __always_inline void *tw_element(void *map, const void *key, const void *initial, long *result)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	*result = bpf_map_update_elem(map, key, initial, BPF_NOEXIST);
	if (*result == -TW_EEXIST) {
		*result = 0;
		return bpf_map_lookup_elem(map, key);
	}
	return NULL;
}

static __always_inline void tw_grow(__u64 *total, __u64 n)
{
	if (TW_SHARED)
		__sync_fetch_and_add(total, n);
	else
		*total += n;
}

static __always_inline long tw_add(void *map, const void *key, __u64 n)
{
	long result = 0;
	__u64 *sum = tw_element(map, key, &n, &result);

	if (sum)
		tw_grow(sum, n);
	return result;
}

static __always_inline long tw_add_total(void *map, const void *key, __u64 n)
{
	struct tw_total *total = bpf_map_lookup_elem(map, key);

	if (total) {
		tw_grow(&total->sum, n);
		total->set = 1;
	}
	return 0;
}

static __always_inline long tw_average(void *map, const void *key, __s64 n)
{
	struct tw_average first = { .total = n, .count = 1 }, *average;
	long result = 0;

	average = tw_element(map, key, &first, &result);
	if (average) {
		tw_grow((__u64 *)&average->total, n);
		tw_grow(&average->count, 1);
	}
	return result;
}

static __always_inline long tw_min(void *map, const void *key, __u64 n)
{
	struct tw_extreme first = { .value = n, .set = 1 }, *least;
	long result = 0;

	least = tw_element(map, key, &first, &result);
	if (least && (!least->set || n < (__u64)least->value))
		*least = first;
	return result;
}

static __always_inline long tw_signed_min(void *map, const void *key, __s64 n)
{
	struct tw_extreme first = { .value = n, .set = 1 }, *least;
	long result = 0;

	least = tw_element(map, key, &first, &result);
	if (least && (!least->set || n < least->value))
		*least = first;
	return result;
}

static __always_inline long tw_max(void *map, const void *key, __u64 n)
{
	struct tw_extreme first = { .value = n, .set = 1 }, *most;
	long result = 0;

	most = tw_element(map, key, &first, &result);
	if (most && (!most->set || n > (__u64)most->value))
		*most = first;
	return result;
}

static __always_inline long tw_signed_max(void *map, const void *key, __s64 n)
{
	struct tw_extreme first = { .value = n, .set = 1 }, *most;
	long result = 0;

	most = tw_element(map, key, &first, &result);
	if (most && (!most->set || n > most->value))
		*most = first;
	return result;
}

#endif
