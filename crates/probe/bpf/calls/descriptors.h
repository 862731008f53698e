// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Calls that make descriptors or do something to them, other than reading and writing.

FIXED(dup, SYSCALL_DUP_1_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
}

FIXED(dup2, SYSCALL_DUP2_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_int(r, c->args[1]);
}

FIXED(dup3, SYSCALL_DUP3_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_int(r, c->args[1]);
    put_u32(r, descriptor_flags(c->args[2]));
}

TABLE u8 fcntl_command_low[64] = {
    [0] = PPM_FCNTL_F_DUPFD,       [1] = PPM_FCNTL_F_GETFD,
    [2] = PPM_FCNTL_F_SETFD,       [3] = PPM_FCNTL_F_GETFL,
    [4] = PPM_FCNTL_F_SETFL,       [5] = PPM_FCNTL_F_GETLK,
    [6] = PPM_FCNTL_F_SETLK,       [7] = PPM_FCNTL_F_SETLKW,
    [8] = PPM_FCNTL_F_SETOWN,      [9] = PPM_FCNTL_F_GETOWN,
    [10] = PPM_FCNTL_F_SETSIG,     [11] = PPM_FCNTL_F_GETSIG,
    [12] = PPM_FCNTL_F_GETLK64,    [13] = PPM_FCNTL_F_SETLK64,
    [14] = PPM_FCNTL_F_SETLKW64,   [15] = PPM_FCNTL_F_SETOWN_EX,
    [16] = PPM_FCNTL_F_GETOWN_EX,  [36] = PPM_FCNTL_F_OFD_GETLK,
    [37] = PPM_FCNTL_F_OFD_SETLK,  [38] = PPM_FCNTL_F_OFD_SETLKW,
};

TABLE u8 fcntl_command_from_1024[16] = {
    [0] = PPM_FCNTL_F_SETLEASE, [1] = PPM_FCNTL_F_GETLEASE,
    [2] = PPM_FCNTL_F_NOTIFY,   [5] = PPM_FCNTL_F_CANCELLK,
    [6] = PPM_FCNTL_F_DUPFD_CLOEXEC, [7] = PPM_FCNTL_F_SETPIPE_SZ,
    [8] = PPM_FCNTL_F_GETPIPE_SZ,
};

// The portable number of an fcntl command.
static __always_inline u8 fcntl_command(u32 cmd)
{
    if (cmd < 64)
        return fcntl_command_low[MASK(cmd, 63)];
    if (cmd >= 1024 && cmd < 1040)
        return fcntl_command_from_1024[MASK(cmd, 15)];
    return PPM_FCNTL_UNKNOWN;
}

FIXED(fcntl, SYSCALL_FCNTL_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u8(r, fcntl_command(c->args[1]));
    put_u64(r, c->args[2]);
}

FIXED(ioctl, SYSCALL_IOCTL_3_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u64(r, c->args[1]);
    put_u64(r, c->args[2]);
}

FIXED(lseek, SYSCALL_LSEEK_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u64(r, c->args[1]);
    put_u8(r, c->args[2]);
}

FIXED(flock, SYSCALL_FLOCK_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, c->args[1] & (PPM_LOCK_SH | PPM_LOCK_EX | PPM_LOCK_NB | PPM_LOCK_UN));
}

// Result and descriptor.
#define DESCRIPTOR(syscall, event)  \
    FIXED(syscall, event)           \
    {                               \
        put_u64(r, c->ret);         \
        put_int(r, c->args[0]);     \
    }

DESCRIPTOR(fstat, SYSCALL_FSTAT_X)
DESCRIPTOR(fchdir, SYSCALL_FCHDIR_X)
DESCRIPTOR(getdents, SYSCALL_GETDENTS_X)
DESCRIPTOR(getdents64, SYSCALL_GETDENTS64_X)

// The two descriptors that the call wrote to `address`; -1 each when it failed.
static __always_inline void read_pair(s32 *pair, const struct call *c, u64 address)
{
    pair[0] = pair[1] = -1;
    if (c->ret == 0)
        bpf_probe_read_user(pair, 8, (void *)address);
}

static __always_inline void put_pipe(struct record *r, const struct call *c)
{
    s32 pair[2];
    read_pair(pair, c, c->args[0]);
    put_u64(r, c->ret);
    put_int(r, pair[0]);
    put_int(r, pair[1]);
    u64 file = c->ret == 0 ? file_of(current_task(), pair[0]) : 0;
    u64 inode = file ? POINTER(struct file, file, f_inode) : 0;
    put_u64(r, inode ? LOAD(struct inode, inode, i_ino) : 0);
}

FIXED(pipe, SYSCALL_PIPE_X)
{
    put_pipe(r, c);
}

FIXED(pipe2, SYSCALL_PIPE2_X)
{
    put_pipe(r, c);
    put_u32(r, descriptor_flags(c->args[1]));
}

FIXED(eventfd, SYSCALL_EVENTFD_X)
{
    put_u64(r, c->ret);
    put_u64(r, (u32)c->args[0]);
    put_u32(r, 0);  // the call has none
}

FIXED(eventfd2, SYSCALL_EVENTFD2_X)
{
    put_u64(r, c->ret);
    put_u16(r, descriptor_flags(c->args[1]));
    put_u64(r, (u32)c->args[0]);
}

// The low half of the signal set at `address`.
static __always_inline u32 signal_mask(u64 address)
{
    u32 mask = 0;
    if (address)
        bpf_probe_read_user(&mask, sizeof(mask), (void *)address);
    return mask;
}

FIXED(signalfd, SYSCALL_SIGNALFD_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, signal_mask(c->args[1]));
    put_u8(r, 0);  // the call has none
}

