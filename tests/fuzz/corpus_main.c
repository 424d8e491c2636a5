/* SPDX-License-Identifier: MIT */
/*
 * tests/fuzz/corpus_main.c - PROGRAM FOLDER ...: a fuzz target runs once for each file there, for
 * compilers without libFuzzer.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUT_MAX = 1 << 16 };

static void run_file(const char *folder, const char *name)
{
	uint8_t *data = malloc(INPUT_MAX), *exact;
	char path[1024];
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file || !data) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, INPUT_MAX, file);
	fclose(file);
	/* No longer than it is, for those who watch. */
	exact = realloc(data, size > 0 ? size : 1);
	if (!exact)
		exit(1);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static int run_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int count = 0;

	if (!dir) {
		perror(folder);
		exit(1);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		run_file(folder, entry->d_name);
		count++;
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int count = run_folder(argv[i]);

		printf("%s: %d inputs\n", argv[i], count);
		if (count == 0)
			return 1;
	}
	return argc < 2;
}
