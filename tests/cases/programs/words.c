/* Calls functions with strings and bytes of known content. */
#include <string.h>

#define PROBED __attribute__((noinline, used))

PROBED int say(const char *words, int length) { return words[0] + length; }
PROBED int say_long(const char *words) { return words[0]; }
PROBED int bytes(const unsigned char *data, int length) { return data[0] + length; }
PROBED int say_many(const char *const *words, int count) { return words[0][0] + count; }

/* A probe cannot fault pages in: read the strings once so that they are there. */
static const char *resident(const char *words)
{
	return strlen(words) ? words : "";
}

int main(void)
{
	static char lengthy[3000];
	static const unsigned char raw[] = { 0x00, 0x41, 0x7f, 0x80, 0xff, 0x20, 0x5c, 0x0a };
	const char *many[] = { resident("alpha"), resident("beta"), resident("gamma"), NULL };

	for (size_t i = 0; i + 1 < sizeof(lengthy); i++)
		lengthy[i] = 'a' + i % 26;
	say(resident("first"), 2);
	say(resident("second words"), 6);
	say_long(lengthy);
	resident((const char *)raw + 1);
	bytes(raw, sizeof(raw));
	say_many(many, 3);
	return 0;
}
