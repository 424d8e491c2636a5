/* SPDX-License-Identifier: MIT */
/* core/sys_reads_linux.c - what a read leaves behind: told by /proc of descriptors without a file.
 */
#include "core/sys.h"
#include "core/uncancelled.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The count of an eventfd is read at once, but for one that counts down by one at each read. */
static bool is_no_semaphore(int fd)
{
	char path[64];
	char text[1024];
	ssize_t length;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return false;
	length = read(info, text, sizeof(text) - 1);
	close(info);
	if (length < 0)
		return false;
	text[length] = '\0';
	return strstr(text, "eventfd-semaphore: 0\n") != NULL; /* told since Linux 6.5 */
}

bool np__sys_read_takes_all(int fd)
{
	NP_UNCANCELLED;
	char path[64];
	char name[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, sizeof(name) - 1);
	if (length < 0)
		return false;
	name[length] = '\0';
	if (strcmp(name, "anon_inode:[timerfd]") == 0)
		return true;
	return strcmp(name, "anon_inode:[eventfd]") == 0 && is_no_semaphore(fd);
}
