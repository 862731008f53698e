// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// How threads and processes begin, change their program and end.

#define AREA_MAX 4096

// The strings between two addresses of the caller, at most a page of them, the last one ended.
static __always_inline void put_area(struct record *r, u64 start, u64 end, u32 most)
{
    u32 len = end > start ? at_most(end - start, most) : 0;
    u8 *to = here(r);
    if (!len || bpf_probe_read_user(to, MASK(len, 2 * AREA_MAX - 1), (void *)start)) {
        put_empty(r);
        return;
    }
    to[MASK(len - 1, 2 * AREA_MAX - 1)] = 0;
    put_done(r, len);
}

// The command line of a process: its first word, then the others.
static __always_inline void put_command_line(struct record *r, u64 mm)
{
    u64 start = mm ? LOAD(struct mm_struct, mm, arg_start) : 0;
    u64 end = mm ? LOAD(struct mm_struct, mm, arg_end) : 0;
    long len = start ? bpf_probe_read_user_str(here(r), AREA_MAX, (void *)start) : 0;
    if (len <= 0) {
        put_empty(r);
        put_empty(r);
        return;
    }
    put_done(r, len);
    put_area(r, start + len, end, AREA_MAX - len);
}

static __always_inline void put_environment(struct record *r, u64 mm)
{
    u64 start = mm ? LOAD(struct mm_struct, mm, env_start) : 0;
    u64 end = mm ? LOAD(struct mm_struct, mm, env_end) : 0;
    put_area(r, start, end, AREA_MAX);
}

#define MAX_WORDS 16

// The strings that an array of the caller points to, from the entry `first` on: up to the end or
// to 16 of them.
static __always_inline void put_words(struct record *r, const struct call *c,
                                      struct scratch *scratch, u64 array, u32 first)
{
    u32 width = c->compat ? 4 : 8, done = 0;
    for (u32 i = first; i < MAX_WORDS; i++) {
        u64 word = read_word(c, array + i * width);
        if (!word)
            break;
        u8 *to = r->base + ((r->at + done) & OFFSET_MASK);
        long len = bpf_probe_read_user_str(to, AREA_MAX, (void *)word);
        if (len <= 0)
            break;
        done = forget(scratch, done + len);
    }
    put_done(r, forget(scratch, done));
}

// Ids to controllers: ten parameters that all these events share.
static __always_inline void put_process(struct record *r, u64 task, struct scratch *scratch)
{
    u64 parent = POINTER(struct task_struct, task, real_parent);
    u64 signal = POINTER(struct task_struct, task, signal);
    put_int(r, LOAD(struct task_struct, task, pid));
    put_int(r, LOAD(struct task_struct, task, tgid));
    put_int(r, LOAD(struct task_struct, parent, pid));
    put_cwd(r, scratch, task);
    put_u64(r, LOAD(struct signal_struct, signal, rlim[RLIMIT_NOFILE].rlim_cur));
    put_u64(r, LOAD(struct task_struct, task, maj_flt));
    put_u64(r, LOAD(struct task_struct, task, min_flt));
    put_memory_sizes(r, task);
    put_comm(r, task);
    put_cgroups(r, scratch, task);
}

// The parameters of clone and its relatives after the result.
static __always_inline void put_clone(struct record *r, u64 task, struct scratch *scratch, u32 flags)
{
    u64 cred = POINTER(struct task_struct, task, cred);
    u64 proxy = POINTER(struct task_struct, task, nsproxy);
    u32 level = pid_level(task);
    // Below the first pid namespace, or on the way there, a child has other ids for itself than
    // those that its parent sees.
    u64 of_children = proxy ? POINTER(struct nsproxy, proxy, pid_ns_for_children) : 0;
    if (level || (of_children && of_children != pid_namespace(task)))
        flags |= PPM_CL_CHILD_IN_PIDNS;
    put_command_line(r, POINTER(struct task_struct, task, mm));
    put_process(r, task, scratch);
    put_u32(r, flags);
    put_u32(r, LOAD(struct cred, cred, euid.val));
    put_u32(r, LOAD(struct cred, cred, egid.val));
    put_int(r, pid_at(thread_pid(task), level));
    put_int(r, pid_at(process_pid(task, TYPE_TGID), level));
    put_u64(r, pidns_start(task));
}

// A child comes back through the same call as its parent does, with the result 0.
VARIABLE(clone, SYSCALL_CLONE_20_X)
{
    put_u64(r, c->ret);
    put_clone(r, current_task(), scratch, clone_flags((u32)c->args[0]));
}

VARIABLE(clone3, SYSCALL_CLONE3_X)
{
    u64 flags = 0;
    bpf_probe_read_user(&flags, sizeof(flags), (void *)c->args[0]);
    put_u64(r, c->ret);
    put_clone(r, current_task(), scratch, clone_flags(flags));
}

VARIABLE(fork, SYSCALL_FORK_20_X)
{
    put_u64(r, c->ret);
    put_clone(r, current_task(), scratch, 0);
}

VARIABLE(vfork, SYSCALL_VFORK_20_X)
{
    put_u64(r, c->ret);
    put_clone(r, current_task(), scratch, PPM_CL_CLONE_VFORK | PPM_CL_CLONE_VM);
}

