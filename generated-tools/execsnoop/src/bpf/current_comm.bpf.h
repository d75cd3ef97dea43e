/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The current task's name, as a value that compares byte by byte. */
#ifndef TRACEWRIGHT_CURRENT_COMM_BPF_H
#define TRACEWRIGHT_CURRENT_COMM_BPF_H

/* Ones in the bytes of a word before its first zero byte. */
static __always_inline __u64 tw_before_nul(__u64 word)
{
	__u64 nul = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;

	return nul ? (nul ^ (nul - 1)) >> 8 : ~0ULL;
}

/* Some kernels leave behind the NUL what the name before had there. */
static __always_inline void tw_current_comm(char *dst)
{
	__u64 comm[2] = {};
	__u64 mask;

	bpf_get_current_comm(comm, sizeof(comm));
	mask = tw_before_nul(comm[0]);
	comm[0] &= mask;
	comm[1] = mask == ~0ULL ? comm[1] & tw_before_nul(comm[1]) : 0;
	__builtin_memcpy(dst, comm, sizeof(comm));
}

#endif
