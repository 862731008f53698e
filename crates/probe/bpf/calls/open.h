// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// open and its relatives; close.

// What the kernel adds to the flags.
static __always_inline u32 kernel_flags(const struct file_facts *facts)
{
    return bit(facts->mode, FMODE_CREATED, PPM_O_F_CREATED) |
           (facts->layer == LAYER_UPPER   ? PPM_FD_UPPER_LAYER
            : facts->layer == LAYER_LOWER ? PPM_FD_LOWER_LAYER
                                          : 0);
}

// The file that was opened; 0 for none.
static __always_inline u64 opened(struct file_facts *facts, s64 fd)
{
    u64 file = fd >= 0 ? file_of(current_task(), fd) : 0;
    if (file)
        facts_of(facts, file);
    return file;
}

VARIABLE(open, SYSCALL_OPEN_X)
{
    u32 flags = c->args[1];
    struct file_facts facts = {};
    u64 file = opened(&facts, c->ret);
    struct note *note = note_of(c, c->args[0]);
    put_u64(r, c->ret);
    put_path_argument(r, c, scratch, note, c->args[0], file);
    put_u32(r, open_flags(flags) | kernel_flags(&facts));
    put_u32(r, open_mode(flags, c->args[2]));
    put_u32(r, facts.dev);
    put_u64(r, facts.ino);
    used_up(note);
}

VARIABLE(openat, SYSCALL_OPENAT_2_X)
{
    u32 flags = c->args[2];
    struct file_facts facts = {};
    u64 file = opened(&facts, c->ret);
    struct note *note = note_of(c, c->args[1]);
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_path_argument(r, c, scratch, note, c->args[1], file);
    put_u32(r, open_flags(flags) | kernel_flags(&facts));
    put_u32(r, open_mode(flags, c->args[3]));
    put_u32(r, facts.dev);
    put_u64(r, facts.ino);
    used_up(note);
}

VARIABLE(openat2, SYSCALL_OPENAT2_X)
{
    struct {
        u64 flags, mode, resolve;
    } how = {};
    struct file_facts facts = {};
    u64 file = opened(&facts, c->ret);
    struct note *note = note_of(c, c->args[1]);
    if (note && note->how_read)
        __builtin_memcpy(&how, note->how, sizeof(how));
    else
        bpf_probe_read_user(&how, sizeof(how), (void *)c->args[2]);
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_path_argument(r, c, scratch, note, c->args[1], file);
    put_u32(r, open_flags(how.flags) | kernel_flags(&facts));
    put_u32(r, open_mode(how.flags, how.mode));
    put_u32(r, resolve_flags(how.resolve));
    put_u32(r, facts.dev);
    put_u64(r, facts.ino);
    used_up(note);
}

VARIABLE(creat, SYSCALL_CREAT_X)
{
    struct file_facts facts = {};
    u64 file = opened(&facts, c->ret);
    struct note *note = note_of(c, c->args[0]);
    put_u64(r, c->ret);
    put_path_argument(r, c, scratch, note, c->args[0], file);
    put_u32(r, c->args[1] & 07777);
    put_u32(r, facts.dev);
    put_u64(r, facts.ino);
    put_u16(r, facts.layer == LAYER_UPPER   ? PPM_FD_UPPER_LAYER_CREAT
               : facts.layer == LAYER_LOWER ? PPM_FD_LOWER_LAYER_CREAT
                                            : 0);
    used_up(note);
}

VARIABLE(open_by_handle_at, SYSCALL_OPEN_BY_HANDLE_AT_X)
{
    struct file_facts facts = {};
    u64 file = c->ret >= 0 ? file_of(current_task(), c->ret) : 0;
    if (file)
        facts_of(&facts, file);
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, open_flags(c->args[2]) | kernel_flags(&facts));
    // The caller names no path, but the kernel knows one.
    if (file)
        put_path(r, scratch, ADDRESS(struct file, file, f_path));
    else
        put_empty(r);
    put_u32(r, facts.dev);
    put_u64(r, facts.ino);
}

FIXED(close, SYSCALL_CLOSE_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
}

FIXED(close_range, SYSCALL_CLOSE_RANGE_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2] & (PPM_CLOSE_RANGE_UNSHARE | PPM_CLOSE_RANGE_CLOEXEC));
}
