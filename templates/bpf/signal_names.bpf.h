/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What signals are called: the tool fills the map when it starts. */
#ifndef TRACEWRIGHT_SIGNAL_NAMES_BPF_H
#define TRACEWRIGHT_SIGNAL_NAMES_BPF_H

#include "names.bpf.h"

#define TW_SIGNAL_NAMES 128

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_SIGNAL_NAMES);
	__type(key, __u32);
	__type(value, struct tw_name);
} tw_signal_names SEC(".maps");

static __always_inline void tw_signal_name(void *to, __s32 number)
{
	tw_name(to, &tw_signal_names, number, TW_SIGNAL_NAMES);
}

#endif
