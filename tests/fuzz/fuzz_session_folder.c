/* Names: of a session's folder, and of the files in it. The input is lines; the first is a path to
 * open as a session, the others become files, named by the fuzzer, in the folders of a session.
 * Nothing outside of the scratch folder may be touched, and what does not have our names is left
 * alone. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/session.h>

#include "storage/session_folder.h"
#include "tests/fuzz/hostile_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A component alone: what "/" and ".." do, the path above shows. */
static void make_file(const char *line, size_t length)
{
    char name[256];
    char path[512];
    if (length < 2 || length >= sizeof name || memchr(line, '/', length) || memchr(line, 0, length))
        return;
    memcpy(name, line + 1, length - 1);
    name[length - 1] = '\0';
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    static const char *const folders[] = {"segments", "journal", "."};
    unsigned kind = (unsigned char)line[0];
    snprintf(path, sizeof path, "%s/%s/%s", hostile_session_path(), folders[kind % 3], name);
    if (kind % 8 == 7) {
        if (symlink("/etc/passwd", path) != 0)
            return;
    } else {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
    }
}

static void open_path(const char *line, size_t length)
{
    char path[512];
    struct qta_session_info info;
    struct qta_session_reader *reader;
    if (length >= sizeof path)
        return;
    memcpy(path, line, length);
    path[length] = '\0';
    qta_session_info_read(path, &info, NULL);
    if (qta_session_reader_create(&reader, path, NULL, NULL) == QTA_OK)
        qta_session_reader_destroy(reader);
}

static void list_files(void)
{
    struct qta_session_folder folder;
    if (qta_session_folder_open(&folder, hostile_session_path(), qta_environment_system(), NULL) !=
        QTA_OK)
        return;
    for (unsigned kind = 0; kind < 2; kind++) {
        struct qta_file_numbers numbers;
        char name[QTA_FILE_NAME_BYTES];
        if (qta_session_folder_list(&folder, (enum qta_session_file)kind, &numbers, NULL) != QTA_OK)
            continue;
        for (size_t i = 0; i < numbers.count; i++) {
            assert(numbers.numbers[i] > 0 && numbers.numbers[i] <= QTA_FILE_NUMBER_MAX);
            assert(i == 0 || numbers.numbers[i - 1] < numbers.numbers[i]);
            qta_session_file_name(name, (enum qta_session_file)kind, numbers.numbers[i]);
            assert(faccessat(folder.folder_fds[kind], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
        }
        qta_file_numbers_finish(&numbers);
    }
    qta_session_folder_close(&folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    hostile_session_clear();
    int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* what the corpus is relative to */
    if (home < 0 || chdir(hostile_session_path()) != 0)       /* what the path is relative to */
        abort();
    for (size_t line = 0; size > 0; line++) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;
        if (line == 0)
            open_path(text, length);
        else
            make_file(text, length);
        text += length + (end != NULL);
        size -= length + (end != NULL);
    }
    list_files();
    hostile_session_read();
    if (fchdir(home) != 0)
        abort();
    close(home);
    return 0;
}
