/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Which bucket of a histogram a number belongs to. */
#ifndef TRACEWRIGHT_HISTOGRAM_BPF_H
#define TRACEWRIGHT_HISTOGRAM_BPF_H

#include "numbers.bpf.h"

/* Position of the highest bit that is set. */
static __always_inline __u32 tw_log2(__u64 n)
{
	__u32 log = 0, shift;

	shift = (n > 0xffffffff) << 5;
	n >>= shift;
	log += shift;
	shift = (n > 0xffff) << 4;
	n >>= shift;
	log += shift;
	shift = (n > 0xff) << 3;
	n >>= shift;
	log += shift;
	shift = (n > 0xf) << 2;
	n >>= shift;
	log += shift;
	shift = (n > 0x3) << 1;
	n >>= shift;
	log += shift;
	return log + (n >> 1);
}

/* 0: negative; 1 + n below 2^bits; then 2^bits buckets a power of two. */
static __always_inline __u32 tw_log2_bucket(__u64 n, __u32 bits)
{
	__u32 shift;

	if (n < 1ULL << bits)
		return n + 1;
	shift = tw_log2(n) - bits;
	return ((shift + 1) << bits) + ((n >> shift) & ((1ULL << bits) - 1)) + 1;
}

static __always_inline __u32 tw_signed_log2_bucket(__s64 n, __u32 bits)
{
	return n < 0 ? 0 : tw_log2_bucket(n, bits);
}

/* 0: below min; 1..: steps; the last: max and above. */
static __always_inline __u32 tw_linear_bucket(__s64 n, __s64 min, __s64 max, __s64 step)
{
	if (n < min)
		return 0;
	if (n >= max)
		return (__u64)(max - min) / step + 1;
	return (__u64)(n - min) / step + 1;
}

#endif
