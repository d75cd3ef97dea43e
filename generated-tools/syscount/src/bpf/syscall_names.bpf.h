/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What system calls are called: the tool fills the map when it starts. */
#ifndef TRACEWRIGHT_SYSCALL_NAMES_BPF_H
#define TRACEWRIGHT_SYSCALL_NAMES_BPF_H

#include "names.bpf.h"

#define TW_SYSCALL_NAMES 1024

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TW_SYSCALL_NAMES);
	__type(key, __u32);
	__type(value, struct tw_name);
} tw_syscall_names SEC(".maps");

static __always_inline void tw_syscall_name(void *to, __s32 number)
{
	tw_name(to, &tw_syscall_names, number, TW_SYSCALL_NAMES);
}

#endif
