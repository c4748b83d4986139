/* The content that programs see is the memory that they map: a store reaches it without a call. It
 * is copied word by word, unseen by sanitizers, as the system's own writing back would do it. */
#include "tests/storage/power_disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/storage/session_fixture.h"

enum {
    PAGE_BYTES = 4096,
    SECTOR_BYTES = 512,
    FIRST_DESCRIPTOR = 1 << 20, /* no descriptor of the system is that high */
    NAME_BYTES = 48,
};

struct entry {
    char name[NAME_BYTES];
    struct power_file *file;
};

struct entries {
    struct entry *items;
    size_t count;
    size_t capacity;
};

/* A file or a folder. */
struct power_file {
    struct power_file *next;
    struct power_file *twin; /* while a disk is copied */
    uint8_t *bytes;          /* as seen; capacity bytes, zero behind size */
    uint8_t *safe;           /* as on the platter */
    size_t size;
    size_t safe_size;
    size_t capacity;
    struct entries entries;
    struct entries safe_entries;
    bool is_folder;
};

/* One change of a folder's entries: a name is given, taken, or both at once. */
struct power_change {
    struct power_change *next;
    struct power_file *folder;
    struct power_file *file;
    char taken[NAME_BYTES]; /* "" for none */
    char given[NAME_BYTES];
};

/* A page that a failed sync has not brought to the platter, as it was then. */
struct power_page {
    struct power_page *next;
    const struct power_file *file;
    size_t offset;
    uint8_t bytes[PAGE_BYTES];
};

