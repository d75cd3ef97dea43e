/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef TRACEWRIGHT_USERMODE_BPF_H
#define TRACEWRIGHT_USERMODE_BPF_H

/* Whether user mode was interrupted. */
static __always_inline bool tw_user_mode(bpf_user_pt_regs_t *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (regs->cs & 3) == 3;
#elif defined(__TARGET_ARCH_arm64)
	return (regs->pstate & 0xf) == 0;
#else
	return regs == NULL;
#endif
}

/* Without registers in the context: programs that are called, by the kernel on behalf of a process. */
static __always_inline bool tw_task_user_mode(void)
{
	return true;
}

#endif
