// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What is open at the start. The kernel hands out all descriptors of all processes one after the
// other, which takes a small part of the time that it takes to ask `/proc` for each.
#pragma once

// One descriptor, followed by its name as a link in `/proc` shows it. `OpenFile` in
// `src/iterators.rs` reads this.
struct open_file {
    u32 pid;
    u32 fd;
    u32 flags;  // the kernel's, with O_CLOEXEC
    u32 dev;    // as in events
    u64 ino;
    u16 mode;
    u16 name_len;
    u32 padding;
};

// Not the scratch memory of events: those may come in between.
struct open_file_scratch {
    struct open_file head;
    char name[PATH_MAX];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct open_file_scratch);
} open_file_scratches SEC(".maps");

static __always_inline bool is_cloexec(struct task_struct *task, u32 fd)
{
    unsigned long word = 0;
    unsigned long *words = task->files->fdt->close_on_exec;
    bpf_probe_read_kernel(&word, sizeof(word), words + fd / 64);
    return word >> (fd & 63) & 1;
}

SEC("iter/task_file") int iter_files(struct bpf_iter__task_file *ctx)
{
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;
    u32 zero = 0;
    struct open_file_scratch *scratch = bpf_map_lookup_elem(&open_file_scratches, &zero);
    if (!task || !file || !scratch)
        return 0;
    struct open_file *head = &scratch->head;
    head->pid = task->tgid;
    head->fd = ctx->fd;
    head->flags = file->f_flags & ~O_CLOEXEC;
    if (is_cloexec(task, ctx->fd))
        head->flags |= O_CLOEXEC;
    head->dev = encode_dev(file->f_inode->i_sb->s_dev);
    head->ino = file->f_inode->i_ino;
    head->mode = file->f_inode->i_mode;
    head->padding = 0;
    long len = bpf_d_path(&file->f_path, scratch->name, sizeof(scratch->name));
    // Without the NUL. A name that is too long is asked of `/proc`.
    head->name_len = len > 1 ? len - 1 : 0;
    u32 size = sizeof(*head) + head->name_len;
    if (size <= sizeof(*scratch))
        bpf_seq_write(ctx->meta->seq, scratch, size);
    return 0;
}
