/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* -p: only events of one process. */
#ifndef TRACEWRIGHT_FILTER_BPF_H
#define TRACEWRIGHT_FILTER_BPF_H

#include "process.bpf.h"

const volatile __u32 tw_pid_filter = 0;

static __always_inline bool tw_other_process(void)
{
	return tw_pid_filter && tw_pid() != tw_pid_filter;
}

#endif
