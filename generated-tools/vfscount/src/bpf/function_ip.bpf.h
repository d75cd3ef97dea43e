/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
#ifndef TRACEWRIGHT_FUNCTION_IP_BPF_H
#define TRACEWRIGHT_FUNCTION_IP_BPF_H

enum bpf_func_id___ip {
	BPF_FUNC_get_func_ip___ip = 173,
};

/* Address of the probed kernel function; before 5.15, of what follows the breakpoint at its start. */
static __always_inline __u64 tw_function_ip(struct pt_regs *ctx)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___ip, BPF_FUNC_get_func_ip___ip))
		return bpf_get_func_ip(ctx);
	return PT_REGS_IP(ctx);
}

#endif
