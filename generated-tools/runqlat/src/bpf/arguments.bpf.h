/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Arguments of functions beyond the fifth: in a register or on the stack, by the architecture's calling convention. */
#ifndef TRACEWRIGHT_ARGUMENTS_BPF_H
#define TRACEWRIGHT_ARGUMENTS_BPF_H

/*
 * One of several registers, by a condition: the compiler would compute which and read once, which the verifier refuses
 * for contexts.
 */
#define tw_chosen(argument)                                                                                            \
	({                                                                                                             \
		__u64 chosen = (argument);                                                                             \
		barrier_var(chosen);                                                                                   \
		chosen;                                                                                                \
	})

static __always_inline __u64 tw_stack_argument(__u64 address, bool user)
{
	__u64 value = 0;

	if (user)
		bpf_probe_read_user(&value, sizeof(value), (void *)address);
	else
		bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

/* n counts from 0. */
static __always_inline __u64 tw_argument(struct pt_regs *ctx, __u32 n, bool user)
{
#if defined(__TARGET_ARCH_x86)
	if (n == 5)
		return PT_REGS_PARM6(ctx);
	/* The return address comes first. */
	return tw_stack_argument(PT_REGS_SP(ctx) + 8 * (n - 5), user);
#else
	switch (n) {
	case 5:
		return PT_REGS_PARM6(ctx);
	case 6:
		return PT_REGS_PARM7(ctx);
	case 7:
		return PT_REGS_PARM8(ctx);
	default:
		return tw_stack_argument(PT_REGS_SP(ctx) + 8 * (n - 8), user);
	}
#endif
}

#endif
