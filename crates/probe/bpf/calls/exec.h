// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// A process changes its program.

static __always_inline void put_environment(struct record *r, u64 mm)
{
    u64 start = mm ? LOAD(struct mm_struct, mm, env_start) : 0;
    u64 end = mm ? LOAD(struct mm_struct, mm, env_end) : 0;
    put_area(r, start, end, AREA_MAX);
}

#define MAX_WORDS 16

// The strings that an array of the caller points to, from the entry `first` on, up to the end or to
// 16 of them: copies them to `at` in scratch memory's record, and says how many bytes that were.
__noinline u32 copy_words(u64 array, u32 first, u32 at, int compat)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return 0;
    u32 width = 8 >> (compat & 1), done = 0;
    array += first * width;
    for (u32 i = 0; i < MAX_WORDS && i + first < MAX_WORDS; i++) {
        u64 word[2] = {};
        bpf_probe_read_user(word, MASK(width, 15), (void *)(array + i * width));
        if (!word[0])
            break;
        u8 *to = &scratch->record[(at + done) & OFFSET_MASK];
        long len = bpf_probe_read_user_str(to, AREA_MAX, (void *)word[0]);
        if (len <= 0)
            break;
        done = forget(scratch, done + len);
    }
    return done;
}

static __always_inline void put_words(struct record *r, const struct call *c, u64 array, u32 first)
{
    put_done(r, copy_words(array, first, r->at, c->compat));
}

#define SB_RDONLY 1
#define S_IMMUTABLE 8
#define MAX_GROUPS 64

enum {
    CAP_DAC_OVERRIDE = 1,
    CAP_FOWNER = 3,
};

__noinline int in_group(u64 cred, u32 gid)
{
    if (LOAD(struct cred, cred, fsgid.val) == gid)
        return true;
    u64 groups = POINTER(struct cred, cred, group_info);
    int count = LOAD(struct group_info, groups, ngroups);
    u64 ids = ADDRESS(struct group_info, groups, gid);
    for (int i = 0; i < MAX_GROUPS && i < count; i++)
        if ((u32)load_word(ids + i * 4) == gid)
            return true;
    return false;
}

// Whether a thread could change the file, or its mode and then the file. Access control lists are
// not looked at.
__noinline int may_write(u64 cred, u64 inode)
{
    u64 super = POINTER(struct inode, inode, i_sb);
    if (LOAD(struct super_block, super, s_flags) & SB_RDONLY ||
        LOAD(struct inode, inode, i_flags) & S_IMMUTABLE)
        return false;
    u16 mode = LOAD(struct inode, inode, i_mode);
    u32 owner = LOAD(struct inode, inode, i_uid.val);
    if (LOAD(struct cred, cred, fsuid.val) == owner)
        return true;
    u64 ns = POINTER(struct cred, cred, user_ns);
    // A user namespace's capabilities hold for its own file systems only (and for files of the ids
    // mapped into it, which is too much to find out here).
    if (!LOAD(struct user_namespace, ns, level) ||
        ns == POINTER(struct super_block, super, s_user_ns)) {
        u64 caps = load_word(ADDRESS(struct cred, cred, cap_effective));
        if (caps & (1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER))
            return true;
    }
    return mode & (in_group(cred, LOAD(struct inode, inode, i_gid.val)) ? 0020 : 0002);
}

// A memfd has no directory above it, and a name that says what it is.
static __always_inline bool is_memfd(u64 dentry)
{
    if (POINTER(struct dentry, dentry, d_parent) != dentry)
        return false;
    u64 name = 0;
    bpf_probe_read_kernel(&name, 6, (void *)POINTER(struct dentry, dentry, d_name.name));
    return name == 0x3a64666d656dULL;  // "memfd:"
}

// The top bit of the nanoseconds is a mark of the kernel's own: "somebody has asked for this time".
#define NSEC_MASK 0x3fffffff

