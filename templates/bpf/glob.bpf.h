/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Patterns over strings: one byte of the pattern a step, in a callback, as the verifier could not follow going back to
 * the last star. Needs bpf_loop: Linux 5.17.
 */
#ifndef TRACEWRIGHT_GLOB_BPF_H
#define TRACEWRIGHT_GLOB_BPF_H

#define TW_GLOB_NOWHERE 0xffffffffU
#define TW_GLOB_MOST_STEPS (1U << 23)

struct tw_glob {
	const char *text;
	const char *pattern;
	__u32 text_size;
	__u32 pattern_size;
	/* Where we are. */
	__u32 at;
	__u32 next;
	/* What follows the last star, and where in the text it was last tried. */
	__u32 star;
	__u32 tried;
	/* What follows the bracket of the class we are in. */
	__u32 class;
	bool negated;
	bool begun;
	bool found;
	bool result;
};

static __always_inline __u8 tw_glob_byte(const char *bytes, __u32 size, __u32 at)
{
	__u8 byte = 0;

	if (at < size)
		bpf_probe_read_kernel(&byte, sizeof(byte), bytes + at);
	return byte;
}

static long tw_glob_step(__u64 index, void *data)
{
	struct tw_glob *glob = data;
	__u8 byte = tw_glob_byte(glob->text, glob->text_size, glob->at);
	__u8 want = tw_glob_byte(glob->pattern, glob->pattern_size, glob->next);
	bool matched = false;

	glob->next++;
	if (glob->class != TW_GLOB_NOWHERE) {
		if (!want) {
			/* Never closed: the bracket is a character. */
			matched = byte == '[';
			glob->next = glob->class;
		} else if (want == ']' && glob->begun) {
			matched = glob->found != glob->negated;
		} else if (want == '!' && !glob->begun && !glob->negated) {
			glob->negated = true;
			return 0;
		} else {
			__u8 last = want;

			glob->begun = true;
			if (tw_glob_byte(glob->pattern, glob->pattern_size, glob->next) == '-') {
				__u8 end = tw_glob_byte(glob->pattern, glob->pattern_size, glob->next + 1);

				if (end && end != ']') {
					last = end;
					glob->next += 2;
				}
			}
			if (want <= byte && byte <= last)
				glob->found = true;
			return 0;
		}
		glob->class = TW_GLOB_NOWHERE;
	} else if (want == '*') {
		glob->star = glob->next;
		glob->tried = glob->at;
		return 0;
	} else if (want == '[' && byte) {
		glob->class = glob->next;
		glob->negated = false;
		glob->begun = false;
		glob->found = false;
		return 0;
	} else if (want == '?') {
		matched = byte != 0;
	} else {
		matched = byte == want;
		if (matched && !byte) {
			glob->result = true;
			return 1;
		}
	}
	if (matched) {
		glob->at++;
		return 0;
	}
	if (!byte || glob->star == TW_GLOB_NOWHERE)
		return 1;
	glob->tried++;
	glob->at = glob->tried;
	glob->next = glob->star;
	return 0;
}

static __always_inline bool tw_glob_match(const char *text, __u32 text_size, const char *pattern, __u32 pattern_size)
{
	struct tw_glob glob = {
		.text = tw_plain_pointer(text),
		.pattern = tw_plain_pointer(pattern),
		.text_size = text_size,
		.pattern_size = pattern_size,
		.star = TW_GLOB_NOWHERE,
		.class = TW_GLOB_NOWHERE,
	};
	__u64 steps = ((__u64)text_size + 1) * ((__u64)pattern_size + 1);

	bpf_loop(steps < TW_GLOB_MOST_STEPS ? steps : TW_GLOB_MOST_STEPS, tw_glob_step, &glob, 0);
	return glob.result;
}

#endif