static struct power_disk *self(struct qta_environment *env)
{
    return (struct power_disk *)(void *)env; /* base is the first member */
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

__attribute__((no_sanitize_thread)) static void copy_words(uint8_t *to, const uint8_t *from,
                                                           size_t length)
{
    assert(length % 8 == 0);
    volatile const uint64_t *source = (volatile const uint64_t *)(const void *)from;
    uint64_t *target = (uint64_t *)(void *)to;
    for (size_t i = 0; i < length / 8; i++)
        target[i] = source[i];
}

__attribute__((no_sanitize_thread)) static bool are_same(const uint8_t *left, const uint8_t *right,
                                                         size_t length)
{
    volatile const uint64_t *a = (volatile const uint64_t *)(const void *)left;
    volatile const uint64_t *b = (volatile const uint64_t *)(const void *)right;
    uint64_t difference = 0;
    for (size_t i = 0; i < length / 8; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

static size_t whole_pages(size_t length)
{
    return (length + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* What is mapped must not move: a file gets its room before it is mapped. */
static void make_room(struct power_file *file, size_t size)
{
    size_t capacity = whole_pages(size);
    if (capacity <= file->capacity)
        return;
    if (capacity < 2 * file->capacity)
        capacity = 2 * file->capacity;
    uint8_t *bytes = must(aligned_alloc(PAGE_BYTES, capacity));
    uint8_t *safe = must(aligned_alloc(PAGE_BYTES, capacity));
    memset(bytes, 0, capacity);
    memset(safe, 0, capacity);
    if (file->capacity > 0) {
        copy_words(bytes, file->bytes, file->capacity);
        memcpy(safe, file->safe, file->capacity);
    }
    free(file->bytes);
    free(file->safe);
    file->bytes = bytes;
    file->safe = safe;
    file->capacity = capacity;
}

static struct power_file *make_file(struct power_disk *disk, bool is_folder)
{
    struct power_file *file = must(calloc(1, sizeof *file));
    file->is_folder = is_folder;
    file->next = disk->files;
    disk->files = file;
    return file;
}

/* ---- entries ----------------------------------------------------------------------------------
 */

static struct entry *find(struct entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->items[i].name, name) == 0)
            return &entries->items[i];
    return NULL;
}

static void give(struct entries *entries, const char *name, struct power_file *file)
{
    struct entry *entry = find(entries, name);
    if (!entry) {
        if (entries->count == entries->capacity) {
            entries->capacity = entries->capacity ? entries->capacity * 2 : 8;
            entries->items = must(
                realloc(entries->items, entries->capacity * sizeof *entries->items));
        }
        entry = &entries->items[entries->count++];
        assert(strlen(name) < NAME_BYTES);
        strcpy(entry->name, name);
    }
    entry->file = file;
}

static void take(struct entries *entries, const char *name)
{
    struct entry *entry = find(entries, name);
    if (entry)
        *entry = entries->items[--entries->count];
}

static void apply(struct entries *entries, const struct power_change *change,
                  struct power_file *file)
{
    if (change->taken[0])
        take(entries, change->taken);
    if (change->given[0])
        give(entries, change->given, file);
}

static void add_change(struct power_disk *disk, struct power_file *folder, struct power_file *file,
                       const char *taken, const char *given)
{
    struct power_change *change = must(calloc(1, sizeof *change));
    change->folder = folder;
    change->file = file;
    snprintf(change->taken, NAME_BYTES, "%s", taken);
    snprintf(change->given, NAME_BYTES, "%s", given);
    *disk->last_change = change;
    disk->last_change = &change->next;
}

static void change_folder(struct power_disk *disk, struct power_file *folder,
                          struct power_file *file, const char *taken, const char *given)
{
    add_change(disk, folder, file, taken, given);
    struct power_change change = {.folder = folder};
    snprintf(change.taken, NAME_BYTES, "%s", taken);
    snprintf(change.given, NAME_BYTES, "%s", given);
    apply(&folder->entries, &change, file);
}

static void copy_entries(struct entries *to, const struct entries *from)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++)
        give(to, from->items[i].name, from->items[i].file->twin);
}

/* ---- operations -------------------------------------------------------------------------------
 */

static void begin(struct qta_environment *env)
{
    struct power_disk *disk = self(env);
    pthread_mutex_lock(&disk->lock);
}

static void end(struct qta_environment *env)
{
    int error = errno;
    pthread_mutex_unlock(&self(env)->lock);
    errno = error;
}

static void begin_change(struct qta_environment *env)
{
    struct power_disk *disk = self(env);
    begin(env);
    disk->operations++;
    if (disk->on_operation)
        disk->on_operation(disk->user);
}

static void end_change(struct qta_environment *env)
{
    struct power_disk *disk = self(env);
    int error = errno;
    if (disk->on_operation)
        disk->on_operation(disk->user);
    errno = error;
    end(env);
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static struct power_file *file_of(struct power_disk *disk, int fd)
{
    assert(fd >= FIRST_DESCRIPTOR && fd < FIRST_DESCRIPTOR + POWER_DESCRIPTORS_MAX);
    struct power_file *file = disk->descriptors[fd - FIRST_DESCRIPTOR];
    assert(file);
    return file;
}

static int new_descriptor(struct power_disk *disk, struct power_file *file)
{
    for (int i = 0; i < POWER_DESCRIPTORS_MAX; i++) {
        if (disk->descriptors[i])
            continue;
        disk->descriptors[i] = file;
        return FIRST_DESCRIPTOR + i;
    }
    return fail(EMFILE);
}

/* Where a name is: the folder, and the name in it. NULL for the root and what is above it. */
static struct power_file *resolve(struct power_disk *disk, int dirfd, const char **name)
{
    if (dirfd != AT_FDCWD)
        return file_of(disk, dirfd);
    size_t length = strlen(disk->prefix);
    if (strncmp(*name, disk->prefix, length) != 0 || (*name)[length] != '/')
        return NULL;
    *name += length + 1;
    assert(!strchr(*name, '/'));
    return disk->root;
}

static int disk_open_at(struct qta_environment *env, int dirfd, const char *name, int flags,
                        mode_t mode)
{
    (void)mode;
    struct power_disk *disk = self(env);
    bool makes = (flags & O_CREAT) != 0;
    int fd;
    if (makes)
        begin_change(env);
    else
        begin(env);
    struct power_file *folder = resolve(disk, dirfd, &name);
    struct entry *entry = folder ? find(&folder->entries, name) : NULL;
    struct power_file *file = folder ? (entry ? entry->file : NULL) : disk->root;
    if (!file && makes) {
        file = make_file(disk, false);
        change_folder(disk, folder, file, "", name);
    }
    if (file && (flags & O_TRUNC)) {
        if (file->capacity > 0)
            memset(file->bytes, 0, file->capacity);
        file->size = 0;
    }
    if (!file)
        fd = fail(ENOENT);
    else if ((flags & O_DIRECTORY) && !file->is_folder)
        fd = fail(ENOTDIR);
    else
        fd = new_descriptor(disk, file);
    if (makes)
        end_change(env);
    else
        end(env);
    return fd;
}

static int disk_close(struct qta_environment *env, int fd)
{
    begin(env);
    file_of(self(env), fd);
    self(env)->descriptors[fd - FIRST_DESCRIPTOR] = NULL;
    end(env);
    return 0;
}

__attribute__((no_sanitize_thread)) static void copy_bytes(uint8_t *to, const uint8_t *from,
                                                           size_t length)
{
    volatile const uint8_t *source = from;
    size_t i = 0;
    if (((uintptr_t)from & 7) == 0) /* words of a header must not be torn */
        for (; i + 8 <= length; i += 8) {
            uint64_t word = *(volatile const uint64_t *)(volatile const void *)(source + i);
            memcpy(to + i, &word, 8);
        }
    for (; i < length; i++)
        to[i] = source[i];
}

static ssize_t disk_pread(struct qta_environment *env, int fd, void *bytes, size_t length,
                          int64_t offset)
{
    begin(env);
    struct power_file *file = file_of(self(env), fd);
    size_t start = (size_t)offset < file->size ? (size_t)offset : file->size;
    size_t got = file->size - start < length ? file->size - start : length;
    if (got > 0)
        copy_bytes(bytes, file->bytes + start, got);
    end(env);
    return (ssize_t)got;
}

static int disk_pwrite(struct qta_environment *env, int fd, const void *bytes, size_t length,
                       int64_t offset)
{
    begin_change(env);
    struct power_file *file = file_of(self(env), fd);
    size_t until = (size_t)offset + length;
    make_room(file, until);
    memcpy(file->bytes + offset, bytes, length);
    if (until > file->size)
        file->size = until;
    end_change(env);
    return 0;
}

static int64_t disk_size(struct qta_environment *env, int fd)
{
    begin(env);
    int64_t size = (int64_t)file_of(self(env), fd)->size;
    end(env);
    return size;
}

static int disk_allocate(struct qta_environment *env, int fd, int64_t offset, int64_t length)
{
    begin_change(env);
    struct power_file *file = file_of(self(env), fd);
    make_room(file, (size_t)(offset + length));
    if ((size_t)(offset + length) > file->size)
        file->size = (size_t)(offset + length);
    end_change(env);
    return 0;
}

static int disk_truncate(struct qta_environment *env, int fd, int64_t length)
{
    begin_change(env);
    struct power_file *file = file_of(self(env), fd);
    make_room(file, (size_t)length);
    if (file->capacity > 0)
        memset(file->bytes + length, 0, file->capacity - (size_t)length);
    file->size = (size_t)length;
    end_change(env);
    return 0;
}

static void sync_folder(struct power_disk *disk, struct power_file *folder)
{
    struct power_change **link = &disk->changes;
    while (*link) {
        struct power_change *change = *link;
        if (change->folder != folder) {
            link = &change->next;
            continue;
        }
        apply(&folder->safe_entries, change, change->file);
        *link = change->next;
        free(change);
    }
    disk->last_change = link;
}

static bool is_forgotten(const struct power_disk *disk, const struct power_file *file,
                         size_t offset)
{
    for (const struct power_page *page = disk->forgotten; page; page = page->next)
        if (page->file == file && page->offset == offset &&
            are_same(page->bytes, file->bytes + offset, PAGE_BYTES))
            return true;
    return false;
}

static void forget(struct power_disk *disk, const struct power_file *file, size_t offset)
{
    struct power_page *page = must(calloc(1, sizeof *page));
    page->file = file;
    page->offset = offset;
    copy_words(page->bytes, file->bytes + offset, PAGE_BYTES);
    page->next = disk->forgotten;
    disk->forgotten = page;
}

/* Brings pages to the platter, or fails to. */
static void sync_pages(struct power_disk *disk, struct power_file *file, size_t start, size_t end,
                       bool fails)
{
    for (size_t at = start; at < end; at += PAGE_BYTES) {
        if (are_same(file->bytes + at, file->safe + at, PAGE_BYTES) || is_forgotten(disk, file, at))
            continue;
        if (fails)
            forget(disk, file, at);
        else
            copy_words(file->safe + at, file->bytes + at, PAGE_BYTES);
    }
    disk->failed_syncs += fails;
}

static int disk_sync(struct qta_environment *env, int fd)
{
    begin_change(env);
    struct power_file *file = file_of(self(env), fd);
    if (file->is_folder)
        sync_folder(self(env), file);
    else
        sync_pages(self(env), file, 0, file->capacity, false);
    file->safe_size = file->size;
    end_change(env);
    return 0;
}

static void *disk_map(struct qta_environment *env, int fd, size_t length)
{
    begin(env);
    struct power_file *file = file_of(self(env), fd);
    assert(length <= file->capacity);
    end(env);
    return file->bytes;
}

static int disk_unmap(struct qta_environment *env, void *address, size_t length)
{
    (void)env;
    (void)address;
    (void)length;
    return 0;
}

static int disk_sync_map(struct qta_environment *env, void *address, size_t length)
{
    struct power_disk *disk = self(env);
    begin_change(env);
    bool fails = disk->sync_fails_in > 0 &&
                 random_below(&disk->sync_random, disk->sync_fails_in) == 0;
    for (struct power_file *file = self(env)->files; file; file = file->next) {
        if ((uintptr_t)address < (uintptr_t)file->bytes ||
            (uintptr_t)address >= (uintptr_t)file->bytes + file->capacity)
            continue;
        size_t start = (size_t)((uint8_t *)address - file->bytes);
        assert(start % PAGE_BYTES == 0);
        sync_pages(disk, file, start, start + whole_pages(length), fails);
    }
    end_change(env);
    return fails ? fail(EIO) : 0;
}

static int disk_populate_map(struct qta_environment *env, void *address, size_t length)
{
    (void)env;
    (void)address;
    (void)length;
    return 0;
}

static int disk_rename_at(struct qta_environment *env, int dirfd, const char *from, const char *to)
{
    int result = 0;
    begin_change(env);
    struct power_file *folder = resolve(self(env), dirfd, &from);
    struct entry *entry = find(&folder->entries, from);
    if (entry)
        change_folder(self(env), folder, entry->file, from, to);
    else
        result = fail(ENOENT);
    end_change(env);
    return result;
}

static int disk_unlink_at(struct qta_environment *env, int dirfd, const char *name)
{
    int result = 0;
    begin_change(env);
    struct power_file *folder = resolve(self(env), dirfd, &name);
    if (find(&folder->entries, name))
        change_folder(self(env), folder, NULL, name, "");
    else
        result = fail(ENOENT);
    end_change(env);
    return result;
}

static int disk_mkdir_at(struct qta_environment *env, int dirfd, const char *name, mode_t mode)
{
    (void)mode;
    int result = 0;
    begin_change(env);
    struct power_file *folder = resolve(self(env), dirfd, &name);
    if (!folder || find(&folder->entries, name))
        result = fail(EEXIST);
    else
        change_folder(self(env), folder, make_file(self(env), true), "", name);
    end_change(env);
    return result;
}

static int disk_lock(struct qta_environment *env, int fd)
{
    (void)env;
    (void)fd;
    return 0;
}

static int disk_list(struct qta_environment *env, int dirfd,
                     bool (*each)(void *user, const char *name), void *user)
{
    char names[64][NAME_BYTES];
    begin(env);
    const struct entries *entries = &file_of(self(env), dirfd)->entries;
    size_t count = entries->count;
    assert(count <= sizeof names / sizeof names[0]);
    for (size_t i = 0; i < count; i++)
        memcpy(names[i], entries->items[i].name, NAME_BYTES);
    end(env);
    for (size_t i = 0; i < count; i++)
        if (!each(user, names[i]))
            break;
    return 0;
}

static int disk_random(struct qta_environment *env, void *bytes, size_t length)
{
    begin(env);
    uint64_t state = self(env)->operations * 1000003 + (uint64_t)self(env)->clock_ns;
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)random_next(&state);
    self(env)->clock_ns++;
    end(env);
    return 0;
}

static int64_t disk_realtime_ns(struct qta_environment *env)
{
    (void)env;
    return qta_realtime_ns(qta_environment_system());
}

static int64_t disk_monotonic_ns(struct qta_environment *env)
{
    (void)env;
    return qta_monotonic_ns(qta_environment_system());
}

/* ---- life -------------------------------------------------------------------------------------
 */

void power_disk_init(struct power_disk *disk, const char *prefix)
{
    static const struct qta_environment_ops ops = {
        .realtime_ns = disk_realtime_ns,
        .monotonic_ns = disk_monotonic_ns,
        .open_at = disk_open_at,
        .close = disk_close,
        .pread = disk_pread,
        .pwrite = disk_pwrite,
        .size = disk_size,
        .allocate = disk_allocate,
        .truncate = disk_truncate,
        .sync = disk_sync,
        .map = disk_map,
        .unmap = disk_unmap,
        .sync_map = disk_sync_map,
        .populate_map = disk_populate_map,
        .rename_at = disk_rename_at,
        .unlink_at = disk_unlink_at,
        .mkdir_at = disk_mkdir_at,
        .lock = disk_lock,
        .list = disk_list,
        .random = disk_random,
    };
    memset(disk, 0, sizeof *disk);
    disk->base.ops = &ops;
    snprintf(disk->prefix, sizeof disk->prefix, "%s", prefix);
    disk->last_change = &disk->changes;
    disk->root = make_file(disk, true);
    pthread_mutex_init(&disk->lock, NULL);
}

void power_disk_finish(struct power_disk *disk)
{
    while (disk->files) {
        struct power_file *file = disk->files;
        disk->files = file->next;
        free(file->bytes);
        free(file->safe);
        free(file->entries.items);
        free(file->safe_entries.items);
        free(file);
    }
    while (disk->changes) {
        struct power_change *change = disk->changes;
        disk->changes = change->next;
        free(change);
    }
    while (disk->forgotten) {
        struct power_page *page = disk->forgotten;
        disk->forgotten = page->next;
        free(page);
    }
    pthread_mutex_destroy(&disk->lock);
}

/* ---- what survives ----------------------------------------------------------------------------
 */

/* How much of what was not synced survives a cut, in parts of 256. */
static uint64_t choose_share(uint64_t *random)
{
    static const uint64_t shares[] = {0, 16, 128, 240, 256};
    return shares[random_below(random, sizeof shares / sizeof shares[0])];
}

static bool survives(uint64_t share, uint64_t *random)
{
    return random_below(random, 256) < share;
}

static void cut_page(const struct power_file *file, struct power_file *twin, size_t page,
                     uint64_t share, uint64_t *random)
{
    enum { TORN = 6 }; /* one page in so many */
    const uint8_t *seen = file->bytes + page;
    if (are_same(seen, file->safe + page, PAGE_BYTES))
        return;
    bool is_torn = random_below(random, TORN) == 0;
    bool is_kept = survives(share, random);
    for (size_t sector = 0; sector < PAGE_BYTES; sector += SECTOR_BYTES)
        if (is_torn ? random_below(random, 2) == 0 : is_kept)
            copy_words(twin->bytes + page + sector, seen + sector, SECTOR_BYTES);
}

static void cut_file(const struct power_file *file, struct power_file *twin, uint64_t share,
                     uint64_t *random)
{
    size_t size = file->size == file->safe_size || !survives(share, random) ? file->safe_size
                                                                            : file->size;
    make_room(twin, file->capacity);
    if (file->capacity > 0)
        memcpy(twin->bytes, file->safe, file->capacity);
    for (size_t page = 0; page < file->capacity; page += PAGE_BYTES)
        cut_page(file, twin, page, share, random);
    if (file->capacity > 0) {
        memset(twin->bytes + size, 0, twin->capacity - size);
        memcpy(twin->safe, twin->bytes, twin->capacity);
    }
    twin->size = size;
    twin->safe_size = size;
}

static void make_twin(struct power_disk *twin, struct power_file *file);

static void make_twins_of(struct power_disk *twin, const struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        make_twin(twin, entries->items[i].file);
}

static void make_twin(struct power_disk *twin, struct power_file *file)
{
    if (file->twin)
        return;
    file->twin = make_file(twin, file->is_folder);
    make_twins_of(twin, &file->entries);
    make_twins_of(twin, &file->safe_entries);
}

/* Of all files that can still come to have a name. */
static void make_twins(struct power_disk *disk, struct power_disk *twin)
{
    for (struct power_file *file = disk->files; file; file = file->next)
        file->twin = NULL;
    disk->root->twin = twin->root;
    make_twins_of(twin, &disk->root->entries);
    make_twins_of(twin, &disk->root->safe_entries);
    for (struct power_change *change = disk->changes; change; change = change->next)
        if (change->file)
            make_twin(twin, change->file);
}

void power_disk_cut(struct power_disk *disk, struct power_disk *after, uint64_t *random)
{
    uint64_t share = choose_share(random);
    uint64_t folder_share = choose_share(random);
    make_twins(disk, after);
    for (struct power_file *file = disk->files; file; file = file->next) {
        if (!file->twin)
            continue;
        if (!file->is_folder)
            cut_file(file, file->twin, share, random);
        copy_entries(&file->twin->entries, &file->safe_entries);
    }
    for (struct power_change *change = disk->changes; change; change = change->next)
        if (change->folder->twin && survives(folder_share, random))
            apply(&change->folder->twin->entries, change, change->file ? change->file->twin : NULL);
    for (struct power_file *file = after->files; file; file = file->next) {
        if (!file->is_folder)
            continue;
        file->safe_entries.count = 0;
        for (size_t i = 0; i < file->entries.count; i++)
            give(&file->safe_entries, file->entries.items[i].name, file->entries.items[i].file);
    }
    after->clock_ns = disk->clock_ns + 1;
    after->operations = disk->operations;
}

void power_disk_copy(struct power_disk *disk, struct power_disk *copy)
{
    make_twins(disk, copy);
    for (struct power_file *file = disk->files; file; file = file->next) {
        struct power_file *twin = file->twin;
        if (!twin)
            continue;
        make_room(twin, file->capacity);
        if (file->capacity > 0) {
            copy_words(twin->bytes, file->bytes, file->capacity);
            memcpy(twin->safe, file->safe, file->capacity);
        }
        twin->size = file->size;
        twin->safe_size = file->safe_size;
        copy_entries(&twin->entries, &file->entries);
        copy_entries(&twin->safe_entries, &file->safe_entries);
    }
    for (struct power_change *change = disk->changes; change; change = change->next)
        if (change->folder->twin)
            add_change(copy, change->folder->twin, change->file ? change->file->twin : NULL,
                       change->taken, change->given);
    copy->clock_ns = disk->clock_ns + 1;
    copy->operations = disk->operations;
}

void power_disk_write_back(struct power_disk *disk, uint64_t *random)
{
    for (struct power_file *file = disk->files; file; file = file->next)
        for (size_t page = 0; page < file->capacity; page += PAGE_BYTES)
            if (random_below(random, 8) == 0 && !is_forgotten(disk, file, page))
                copy_words(file->safe + page, file->bytes + page, PAGE_BYTES);
}

static void dump_folder(const struct power_file *folder, const char *path)
{
    mkdir(path, 0750);
    for (size_t i = 0; i < folder->entries.count; i++) {
        char name[1024];
        const struct power_file *file = folder->entries.items[i].file;
        snprintf(name, sizeof name, "%s/%s", path, folder->entries.items[i].name);
        if (file->is_folder)
            dump_folder(file, name);
        else
            write_file(name, file->bytes, file->size);
    }
}

void power_disk_dump(struct power_disk *disk, const char *path)
{
    dump_folder(disk->root, path);
}
