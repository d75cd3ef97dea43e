/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Division by a number that may be zero: the user is told, and the result is 1. */
#ifndef TRACEWRIGHT_DIVISION_BPF_H
#define TRACEWRIGHT_DIVISION_BPF_H

#include "checks.bpf.h"
#include "numbers.bpf.h"

static __always_inline __u64 tw_checked_div(__u64 a, __u64 b, __u32 check)
{
	if (!b) {
		tw_report(check, 0);
		return 1;
	}
	return a / b;
}

static __always_inline __u64 tw_checked_mod(__u64 a, __u64 b, __u32 check)
{
	if (!b) {
		tw_report(check, 0);
		return 1;
	}
	return a % b;
}

static __always_inline __s64 tw_checked_signed_div(__s64 a, __s64 b, __u32 check)
{
	if (!b) {
		tw_report(check, 0);
		return 1;
	}
	return tw_signed_div(a, b);
}

static __always_inline __s64 tw_checked_signed_mod(__s64 a, __s64 b, __u32 check)
{
	if (!b) {
		tw_report(check, 0);
		return 1;
	}
	return tw_signed_mod(a, b);
}

#endif