FIXED(signalfd4, SYSCALL_SIGNALFD4_X)
{
    put_u64(r, c->ret);
    put_u16(r, descriptor_flags(c->args[3]));
    put_int(r, c->args[0]);
    put_u32(r, signal_mask(c->args[1]));
}

// The flags do not fit the parameter; its low bits are all zero.
FIXED(timerfd_create, SYSCALL_TIMERFD_CREATE_X)
{
    put_u64(r, c->ret);
    put_u8(r, c->args[0]);
    put_u8(r, c->args[1]);
}

FIXED(inotify_init, SYSCALL_INOTIFY_INIT_X)
{
    put_u64(r, c->ret);
    put_u8(r, 0);  // the call has none
}

FIXED(inotify_init1, SYSCALL_INOTIFY_INIT1_X)
{
    put_u64(r, c->ret);
    put_u16(r, descriptor_flags(c->args[0]));
}

FIXED(epoll_create, SYSCALL_EPOLL_CREATE_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
}

FIXED(epoll_create1, SYSCALL_EPOLL_CREATE1_X)
{
    put_u64(r, c->ret);
    put_u32(r, bit(c->args[0], O_CLOEXEC, PPM_EPOLL_CLOEXEC));
}

FIXED(epoll_wait, SYSCALL_EPOLLWAIT_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[2]);
}

FIXED(userfaultfd, SYSCALL_USERFAULTFD_X)
{
    put_u64(r, c->ret);
    put_u32(r, descriptor_flags(c->args[0]));
}

VARIABLE(memfd_create, SYSCALL_MEMFD_CREATE_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, c->args[1] & (PPM_MFD_CLOEXEC | PPM_MFD_ALLOW_SEALING | PPM_MFD_HUGETLB));
}

FIXED(pidfd_open, SYSCALL_PIDFD_OPEN_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, bit(c->args[1], O_NONBLOCK, PPM_PIDFD_NONBLOCK));
}

FIXED(pidfd_getfd, SYSCALL_PIDFD_GETFD_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_int(r, c->args[1]);
    put_u32(r, c->args[2]);
}

FIXED(bpf, SYSCALL_BPF_2_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
}

// The kernel has no bit for IORING_SQ_NEED_WAKEUP here, so that from the third on the portable
// ones are one place higher.
static __always_inline u32 io_uring_flags(u32 flags)
{
    return (flags & 3) | (flags & 0x7c) << 1;
}

FIXED(io_uring_setup, SYSCALL_IO_URING_SETUP_X)
{
    struct {
        u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features;
    } params = {};
    bpf_probe_read_user(&params, sizeof(params), (void *)c->args[1]);
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
    put_u32(r, params.sq_entries);
    put_u32(r, params.cq_entries);
    put_u32(r, io_uring_flags(params.flags));
    put_u32(r, params.sq_thread_cpu);
    put_u32(r, params.sq_thread_idle);
    put_u32(r, params.features & 0x7ff);
}

FIXED(io_uring_enter, SYSCALL_IO_URING_ENTER_X)
{
    u32 flags = c->args[3] & 0xf;
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2]);
    put_u32(r, flags);
    // With the flag, the argument is a structure and not a signal set.
    put_u32(r, flags & PPM_IORING_ENTER_EXT_ARG ? 0 : signal_mask(c->args[4]));
}

FIXED(io_uring_register, SYSCALL_IO_URING_REGISTER_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u16(r, c->args[1]);
    put_u64(r, c->args[2]);
    put_u32(r, c->args[3]);
}

FIXED(select, SYSCALL_SELECT_X)
{
    put_u64(r, c->ret);
}

static __always_inline u16 poll_events(u16 events)
{
    return (events & 7) | bit(events, 0x0008, PPM_POLLERR) | bit(events, 0x0010, PPM_POLLHUP) |
           bit(events, 0x0020, PPM_POLLNVAL) | bit(events, 0x0040, PPM_POLLRDNORM) |
           bit(events, 0x0080, PPM_POLLRDBAND) | bit(events, 0x0100, PPM_POLLWRNORM) |
           bit(events, 0x0200, PPM_POLLWRBAND) | bit(events, 0x2000, PPM_POLLRDHUP);
}

#define MAX_POLLED 16

struct pollfd {
    s32 fd;
    u16 events, revents;
};

// The descriptors for which something happened, and what.
static __always_inline void put_polled(struct record *r, const struct call *c,
                                       struct scratch *scratch)
{
    u32 count = c->args[1];
    if (count > MAX_POLLED)
        count = MAX_POLLED;
    struct pollfd *fds = (void *)scratch->path;
    if (bpf_probe_read_user(fds, MASK(count, 31) * sizeof(*fds), (void *)c->args[0])) {
        put_empty(r);
        return;
    }
    u8 *start = here(r);
    u16 ready = 0;
    count = forget(scratch, count);
    for (int i = 0; i < MAX_POLLED; i++) {
        if (i >= count)
            break;
        if (!fds[i].revents)
            continue;
        u8 *entry = start + 2 + MASK(ready, MAX_POLLED - 1) * 10;
        *(s64 *)entry = fds[i].fd;
        *(u16 *)(entry + 8) = poll_events(fds[i].revents);
        ready = forget(scratch, ready + 1);
    }
    *(u16 *)start = ready;
    put_done(r, 2 + ready * 10);
}

VARIABLE(poll, SYSCALL_POLL_X)
{
    put_u64(r, c->ret);
    put_polled(r, c, scratch);
    put_int(r, c->args[2]);
}

VARIABLE(ppoll, SYSCALL_PPOLL_X)
{
    put_u64(r, c->ret);
    put_polled(r, c, scratch);
    put_u64(r, read_timespec(c, c->args[2]));
    put_u32(r, signal_mask(c->args[3]));
}
