/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* The error numbers that libbpf's usdt.bpf.h names. */
#ifndef TRACEWRIGHT_ERRNO_H
#define TRACEWRIGHT_ERRNO_H

#define ENOENT 2
#define ESRCH 3
#define EINVAL 22

#endif
