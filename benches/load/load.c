/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads for measuring an engine: one kind of work in a tight loop for some seconds.
 *
 *   load KIND SECONDS [TURNS_PER_SECOND]
 *
 * KIND  open      open and close /dev/null: two system calls a turn
 *       mix       ten system calls a turn: open, fstat, read, write, dup, two closes, socket,
 *                 connect (to a closed port of the loopback), close
 *       fork      fork, exec of /bin/true, wait
 *       untraced  getppid: a call that rules rarely ask for
 *       alert     open and close /etc/shadow for reading: every turn breaks a rule
 *
 * Prints one line of JSON: turns, system calls made by the loop, seconds of wall clock.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void open_close(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static void mix(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct stat st;
	char byte = 0;
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	int other, sock;

	fstat(fd, &st);
	if (read(fd, &byte, 1) != 1 || write(fd, &byte, 1) != 1)
		exit(1);
	other = dup(fd);
	close(other);
	close(fd);
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	connect(sock, (struct sockaddr *)&to, sizeof(to));
	close(sock);
}

static void fork_exec(void)
{
	char *argv[] = { "/bin/true", NULL };
	char *envp[] = { NULL };
	pid_t pid = fork();

	if (pid == 0) {
		execve(argv[0], argv, envp);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[1] : "";
	double seconds = argc > 2 ? atof(argv[2]) : 0, begin, end;
	double pace = argc > 3 ? atof(argv[3]) : 0;
	unsigned long turns = 0, calls_per_turn, batch;

	if (!strcmp(kind, "open") || !strcmp(kind, "alert"))
		calls_per_turn = 2, batch = 1000;
	else if (!strcmp(kind, "mix"))
		calls_per_turn = 10, batch = 100;
	else if (!strcmp(kind, "fork"))
		calls_per_turn = 2, batch = 1;
	else if (!strcmp(kind, "untraced"))
		calls_per_turn = 1, batch = 10000;
	else {
		fprintf(stderr, "usage: load open|mix|fork|untraced|alert SECONDS [TURNS_PER_SECOND]\n");
		return 1;
	}

	if (pace > 0)
		batch = 1;
	begin = now();
	do {
		double early = pace > 0 ? begin + turns / pace - now() : 0;

		if (early > 0)
			usleep(early * 1e6);
		for (unsigned long i = 0; i < batch; i++) {
			switch (kind[0]) {
			case 'o': open_close("/dev/null"); break;
			case 'a': open_close("/etc/shadow"); break;
			case 'm': mix(); break;
			case 'f': fork_exec(); break;
			case 'u': syscall(SYS_getppid); break;
			}
		}
		turns += batch;
		end = now();
	} while (end - begin < seconds);

	printf("{\"kind\":\"%s\",\"turns\":%lu,\"syscalls\":%lu,\"seconds\":%.6f}\n", kind, turns,
	       turns * calls_per_turn, end - begin);
	return 0;
}
