/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef TRACEWRIGHT_PARENT_BPF_H
#define TRACEWRIGHT_PARENT_BPF_H

struct task_struct___parent {
	struct task_struct___parent *real_parent;
	__s32 tgid;
} __attribute__((preserve_access_index));

/* Process id of a task's parent. */
static __always_inline __u32 tw_parent_pid(void *task)
{
	return BPF_CORE_READ((struct task_struct___parent *)task, real_parent, tgid);
}

#endif
