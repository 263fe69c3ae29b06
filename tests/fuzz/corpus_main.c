/*
 * A main() for fuzz targets without libFuzzer: feeds a target every file of the folders (or files) named on the
 * command line, whole and cut short at every byte (at evenly spaced bytes when the file is long). So each bug the
 * fuzzer once found is a test of every build. A folder that does not exist holds no files; the empty input is
 * always tried.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIXES_MAX = 256, PATH_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t file_count, run_count;
static const char *current_path = "(empty input)";
static size_t current_len;

/* Which input was it? Asserts and sanitizers abort; this is the last word of the process, so it may print. */
static void on_abort(int signum)
{
    (void)signum;
    fprintf(stderr, "corpus: aborted in the first %zu bytes of %s\n", current_len, current_path);
}

/* Each run gets a block of exactly its size, so that a sanitizer sees the first byte read past the end. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);

    if (copy == NULL)
        abort();
    if (len > 0)
        memcpy(copy, data, len);
    current_len = len;
    LLVMFuzzerTestOneInput(copy, len);
    run_count++;
    free(copy);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t len = 0, room = 0, got;

    if (file == NULL) {
        fprintf(stderr, "corpus: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    do {
        if (len == room) {
            room = room > 0 ? room * 2 : 4096;
            if ((data = realloc(data, room)) == NULL)
                abort();
        }
        got = fread(data + len, 1, room - len, file);
        len += got;
    } while (got > 0);
    fclose(file);

    current_path = path;
    size_t step = len / PREFIXES_MAX + 1;
    for (size_t cut = 0; cut < len; cut += step)
        run(data, cut);
    run(data, len);
    file_count++;
    free(data);
}

static void run_path(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (dir == NULL) {
        if (errno == ENOTDIR)
            run_file(path);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        char file[PATH_BYTES];

        if (entry->d_name[0] == '.')
            continue;
        int n = snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (n > 0 && (size_t)n < sizeof(file))
            run_path(file);
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    signal(SIGABRT, on_abort);
    run((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    printf("%zu files, %zu runs\n", file_count, run_count);
    return 0;
}
