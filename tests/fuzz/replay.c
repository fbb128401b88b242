/* Runs a fuzz target once on each file of a folder, in the order of names: replay FOLDER. The
 * corpus is a regression test this way, with every compiler. Fails if there is no file; the target
 * aborts on what it finds.
 */
#include "asserted.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat info;
    if (!f || fstat(fileno(f), &info) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        return 1;
    }
    if (!S_ISREG(info.st_mode)) {
        fclose(f);
        return 0;
    }
    const size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1); /* exact, for sanitizers */
    const size_t n = data ? fread(data, 1, size, f) : 0;
    fclose(f);
    if (!data || n != size) {
        fprintf(stderr, "cannot read %s\n", path);
        free(data);
        return 1;
    }
    printf("%s\n", path);
    fflush(stdout); /* so that an abort shows on which file */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int replay_wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 64;
    }
    const int n = scandir(argv[1], &entries, replay_wanted, alphasort);
    int bad = n <= 0;
    if (bad) {
        fprintf(stderr, "no files in %s\n", argv[1]);
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        bad += replay_file(path);
        asserted_one();
        free(entries[i]);
    }
    free(entries);
    printf("%d files\n", n);
    return bad != 0;
}
