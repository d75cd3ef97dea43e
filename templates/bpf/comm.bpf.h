/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* comm(pid). Needs the kfunc bpf_task_from_pid: Linux 6.2. */
#ifndef TRACEWRIGHT_COMM_BPF_H
#define TRACEWRIGHT_COMM_BPF_H

struct task_struct___comm {
	char comm[16];
} __attribute__((preserve_access_index));

struct task_struct;

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

static __always_inline void tw_comm_of(char *dst, __u32 size, __s32 pid)
{
	struct task_struct *task;

	if (!bpf_ksym_exists(bpf_task_from_pid))
		return;
	task = bpf_task_from_pid(pid);
	if (!task)
		return;
	bpf_probe_read_kernel_str(dst, size, ((struct task_struct___comm *)task)->comm);
	bpf_task_release(task);
}

#endif
