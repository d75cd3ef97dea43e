/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* tseries(): one element an interval, used again when the series wraps around. */
#ifndef TRACEWRIGHT_SERIES_BPF_H
#define TRACEWRIGHT_SERIES_BPF_H

struct tw_interval {
	__u64 epoch;
	__s64 value;
	__u64 count;
	__u64 nsecs;
};

enum tw_series {
	TW_SERIES_LAST,
	TW_SERIES_SUM,
	TW_SERIES_MIN,
	TW_SERIES_MAX,
	TW_SERIES_UNSIGNED_MIN,
	TW_SERIES_UNSIGNED_MAX,
};

/* key leads to the element of the interval that now (nanoseconds since 1970) lies in. */
static __always_inline long tw_series(void *map, const void *key, __s64 n, __u64 now, __u64 epoch, enum tw_series keep)
{
	struct tw_interval first = { .epoch = epoch, .value = n, .count = 1, .nsecs = now };
	struct tw_interval *interval = bpf_map_lookup_elem(map, key);

	if (!interval)
		return bpf_map_update_elem(map, key, &first, BPF_ANY);
	if (interval->epoch != epoch || !interval->count) {
		*interval = first;
		return 0;
	}
	interval->count += 1;
	interval->nsecs = now;
	if (keep == TW_SERIES_SUM)
		interval->value += n;
	else if (keep == TW_SERIES_LAST ||
		 (keep == TW_SERIES_MIN && n < interval->value) ||
		 (keep == TW_SERIES_MAX && n > interval->value) ||
		 (keep == TW_SERIES_UNSIGNED_MIN && (__u64)n < (__u64)interval->value) ||
		 (keep == TW_SERIES_UNSIGNED_MAX && (__u64)n > (__u64)interval->value))
		interval->value = n;
	return 0;
}

#endif
