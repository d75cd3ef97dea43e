/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Failures that the user is told about, with the place in the script. */
#ifndef TRACEWRIGHT_CHECKS_BPF_H
#define TRACEWRIGHT_CHECKS_BPF_H

#include "events.bpf.h"

/* -k: failing reads are told too. */
const volatile bool tw_trace_errors = false;

struct tw_failure {
	struct tw_header header;
	__s64 result;
};

/* A function of its own: the verifier looks at it once. */
__noinline int tw_report(__u32 check, __s64 result)
{
	struct tw_failure record = {
		.header = { .action = TW_ACTION_CHECK, .aux = check },
		.result = result,
	};

	tw_output(&record, sizeof(record));
	return 0;
}

/* For reads: told with -k only. */
static __always_inline long tw_check(__u32 check, long result)
{
	if (tw_trace_errors && result < 0)
		tw_report(check, result);
	return result;
}

/* For lookups: what is missing is told with -k. */
static __always_inline void *tw_found(__u32 check, void *value)
{
	if (tw_trace_errors && !value)
		tw_report(check, 0);
	return value;
}

/* For updates: always told. */
static __always_inline long tw_must(__u32 check, long result)
{
	if (result < 0)
		tw_report(check, result);
	return result;
}

/* As BPF_CORE_READ and its like, checked. */
#define tw_read_with(read, check, src, a, ...)							\
	({											\
		___type((src), a, ##__VA_ARGS__) __value;					\
		tw_check(check, read(&__value, (src), a, ##__VA_ARGS__));			\
		__value;									\
	})
/* Of an address that may be the kernel's or a process's: bpf_probe_read tells them apart where they cannot overlap. */
#define tw_any_core_read(dst, sz, src) bpf_probe_read(dst, sz, (const void *)__builtin_preserve_access_index(src))
#define tw_any_read_into(dst, src, a, ...)							\
	({ ___core_read(bpf_probe_read, bpf_probe_read, dst, (src), a, ##__VA_ARGS__) })
#define tw_any_core_read_into(dst, src, a, ...)							\
	({ ___core_read(tw_any_core_read, tw_any_core_read, dst, (src), a, ##__VA_ARGS__) })
#define tw_core_read_any(check, src, a, ...) tw_read_with(tw_any_core_read_into, check, src, a, ##__VA_ARGS__)
#define tw_probe_read_any(check, src, a, ...) tw_read_with(tw_any_read_into, check, src, a, ##__VA_ARGS__)
#define tw_core_read(check, src, a, ...) tw_read_with(BPF_CORE_READ_INTO, check, src, a, ##__VA_ARGS__)
#define tw_core_read_user(check, src, a, ...) tw_read_with(BPF_CORE_READ_USER_INTO, check, src, a, ##__VA_ARGS__)
#define tw_probe_read(check, src, a, ...) tw_read_with(BPF_PROBE_READ_INTO, check, src, a, ##__VA_ARGS__)
#define tw_probe_read_user(check, src, a, ...) tw_read_with(BPF_PROBE_READ_USER_INTO, check, src, a, ##__VA_ARGS__)

#endif
