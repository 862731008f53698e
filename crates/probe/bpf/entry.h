// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What a call was given, noted down where it begins.
//
// A record is written when the call returns, and by then another thread of the caller may have put
// something else where a path or an address was. So for the calls whose arguments rules look at
// most, what lies there is noted at the entry, in the memory of the thread, and the record is made
// from the note. Nothing is sent at the entry. The kernel copies the argument a moment later than
// the note is taken; `docs/probe.md` says what that leaves open.
#pragma once

// What fits into the note itself. Longer paths go into a table of their own: they are rare, and
// every thread that opens files pays for the room.
#define NOTE_MAX 256
#define LONG_NOTE_MAX PATH_MAX

struct note {
    u64 pointer;     // the argument that points to what is noted
    u32 generation;  // `control.entries` at the time; 0 for a note that has been used
    u16 nr;          // native number of the call
    u16 len;         // of what is noted, a path's NUL included; 0: could not be read
    u32 how_read;    // openat2: whether the next could be read
    u64 how[3];      // openat2: flags, mode, resolve
    u8 data[NOTE_MAX];
};

struct long_note {
    u8 data[LONG_NOTE_MAX];
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct note);
} notes SEC(".maps");

// By thread (or by the address of an io_uring request). Threads that were killed in the middle of
// a call leave theirs behind, so the table lets go of the oldest.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 256);
    __type(key, u64);
    __type(value, struct long_note);
} long_notes SEC(".maps");

// At the entry.

static __always_inline struct note *new_note(u32 nr, u64 pointer)
{
    u64 task = current_task();
    if (LOAD(struct task_struct, task, tgid) == control.own_tgid)
        return NULL;
    struct note *note = bpf_task_storage_get(&notes, bpf_get_current_task_btf(), NULL,
                                             BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!note)
        return NULL;
    note->pointer = pointer;
    note->nr = nr;
    note->len = 0;
    note->generation = control.entries;
    return note;
}

static __always_inline void note_long_path(struct note *note, u64 pointer)
{
    struct scratch *scratch = this_scratch();
    u64 tid = (u32)bpf_get_current_pid_tgid();
    if (!scratch)
        return;
    long len = bpf_probe_read_user_str(scratch->path, LONG_NOTE_MAX, (void *)pointer);
    if (len > 0 && !bpf_map_update_elem(&long_notes, &tid, scratch->path, BPF_ANY))
        note->len = len;
    else
        note->len = 0;
}

static __always_inline struct note *note_path(u32 nr, u64 pointer)
{
    struct note *note = features.notes ? new_note(nr, pointer) : NULL;
    if (!note)
        return NULL;
    long len = bpf_probe_read_user_str(note->data, NOTE_MAX, (void *)pointer);
    note->len = len > 0 ? len : 0;
    if (len == NOTE_MAX)
        note_long_path(note, pointer);
    return note;
}

static __always_inline void note_openat2(u32 nr, u64 pointer, u64 how)
{
    struct note *note = note_path(nr, pointer);
    if (note)
        note->how_read = !bpf_probe_read_user(note->how, sizeof(note->how), (void *)how);
}

static __always_inline void note_address(u32 nr, u64 pointer, u32 len)
{
    struct note *note = features.notes ? new_note(nr, pointer) : NULL;
    if (!note)
        return;
    len = at_most(len, sizeof(((union address *)0)->un) - 1);
    if (pointer && !bpf_probe_read_user(note->data, MASK(len, 127), (void *)pointer))
        note->len = len;
}

// At the exit.

// The note of this call; NULL if there is none.
static __always_inline struct note *note_of(const struct call *c, u64 pointer)
{
    if (!features.notes || !control.entries)
        return NULL;
    struct note *note = bpf_task_storage_get(&notes, bpf_get_current_task_btf(), NULL, 0);
    if (!note || note->generation != control.entries || note->nr != c->nr ||
        note->pointer != pointer)
        return NULL;
    return note;
}

// The address of the path that was noted, in the kernel's memory; 0 if there is none.
static __always_inline u64 noted_path(const struct call *c, struct note *note)
{
    if (!note || !note->len)
        return 0;
    if (note->len < NOTE_MAX)
        return (u64)note->data;
    u64 tid = c->tid;
    return (u64)bpf_map_lookup_elem(&long_notes, &tid);
}

// A note serves one record: a call that never began (seccomp) must not find an older one's.
static __always_inline void used_up(struct note *note)
{
    if (note)
        note->generation = 0;
}

// Whether a path ends in the name of a file. `at` is where it lies in scratch memory's record.
__noinline int ends_in_name(u32 at, u32 len, u64 dentry)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return false;
    u32 size = LOAD(struct dentry, dentry, d_name.len);
    // `len` counts the NUL.
    if (!size || size > NAME_MASK || len < size + 1)
        return false;
    u32 start = at + len - 1 - size;
    if (len > size + 1 && scratch->record[(start - 1) & OFFSET_MASK] != '/')
        return false;
    // Both are compared word by word, with zeroes behind them.
    u8 *name = &scratch->path[PATH_SIZE], *end = name + 2 * NAME_SIZE;
    size = MASK(size, NAME_MASK);
    bpf_probe_read_kernel(name, size, (void *)POINTER(struct dentry, dentry, d_name.name));
    bpf_probe_read_kernel(end, size, &scratch->record[start & OFFSET_MASK]);
    *(u64 *)(name + size) = *(u64 *)(end + size) = 0;
    u64 differs = 0;
    for (u32 i = 0; i < NAME_SIZE && i < size; i += 8)
        differs |= *(u64 *)(name + i) ^ *(u64 *)(end + i);
    return !differs;
}

// A path that the caller passed. Where it could not be read at the entry (its page was not there
// yet), what lies there now may be something else. Then the kernel's own name of `file`, the file
// that was opened (0 for none), decides: a path that does not end in it gives way to it.
static __always_inline void put_path_argument(struct record *r, const struct call *c,
                                              struct scratch *scratch, struct note *note,
                                              u64 pointer, u64 file)
{
    u64 noted = noted_path(c, note);
    if (noted) {
        put_kernel_str(r, noted);
        return;
    }
    long len = bpf_probe_read_user_str(here(r), PATH_MAX, (void *)pointer);
    if (note && file && len > 0 &&
        !ends_in_name(r->at, len, POINTER(struct file, file, f_path.dentry))) {
        put_path(r, scratch, ADDRESS(struct file, file, f_path));
        return;
    }
    put_done(r, len > 0 ? len : 0);
}
