/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Lines that a program prints in several records: the reader puts together what comes from one CPU. */
#ifndef TRACEWRIGHT_LINES_BPF_H
#define TRACEWRIGHT_LINES_BPF_H

#include "events.bpf.h"

/* Who prints the line, never 0. */
static __always_inline __u32 tw_line(void)
{
	return bpf_get_smp_processor_id() + 1;
}

/* Sends a text without values. */
static __always_inline void tw_send_part(__u32 action)
{
	struct tw_header *record = tw_reserve(sizeof(*record), action);

	if (!record)
		return;
	record->aux = tw_line();
	tw_submit(record);
}

#endif
