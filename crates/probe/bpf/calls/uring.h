// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Opens and connects that come through io_uring, and so are no system calls.
//
// The kernel copies their arguments when a request is submitted, and has let go of them when it is
// complete. So they are noted down in between. What comes out is the event that the system call
// would have had; `docs/probe.md` says what is different in it.

enum {
    OP_CONNECT = 16,
    OP_OPENAT = 18,
    OP_OPENAT2 = 28,
    REQ_F_FIXED_FILE = 1 << 0,
    REQ_F_CQE_SKIP = 1 << 6,
    // Threads that work for io_uring have ids that nobody knows, and no name of their own.
    PF_IO_WORKER = 0x10,
    PF_USER_WORKER = 0x4000,
    // What stands for a file that has no descriptor, but a slot of the ring (the low 16 bits), or
    // whose descriptor its opener did not want to know (all ones). Real ones are smaller.
    NO_DESCRIPTOR = 0x7fff0000,
    // The largest part of a note that can be read at once.
    URING_ADDRESS_MAX = 110,
};

struct request {
    u32 tid;
    u32 nr;  // of the system call that it stands for
    s32 fd;  // the directory, or the socket
    u16 len;
    bool told;  // its event has been sent
    u64 how[3];
    u8 data[NOTE_MAX];
};

// Requests on their way, by their address in the kernel. Whoever has more of them in flight than
// this loses names, not events.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 2048);
    __type(key, u64);
    __type(value, struct request);
} requests SEC(".maps");

// The system call that an operation stands for; 0 for one that is of no interest.
static __always_inline u32 nr_of_operation(u8 operation)
{
    u32 nr = operation == OP_OPENAT    ? NR_OPENAT
             : operation == OP_OPENAT2 ? NR_OPENAT2
             : operation == OP_CONNECT ? NR_CONNECT
                                       : 0;
    return nr && in_set(control.native, nr) ? nr : 0;
}

static __always_inline u64 submitter_of(u64 req)
{
    if (bpf_core_field_exists(struct io_kiocb, tctx)) {
        u64 tctx = POINTER(struct io_kiocb, req, tctx);
        return tctx ? POINTER(struct io_uring_task, tctx, task) : 0;
    }
    return POINTER(struct io_kiocb___old, req, task);
}

static __always_inline void note_how(struct request *request, u64 open)
{
    request->fd = LOAD(struct io_open, open, dfd);
    // The kernel adds that by itself.
    request->how[0] = LOAD(struct io_open, open, how.flags) & ~(u64)O_LARGEFILE;
    request->how[1] = LOAD(struct io_open, open, how.mode);
    request->how[2] = LOAD(struct io_open, open, how.resolve);
}

static __always_inline void note_open(struct request *request, u64 key, u64 open)
{
    note_how(request, open);
    u64 filename = POINTER(struct io_open, open, filename);
    u64 name = filename ? POINTER(struct filename, filename, name) : 0;
    long len = bpf_probe_read_kernel_str(request->data, NOTE_MAX, (void *)name);
    if (len == NOTE_MAX) {
        struct scratch *scratch = this_scratch();
        if (!scratch)
            return;
        u8 *path = &scratch->path[PATH_SIZE];
        len = bpf_probe_read_kernel_str(path, LONG_NOTE_MAX, (void *)name);
        if (bpf_map_update_elem(&long_notes, &key, path, BPF_ANY))
            len = 0;
    }
    request->len = len > 0 ? len : 0;
}

static __always_inline void note_socket(struct request *request, u64 req)
{
    request->fd = LOAD(struct io_kiocb, req, cqe.fd);
    if (LOAD(struct io_kiocb, req, flags) & REQ_F_FIXED_FILE)
        request->fd = NO_DESCRIPTOR | (request->fd & 0xffff);
}

static __always_inline bool is_known_family(u16 family)
{
    return family == AF_UNIX || family == AF_INET || family == AF_INET6;
}