// On aarch64 a child does not come back through the call; this is its side of it.
TRACEPOINT(sched_fork, "sched_process_fork", TRACE_FORK, SYSCALL_CLONE_20_X, ctx[1])
{
    u64 parent = ctx[0];
    u32 flags = 0;
    if (LOAD(struct task_struct, task, tgid) == LOAD(struct task_struct, parent, tgid))
        flags |= PPM_CL_CLONE_THREAD;
    if (LOAD(struct task_struct, task, files) == LOAD(struct task_struct, parent, files))
        flags |= PPM_CL_CLONE_FILES;
    if (LOAD(struct task_struct, task, mm) == LOAD(struct task_struct, parent, mm))
        flags |= PPM_CL_CLONE_VM;
    put_u64(r, 0);
    put_clone(r, task, scratch, flags);
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

// The parameters of an exec event from the terminal on, without the file name.
static __always_inline void put_exec(struct record *r, u64 task, struct scratch *scratch)
{
    u64 cred = POINTER(struct task_struct, task, cred);
    u64 mm = POINTER(struct task_struct, task, mm);
    u64 exe = mm ? POINTER(struct mm_struct, mm, exe_file) : 0;
    u64 inode = exe ? POINTER(struct file, exe, f_inode) : 0;
    u64 process_group = process_pid(task, TYPE_PGID);
    u32 flags = 0;
    put_u32(r, terminal(task));
    put_int(r, pid_at(process_group, pid_level(task)));
    put_u32(r, login_uid(task));
    if (inode) {
        enum layer layer = layer_of(inode, POINTER(struct inode, inode, i_sb));
        flags = (may_write(cred, inode) ? PPM_EXE_WRITABLE : 0) |
                (layer == LAYER_UPPER ? PPM_EXE_UPPER_LAYER : 0) |
                (layer == LAYER_LOWER ? PPM_EXE_LOWER_LAYER : 0) |
                (is_memfd(POINTER(struct file, exe, f_path.dentry)) ? PPM_EXE_FROM_MEMFD : 0);
    }
    put_u32(r, flags);
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
        put_words(r, c, scratch, arguments, 1);
    else
        put_empty(r);
    put_process(r, task, scratch);
    put_words(r, c, scratch, environment, 0);
    put_exec(r, task, scratch);
}

// On success `sched_exec` has told of it before the call returns.
VARIABLE_IF(execve, SYSCALL_EXECVE_19_X, c->ret < 0)
{
    put_failed_exec(r, c, scratch, c->args[1], c->args[2]);
    put_user_str(r, c->args[0]);
}

VARIABLE_IF(execveat, SYSCALL_EXECVEAT_X, c->ret < 0)
{
    put_failed_exec(r, c, scratch, c->args[2], c->args[3]);
}

#define PF_EXITING 4
#define MAX_THREADS_LOOKED_AT 30
#define MAX_ANCESTORS_LOOKED_AT 60

// A thread of the process that is not about to end; 0 if there is none among the first 30.
__noinline u64 living_thread(u64 task)
{
    u64 signal = POINTER(struct task_struct, task, signal);
    u64 head = ADDRESS(struct signal_struct, signal, thread_head);
    u64 node = load_word(head);
    for (int i = 0; i < MAX_THREADS_LOOKED_AT; i++) {
        if (node == head || !node)
            return 0;
        u64 thread = node - bpf_core_field_offset(struct task_struct, thread_node);
        if (!(LOAD(struct task_struct, thread, flags) & PF_EXITING))
            return thread;
        node = load_word(node);
    }
    return 0;
}

// The thread that takes over the children of a thread that ends; 0 when there are none, -1 when it
// is not known.
__noinline int reaper_of(u64 task)
{
    u64 children = ADDRESS(struct task_struct, task, children);
    if (load_word(children) == children)
        return 0;
    u64 thread = living_thread(task);
    if (thread)
        return LOAD(struct task_struct, thread, pid);
    u64 ns = pid_namespace(task);
    u64 init = ns ? POINTER(struct pid_namespace, ns, child_reaper) : 0;
    // With its first process a pid namespace ends, and everything in it.
    if (!init || init == task || LOAD(struct task_struct, init, tgid) == LOAD(struct task_struct, task, tgid))
        return -1;
    u64 signal = POINTER(struct task_struct, task, signal);
    if (!LOAD_BIT(struct signal_struct, signal, has_child_subreaper))
        return LOAD(struct task_struct, init, pid);
    u32 level = pid_level(task);
    u64 ancestor = POINTER(struct task_struct, task, real_parent);
    for (int i = 0; i < MAX_ANCESTORS_LOOKED_AT; i++) {
        // The kernel's own first process is its own parent.
        if (!ancestor || ancestor == init || pid_level(ancestor) != level ||
            !LOAD(struct task_struct, ancestor, pid))
            return LOAD(struct task_struct, init, pid);
        u64 of_ancestor = POINTER(struct task_struct, ancestor, signal);
        if (LOAD_BIT(struct signal_struct, of_ancestor, is_child_subreaper)) {
            thread = living_thread(ancestor);
            if (thread)
                return LOAD(struct task_struct, thread, pid);
        }
        ancestor = POINTER(struct task_struct, ancestor, real_parent);
    }
    return -1;
}

// A thread ends.
TRACEPOINT(sched_exit, "sched_process_exit", TRACE_EXIT, PROCEXIT_1_E, ctx[0])
{
    s32 status = LOAD(struct task_struct, task, exit_code);
    put_int(r, status);
    put_int(r, status >> 8 & 0xff);
    put_u8(r, status & 0x7f);
    put_u8(r, !!(status & 0x80));
    put_int(r, reaper_of(task));
}
