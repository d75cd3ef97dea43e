/* As frames.c, with unwind tables for debuggers alone. */
__asm__(".cfi_sections .debug_frame");
#include "frames.c"