// The kernel's copy of the address; 0 if it is not found. It lies at the start of what the request
// keeps, or, in older kernels, deep inside of it; where at the start there is something else, that
// begins with a pointer into the kernel, which is never so odd.
static __always_inline u64 kept_address(u64 kept)
{
    u16 family = 0;
    if (!kept)
        return 0;
    bpf_probe_read_kernel(&family, sizeof(family), (void *)kept);
    if (bpf_core_type_exists(struct iou_vec) && is_known_family(family))
        return kept;
    kept = ADDRESS(struct io_async_msghdr, kept, addr);
    bpf_probe_read_kernel(&family, sizeof(family), (void *)kept);
    return is_known_family(family) ? kept : 0;
}

static __always_inline void note_connect(struct request *request, u64 req, u64 connect)
{
    u32 len = at_most(LOAD(struct io_connect, connect, addr_len), URING_ADDRESS_MAX);
    u64 kept = kept_address(POINTER(struct io_kiocb, req, async_data));
    note_socket(request, req);
    bool failed = kept ? bpf_probe_read_kernel(request->data, MASK(len, 127), (void *)kept)
                       : bpf_probe_read_user(request->data, MASK(len, 127),
                                             (void *)POINTER(struct io_connect, connect, addr));
    request->len = failed ? 0 : len;
}

// The record of an open. `res` is the result, `file` what was opened (0: nothing, or not known).
static __always_inline void put_uring_open(struct record *r, struct scratch *scratch, u64 key,
                                           const struct request *request, s64 res, u64 file)
{
    struct file_facts facts = {};
    u64 noted = (u64)request->data;
    u32 flags = request->how[0];
    if (request->len == NOTE_MAX || request->len > NOTE_MAX)
        noted = (u64)bpf_map_lookup_elem(&long_notes, &key);
    if (file)
        facts_of(&facts, file);
    put_u64(r, res);
    put_int(r, request->fd);
    if (noted && request->len)
        put_kernel_str(r, noted);
    else if (file)
        put_path(r, scratch, ADDRESS(struct file, file, f_path));
    else
        put_empty(r);
    put_u32(r, open_flags(flags) | kernel_flags(&facts));
    put_u32(r, open_mode(flags, request->how[1]));
    if (request->nr == NR_OPENAT2)
        put_u32(r, resolve_flags(request->how[2]));
    put_u32(r, facts.dev);
    put_u64(r, facts.ino);
}

static __always_inline void put_uring_connect(struct record *r, struct scratch *scratch, u64 req,
                                              const struct request *request, s64 res)
{
    u64 address = request->len ? forget(scratch, (u64)request->data) : 0;
    u32 len = at_most(request->len, URING_ADDRESS_MAX) | NOTED;
    put_u64(r, res);
    if (res == 0 || res == -EINPROGRESS)
        put_tuple(r, sock_of_file(POINTER(struct io_kiocb, req, file)), OUTBOUND, address, len);
    else
        put_empty(r);
    put_int(r, request->fd);
    put_address(r, scratch, address, len);
}

// Tells of a request that has a note.
__noinline int send_request(u64 req, s64 res)
{
    struct cpu *cpu = this_cpu();
    const struct request *request = bpf_map_lookup_elem(&requests, &req);
    if (!cpu || !request || (control.drop_failed && res < 0))
        return 0;
    cpu->counters.events++;
    struct scratch *scratch = this_scratch();
    if (!scratch) {
        cpu->counters.no_ring++;
        return 0;
    }
    u64 time = wall_clock();
    u64 task = submitter_of(req);
    u64 file = 0;
    if (res >= 0 && res < NO_DESCRIPTOR && task)
        file = file_of(task, res);
    if (request->nr == NR_CONNECT) {
        if (is_told_of(NR_CONNECT))
            tell_socket(request->fd, POINTER(struct io_kiocb, req, file), request->tid);
        struct record r = {scratch->record, HEADER_SIZE + 2 * PARAMS_SOCKET_CONNECT_X, 0};
        put_uring_connect(&r, scratch, req, request, res);
        send(&r, cpu, time, request->tid, EVENT_SOCKET_CONNECT_X,
             PARAMS_SOCKET_CONNECT_X, CATEGORY_CONNECT);
    } else if (request->nr == NR_OPENAT2) {
        struct record r = {scratch->record, HEADER_SIZE + 2 * PARAMS_SYSCALL_OPENAT2_X, 0};
        put_uring_open(&r, scratch, req, request, res, file);
        send(&r, cpu, time, request->tid, EVENT_SYSCALL_OPENAT2_X,
             PARAMS_SYSCALL_OPENAT2_X, CATEGORY_OPEN);
    } else {
        struct record r = {scratch->record, HEADER_SIZE + 2 * PARAMS_SYSCALL_OPENAT_2_X, 0};
        put_uring_open(&r, scratch, req, request, res, file);
        send(&r, cpu, time, request->tid, EVENT_SYSCALL_OPENAT_2_X,
             PARAMS_SYSCALL_OPENAT_2_X, CATEGORY_OPEN);
    }
    return 0;
}

