/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Division as the language has it: by zero gives 1; BPF itself divides only unsigned numbers. */
#ifndef TRACEWRIGHT_NUMBERS_BPF_H
#define TRACEWRIGHT_NUMBERS_BPF_H

static __always_inline __u64 tw_magnitude(__s64 n)
{
	return n < 0 ? -(__u64)n : (__u64)n;
}

static __always_inline __s64 tw_signed_div(__s64 a, __s64 b)
{
	__u64 quotient = tw_magnitude(a) / tw_magnitude(b);

	return (a < 0) != (b < 0) ? -quotient : quotient;
}

static __always_inline __s64 tw_signed_mod(__s64 a, __s64 b)
{
	__u64 rest = tw_magnitude(a) % tw_magnitude(b);

	return a < 0 ? -rest : rest;
}

#endif
