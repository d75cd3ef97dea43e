/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What errors are called: the tool fills the map when it starts. */
#ifndef TRACEWRIGHT_ERROR_NAMES_BPF_H
#define TRACEWRIGHT_ERROR_NAMES_BPF_H

#include "names.bpf.h"

#define TW_ERROR_NAMES 256

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_ERROR_NAMES);
	__type(key, __u32);
	__type(value, struct tw_name);
} tw_error_names SEC(".maps");

/* Kernel functions return errors as negative numbers. */
static __always_inline void tw_error_name(void *to, __s32 number)
{
	tw_name(to, &tw_error_names, number < 0 ? -(__u32)number : number, TW_ERROR_NAMES);
}

#endif
