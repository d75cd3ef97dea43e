/* Writes a word at a fixed address, a few times. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

int main(void)
{
	volatile uint64_t *word = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (word == MAP_FAILED)
		return 1;
	for (uint64_t i = 0; i < 3; i++)
		*word = i;
	return 0;
}
