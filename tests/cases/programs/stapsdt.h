/* The least of sys/sdt.h: static probes as notes in .note.stapsdt, x86-64 and arm64. */
#ifndef STAPSDT_H
#define STAPSDT_H

#define STAPSDT_TEXT(...) #__VA_ARGS__
/* args: text of the argument specification, followed by the operands it names. */
#define STAPSDT_NOTE(provider, name, semaphore, args, ...)                                        \
	__asm__ volatile(                                                                          \
		"990:\tnop\n"                                                                      \
		".pushsection .note.stapsdt,\"?\",\"note\"\n"                                      \
		".balign 4\n"                                                                      \
		".4byte 992f-991f, 994f-993f, 3\n"                                                 \
		"991:\t.asciz \"stapsdt\"\n"                                                       \
		"992:\t.balign 4\n"                                                                \
		"993:\t.8byte 990b\n"                                                              \
		".8byte _.stapsdt.base\n"                                                          \
		".8byte " semaphore "\n"                                                           \
		".asciz \"" #provider "\"\n"                                                       \
		".asciz \"" #name "\"\n"                                                           \
		".asciz \"" args "\"\n"                                                            \
		"994:\t.balign 4\n"                                                                \
		".popsection\n"                                                                    \
		".ifndef _.stapsdt.base\n"                                                         \
		".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"            \
		".weak _.stapsdt.base\n"                                                           \
		".hidden _.stapsdt.base\n"                                                         \
		"_.stapsdt.base: .space 1\n"                                                       \
		".size _.stapsdt.base, 1\n"                                                        \
		".popsection\n"                                                                    \
		".endif\n" ::__VA_ARGS__)

#define STAPSDT_SEMAPHORE(provider, name)                                                         \
	__attribute__((section(".probes"))) unsigned short volatile provider##_##name##_semaphore

#endif
