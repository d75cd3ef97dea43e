/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* Arguments of USDT probes: libbpf knows from the binary's notes where each lies. */
#ifndef TRACEWRIGHT_USDT_ARGS_BPF_H
#define TRACEWRIGHT_USDT_ARGS_BPF_H

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wsign-compare"
#include <bpf/usdt.bpf.h>
#pragma clang diagnostic pop

static __always_inline __s64 tw_usdt_arg(struct pt_regs *ctx, __u64 n)
{
	long value = 0;

	bpf_usdt_arg(ctx, n, &value);
	return value;
}

#endif
