/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server that takes every POST and counts them, as cheaply as it can.
 *
 *   receive PORT
 *
 * Listens on the loopback; 0 is a free port. Prints the port, and `requests N` at SIGUSR1 and at its
 * end, SIGTERM.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 256

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
static volatile sig_atomic_t ended, asked;

struct connection {
	char head[65536];
	size_t used;
	/* Bytes of a body that are still to come. */
	size_t body;
};

static struct connection *connections[MOST];
static struct pollfd fds[MOST];

static void end(int signal)
{
	if (signal == SIGUSR1)
		asked = 1;
	else
		ended = 1;
}

/* Takes what has come apart; says how many requests are complete. */
static int take(struct connection *c, const char *data, size_t size)
{
	int complete = 0;

	while (size > 0) {
		if (c->body > 0) {
			size_t part = size < c->body ? size : c->body;

			c->body -= part, data += part, size -= part;
			complete += c->body == 0;
			continue;
		}
		if (c->used + 1 >= sizeof(c->head))
			return -1;
		c->head[c->used++] = *data++;
		size--;
		if (c->used >= 4 && !memcmp(c->head + c->used - 4, "\r\n\r\n", 4)) {
			char *length;

			c->head[c->used] = 0;
			length = strcasestr(c->head, "content-length:");
			c->body = length ? strtoul(length + 15, NULL, 10) : 0;
			c->used = 0;
			complete += c->body == 0;
		}
	}
	return complete;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(at);
	struct sigaction action = { .sa_handler = end };
	unsigned long requests = 0;
	int count = 1, i, on = 1;
	static char data[1 << 16];

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	fds[0].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[0].events = POLLIN;
	setsockopt(fds[0].fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fds[0].fd, (struct sockaddr *)&at, sizeof(at)) || listen(fds[0].fd, MOST) ||
	    getsockname(fds[0].fd, (struct sockaddr *)&at, &length)) {
		perror("listen");
		return 1;
	}
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	while (!ended) {
		int ready = poll(fds, count, 100);

		if (asked) {
			asked = 0;
			printf("requests %lu\n", requests);
			fflush(stdout);
		}
		if (ready <= 0)
			continue;
		for (i = count - 1; i > 0; i--) {
			ssize_t got;
			int complete = -1;

			if (!fds[i].revents)
				continue;
			got = read(fds[i].fd, data, sizeof(data));
			if (got > 0)
				complete = take(connections[i], data, got);
			for (; complete > 0; complete--, requests++)
				if (write(fds[i].fd, answer, sizeof(answer) - 1) < 0)
					break;
			if (complete < 0) {
				close(fds[i].fd);
				free(connections[i]);
				count--;
				fds[i] = fds[count];
				connections[i] = connections[count];
			}
		}
		if (fds[0].revents && count < MOST) {
			fds[count].fd = accept(fds[0].fd, NULL, NULL);
			fds[count].events = POLLIN;
			fds[count].revents = 0;
			if (fds[count].fd >= 0 &&
			    (connections[count] = calloc(1, sizeof(struct connection))))
				count++;
		}
	}
	printf("requests %lu\n", requests);
	return 0;
}