#define TIME_OF(inode, what)                                                                       \
    (bpf_core_field_exists(struct inode, i_##what##_sec)                                           \
         ? LOAD(struct inode, inode, i_##what##_sec) * NSEC_PER_SEC +                              \
               (LOAD(struct inode, inode, i_##what##_nsec) & NSEC_MASK)                            \
     : bpf_core_field_exists(struct inode___6_7, __i_##what)                                       \
         ? LOAD(struct inode___6_7, inode, __i_##what.tv_sec) * NSEC_PER_SEC +                     \
               LOAD(struct inode___6_7, inode, __i_##what.tv_nsec)                                 \
         : LOAD(struct inode___old, inode, i_##what.tv_sec) * NSEC_PER_SEC +                       \
               LOAD(struct inode___old, inode, i_##what.tv_nsec))

// What an event tells of a program's file.
static __always_inline u32 exe_flags(u64 cred, u64 exe, u64 inode)
{
    enum layer layer = layer_of(inode, POINTER(struct inode, inode, i_sb));
    return (may_write(cred, inode) ? PPM_EXE_WRITABLE : 0) |
           (layer == LAYER_UPPER ? PPM_EXE_UPPER_LAYER : 0) |
           (layer == LAYER_LOWER ? PPM_EXE_LOWER_LAYER : 0) |
           (is_memfd(POINTER(struct file, exe, f_path.dentry)) ? PPM_EXE_FROM_MEMFD : 0);
}

// The parameters of an exec event from the terminal on, without the file name.
static __always_inline void put_exec(struct record *r, u64 task, struct scratch *scratch)
{
    u64 cred = POINTER(struct task_struct, task, cred);
    u64 mm = POINTER(struct task_struct, task, mm);
    u64 exe = mm ? POINTER(struct mm_struct, mm, exe_file) : 0;
    u64 inode = exe ? POINTER(struct file, exe, f_inode) : 0;
    u64 process_group = process_pid(task, TYPE_PGID);
    put_u32(r, terminal(task));
    put_int(r, pid_at(process_group, pid_level(task)));
    put_u32(r, login_uid(task));
    put_u32(r, inode ? exe_flags(cred, exe, inode) : 0);
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_inheritable)));
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_permitted)));
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_effective)));
    put_u64(r, inode ? LOAD(struct inode, inode, i_ino) : 0);
    put_u64(r, inode ? TIME_OF(inode, ctime) : 0);
    put_u64(r, inode ? TIME_OF(inode, mtime) : 0);
    put_u32(r, LOAD(struct cred, cred, euid.val));
    if (exe)
        put_path(r, scratch, ADDRESS(struct file, exe, f_path));
    else
        put_empty(r);
    put_int(r, pid_at(process_group, 0));
    put_u32(r, LOAD(struct cred, cred, egid.val));
}

// A program was started: execve and execveat both arrive as this.
TRACEPOINT(sched_exec, "sched_process_exec", TRACE_EXEC, SYSCALL_EXECVE_19_X, current_task())
{
    u64 mm = POINTER(struct task_struct, task, mm);
    u64 program = ctx[2];
    put_u64(r, 0);
    put_command_line(r, mm);
    put_process(r, task, scratch);
    remember_thread(r, task);
    put_environment(r, mm);
    put_exec(r, task, scratch);
    put_kernel_str(r, POINTER(struct linux_binprm, program, filename));
}

// A program could not be started: what was asked for, in a process that is still the old one.
static __always_inline void put_failed_exec(struct record *r, const struct call *c,
                                            struct scratch *scratch, u64 arguments, u64 environment)
{
    u64 task = current_task();
    u64 first = arguments ? read_word(c, arguments) : 0;
    put_u64(r, c->ret);
    put_user_str(r, first);
    if (first)
        put_words(r, c, arguments, 1);
    else
        put_empty(r);
    put_process(r, task, scratch);
    put_words(r, c, environment, 0);
    put_exec(r, task, scratch);
}

// On success `sched_exec` has told of it before the call returns.
VARIABLE_IF(execve, SYSCALL_EXECVE_19_X, c->ret < 0)
{
    struct note *note = note_of(c, c->args[0]);
    put_failed_exec(r, c, scratch, c->args[1], c->args[2]);
    put_path_argument(r, c, scratch, note, c->args[0], 0);
    used_up(note);
}

VARIABLE_IF(execveat, SYSCALL_EXECVEAT_X, c->ret < 0)
{
    put_failed_exec(r, c, scratch, c->args[2], c->args[3]);
}