// Begins a request of a thread; NULL when that is not to be told of.
static __always_inline struct request *new_request(void *at, u32 nr, u64 task)
{
    u32 tgid = LOAD(struct task_struct, task, tgid);
    if (tgid == control.own_tgid)
        return NULL;
    struct request *request = at;
    __builtin_memset(request, 0, sizeof(*request));
    bool is_worker = LOAD(struct task_struct, task, flags) & (PF_IO_WORKER | PF_USER_WORKER);
    request->tid = is_worker ? tgid : LOAD(struct task_struct, task, pid);
    request->nr = nr;
    return request;
}

// Notes what can still be had of a request that has no note: it is older than the probe's hooks, or
// too many others came between.
static __always_inline void note_late(u64 req, u32 nr)
{
    struct scratch *scratch = this_scratch();
    u64 task = submitter_of(req);
    struct request *request = scratch && task ? new_request(scratch->path, nr, task) : NULL;
    if (!request)
        return;
    if (nr == NR_CONNECT)
        note_socket(request, req);
    else
        note_how(request, ADDRESS(struct io_kiocb, req, cmd));
    bpf_map_update_elem(&requests, &req, request, BPF_ANY);
}

SEC("tp_btf/io_uring_submit_req") int uring_submit(u64 *ctx)
{
    // Through memory, the argument becomes a mere number, see POINTER.
    struct cpu *cpu = this_cpu();
    if (!cpu)
        return 0;
    *(volatile u64 *)&cpu->about = ctx[0];
    u64 req = *(volatile u64 *)&cpu->about;
    u32 nr = nr_of_operation(LOAD(struct io_kiocb, req, opcode));
    if (!nr)
        return 0;
    struct scratch *scratch = this_scratch();
    struct request *request = scratch ? new_request(scratch->path, nr, current_task()) : NULL;
    if (!request)
        return 0;
    u64 command = ADDRESS(struct io_kiocb, req, cmd);
    if (nr == NR_CONNECT)
        note_connect(request, req, command);
    else
        note_open(request, req, command);
    bpf_map_update_elem(&requests, &req, request, BPF_ANY);
    if (LOAD(struct io_kiocb, req, flags) & REQ_F_CQE_SKIP) {
        // Nobody will be told when it succeeds, not even this probe. So it counts as done.
        struct request *kept = bpf_map_lookup_elem(&requests, &req);
        if (kept) {
            kept->told = true;
            send_request(req, nr == NR_CONNECT ? 0 : NO_DESCRIPTOR | 0xffff);
        }
    }
    return 0;
}

SEC("tp_btf/io_uring_complete") int uring_complete(u64 *ctx)
{
    struct cpu *cpu = this_cpu();
    if (!cpu)
        return 0;
    *(volatile u64 *)&cpu->about = ctx[1];
    u64 req = *(volatile u64 *)&cpu->about;
    if (!req)
        return 0;
    u32 nr = nr_of_operation(LOAD(struct io_kiocb, req, opcode));
    if (!nr)
        return 0;
    struct request *request = bpf_map_lookup_elem(&requests, &req);
    if (request && request->told) {
        bpf_map_delete_elem(&requests, &req);
        return 0;
    }
    if (!request)
        note_late(req, nr);
    s64 res = LOAD(struct io_kiocb, req, cqe.res);
    if (nr != NR_CONNECT && res >= 0) {
        u32 slot = LOAD(struct io_open, ADDRESS(struct io_kiocb, req, cmd), file_slot);
        if (slot)
            res = NO_DESCRIPTOR | ((slot - 1) & 0xffff);
    }
    send_request(req, res);
    bpf_map_delete_elem(&requests, &req);
    return 0;
}
