/*
 * Hands the addresses of functions to getpgid(), and stays until they were looked up.
 * names: functions of C++ and of Rust; compiled: code that no file has, named in a perf map; inside: from a copy of
 * itself that only its own mount namespace has.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void of_cpp(int, const char *) __asm__("_ZN2ns5Class2goEiPKc");
void of_rust(void) __asm__("_ZN5crate6module8function17h0123456789abcdefE");

void of_cpp(int n, const char *text)
{
	if (n)
		syscall(SYS_getsid, text);
}

void of_rust(void)
{
	of_cpp(1, NULL);
}

void of_c(void)
{
}

static void told(void *address)
{
	syscall(SYS_getpgid, address);
}

static int compiled(void)
{
	char path[64];
	char *code = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	FILE *map;

	if (code == MAP_FAILED)
		return 1;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	map = fopen(path, "w");
	if (!map)
		return 1;
	fprintf(map, "%lx 40 js::first\n%lx 20 js::second one\n", (unsigned long)code, (unsigned long)code + 0x40);
	fclose(map);
	told(code);
	told(code + 0x45);
	usleep(500000);
	return unlink(path);
}

static int inside(void)
{
	char *args[] = {"hidden", "names", NULL};
	int from, to;
	struct stat size;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/mnt", "tmpfs", 0, NULL))
		return 1;
	from = open("/proc/self/exe", O_RDONLY);
	to = open("/mnt/hidden", O_WRONLY | O_CREAT, 0755);
	if (from < 0 || to < 0 || fstat(from, &size) || sendfile(to, from, NULL, size.st_size) < size.st_size)
		return 1;
	close(to);
	execv("/mnt/hidden", args);
	return 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "names";

	if (!strcmp(what, "compiled"))
		return compiled();
	if (!strcmp(what, "inside"))
		return inside();
	told(of_c);
	told(of_cpp);
	told(of_rust);
	of_rust();
	usleep(500000);
	return 0;
}
