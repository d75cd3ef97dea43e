/*
 * Makes events happen that busybox cannot: `cause EVENT [ARGS]`.
 *
 * Dynamically linked on purpose: tools that trace the C library are tested on it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static socklen_t address(struct sockaddr_storage *to, const char *text, int port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	inet_pton(AF_INET6, text, &v6->sin6_addr);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

static int listening(const char *text, int port, int backlog)
{
	struct sockaddr_storage local;
	socklen_t size = address(&local, text, port);
	int on = 1, server = socket(local.ss_family, SOCK_STREAM, 0);

	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(server, (struct sockaddr *)&local, size) || listen(server, backlog))
		perror("listen");
	return server;
}

/* tcp ADDRESS PORT BYTES: a connection within this process that carries so many bytes. */
static int tcp(char **args)
{
	int port = atoi(args[1]), bytes = atoi(args[2]);
	int server = listening(args[0], port, 8);
	struct sockaddr_storage to;
	socklen_t size = address(&to, args[0], port);
	char buffer[4096] = { 0 };

	if (fork() == 0) {
		int client = socket(to.ss_family, SOCK_STREAM, 0);

		if (connect(client, (struct sockaddr *)&to, size))
			perror("connect");
		while (bytes > 0) {
			ssize_t n = write(client, buffer, bytes < 4096 ? bytes : 4096);

			if (n <= 0)
				break;
			bytes -= n;
		}
		shutdown(client, SHUT_WR);
		while (read(client, buffer, sizeof(buffer)) > 0)
			;
		_exit(0);
	}
	int peer = accept(server, NULL, NULL);

	while (read(peer, buffer, sizeof(buffer)) > 0)
		;
	close(peer);
	wait(NULL);
	return 0;
}

/* connect ADDRESS PORT SECONDS: tries to connect, gives up after so long. */
static int try_connect(char **args)
{
	struct sockaddr_storage to;
	socklen_t size = address(&to, args[0], atoi(args[1]));
	int client = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	connect(client, (struct sockaddr *)&to, size);
	usleep(atof(args[2]) * 1e6);
	return 0;
}

/* drop ADDRESS PORT: the other side reads nothing until its window is closed, and drops what comes to ask whether it opens. */
static int drop(char **args)
{
	struct sockaddr_storage to;
	socklen_t size = address(&to, args[0], atoi(args[1]));
	int server = listening(args[0], atoi(args[1]), 1), small = 4096;
	int client = socket(to.ss_family, SOCK_STREAM, 0);
	char buffer[65536] = { 0 };

	setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (connect(client, (struct sockaddr *)&to, size))
		perror("connect");
	fcntl(client, F_SETFL, O_NONBLOCK);
	for (int n = 0; n < 20; n++) {
		while (write(client, buffer, sizeof(buffer)) > 0)
			;
		usleep(100000);
	}
	return 0;
}

/* as UID PROGRAM ARGS */
static int as_user(char **args)
{
	if (setgid(atoi(args[0])) || setuid(atoi(args[0])))
		perror("setuid");
	execv(args[1], args + 1);
	perror(args[1]);
	return 1;
}

static void *in_thread(void *unused)
{
	(void)unused;
	return NULL;
}

static int thread(char **args)
{
	pthread_t other;

	(void)args;
	pthread_create(&other, NULL, in_thread, NULL);
	// The tool looks the function's name up in this process.
	sleep(1);
	return pthread_join(other, NULL);
}

static int resolve(char **args)
{
	struct addrinfo *found;

	getaddrinfo(args[0], NULL, NULL, &found);
	return 0;
}

/* setuid UID, setresuid …: raw, so that the C library adds nothing. */
static int set_uids(char **args)
{
	int to = atoi(args[0]);

	syscall(SYS_setfsuid, to);
	syscall(SYS_setreuid, -1, to);
	syscall(SYS_setresuid, -1, to, -1);
	return syscall(SYS_setuid, to) != 0;
}

/* kill PID SIGNAL */
static int send_signal(char **args)
{
	return syscall(SYS_kill, atoi(args[0]), atoi(args[1])) != 0 ? 0 : 0;
}

static int sync_all(char **args)
{
	int file = open(args[0], O_RDWR | O_CREAT, 0600);
	char *page;

	if (ftruncate(file, 4096))
		perror("ftruncate");
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	page[0] = 1;
	fsync(file);
	fdatasync(file);
	syncfs(file);
	msync(page, 4096, MS_SYNC);
	sync_file_range(file, 0, 4096, SYNC_FILE_RANGE_WRITE);
	sync();
	return 0;
}

/* memory MEGABYTES: touches so much, twice. */
static int memory(char **args)
{
	size_t size = (size_t)atoi(args[0]) << 20;
	char *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int round = 0; round < 2; round++)
		for (size_t at = 0; at < size; at += 4096)
			pages[at] += 1;
	return 0;
}

/* swap MEGABYTES: asks the kernel to swap so much out, then touches it again. */
static int swap(char **args)
{
	size_t size = (size_t)atoi(args[0]) << 20;
	char *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t at = 0; at < size; at += 4096)
		pages[at] = (char)at;
	if (madvise(pages, size, 21 /* MADV_PAGEOUT */))
		perror("madvise");
	for (size_t at = 0; at < size; at += 4096)
		pages[at] += 1;
	return 0;
}

/* stat PATH: by each call of the family. */
static int stat_all(char **args)
{
	char buffer[512];

	syscall(SYS_stat, args[0], buffer);
	syscall(SYS_lstat, args[0], buffer);
	syscall(SYS_newfstatat, AT_FDCWD, args[0], buffer, 0);
	syscall(SYS_statx, AT_FDCWD, args[0], 0, 0xfff, buffer);
	syscall(SYS_statfs, args[0], buffer);
	return 0;
}

/* write DESCRIPTOR COUNT */
static int write_bytes(char **args)
{
	for (int n = 0; n < atoi(args[1]); n++)
		if (write(atoi(args[0]), "x", 1) != 1)
			return 1;
	return 0;
}

/* nap SECONDS NANOSECONDS */
static int nap(char **args)
{
	struct timespec time = { .tv_sec = atoi(args[0]), .tv_nsec = atol(args[1]) };

	return nanosleep(&time, NULL);
}

/* burn SECONDS */
static int burn(char **args)
{
	alarm(atoi(args[0]));
	for (volatile unsigned long n = 0;; n++)
		;
	return 0;
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **args);
} events[] = {
	{ "tcp", 3, tcp },	    { "connect", 3, try_connect }, { "drop", 2, drop },
	{ "thread", 0, thread },    { "resolve", 1, resolve },	   { "setuid", 1, set_uids },
	{ "kill", 2, send_signal }, { "sync", 1, sync_all },	   { "memory", 1, memory },
	{ "nap", 2, nap },	    { "write", 2, write_bytes },	    { "as", 2, as_user },	    { "swap", 1, swap },	    { "stat", 1, stat_all },	   { "burn", 1, burn },
};

int main(int count, char **args)
{
	for (size_t n = 0; count > 1 && n < sizeof(events) / sizeof(events[0]); n++)
		if (!strcmp(events[n].name, args[1]) && count - 2 >= events[n].arguments)
			return events[n].run(args + 2);
	fprintf(stderr, "cause: no such event\n");
	return 2;
}
