/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* exit(): from here on no program does anything. */
#ifndef TRACEWRIGHT_EXIT_BPF_H
#define TRACEWRIGHT_EXIT_BPF_H

#include "events.bpf.h"

__u32 tw_exiting = 0;

static __always_inline void tw_exit(__s32 code)
{
	struct tw_header record = { .action = TW_ACTION_EXIT, .aux = code };

	tw_exiting = 1;
	bpf_ringbuf_output(&tw_events, &record, sizeof(record), BPF_RB_FORCE_WAKEUP);
}

#endif
