// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Writing records: header, an array of parameter lengths, the parameters.
//
// The same functions fill a record of known size where it lies in the ring, and one of unknown size
// in scratch memory. Everything here is inlined into straight code, so that the place of every
// length, and of every parameter before the first variable one, is a constant.
#pragma once

#define HEADER_SIZE 26
#define PATH_MAX 4096

struct record {
    u8 *base;
    u32 at;     // where the next parameter goes
    u32 index;  // its number
};

// Never called in a program that loads: see `finish_*`.
extern void wrong_number_of_parameters(void) __attribute__((error("wrong number of parameters")));

static __always_inline u64 wall_clock(void)
{
    return bpf_ktime_get_boot_ns() + control.wall_offset;
}

static __always_inline void put_header(u8 *base, u64 time, s64 tid, u32 len, u16 type, u32 params)
{
    *(u64 *)base = time;
    *(s64 *)(base + 8) = tid;
    *(u32 *)(base + 16) = len;
    *(u16 *)(base + 20) = type;
    *(u32 *)(base + 22) = params;
}

// Where the next parameter goes.
static __always_inline u8 *here(const struct record *r)
{
    return r->base + (r->at & OFFSET_MASK);
}

// Ends a parameter whose `len` bytes are in place.
static __always_inline void put_done(struct record *r, u32 len)
{
    *(u16 *)(r->base + HEADER_SIZE + 2 * r->index) = len;
    r->index++;
    r->at += len;
}

static __always_inline void put_u8(struct record *r, u8 value)
{
    *here(r) = value;
    put_done(r, 1);
}

static __always_inline void put_u16(struct record *r, u16 value)
{
    *(u16 *)here(r) = value;
    put_done(r, 2);
}

static __always_inline void put_u32(struct record *r, u32 value)
{
    *(u32 *)here(r) = value;
    put_done(r, 4);
}

static __always_inline void put_u64(struct record *r, u64 value)
{
    *(u64 *)here(r) = value;
    put_done(r, 8);
}

// Descriptors and process ids are ints in the kernel and 64 bits wide in records.
static __always_inline void put_int(struct record *r, u64 value)
{
    put_u64(r, (s64)(s32)value);
}

// "Could not be read", or "does not apply".
static __always_inline void put_empty(struct record *r)
{
    put_done(r, 0);
}

static __always_inline void put_user_str(struct record *r, u64 address)
{
    long len = bpf_probe_read_user_str(here(r), PATH_MAX, (void *)address);
    put_done(r, len > 0 ? len : 0);
}

static __always_inline void put_kernel_str(struct record *r, u64 address)
{
    long len = bpf_probe_read_kernel_str(here(r), PATH_MAX, (void *)address);
    put_done(r, len > 0 ? len : 0);
}

// Raw bytes of user memory; the caller has limited `len` to less than RECORD_MAX.
static __always_inline void put_user_bytes(struct record *r, u64 address, u32 len)
{
    if (bpf_probe_read_user(here(r), MASK(len, OFFSET_MASK), (void *)address))
        len = 0;
    put_done(r, len);
}

static __always_inline void *this_ring(void)
{
    u32 id = bpf_get_smp_processor_id();
    return bpf_map_lookup_elem(&rings, &id);
}

static __always_inline struct scratch *this_scratch(void)
{
    u32 id = bpf_get_smp_processor_id(), zero = 0;
    void *inner = bpf_map_lookup_elem(&scratches, &id);
    return inner ? bpf_map_lookup_elem(inner, &zero) : NULL;
}

// Whether events of a type tell of new threads and programs.
static __always_inline bool is_of_thread(u16 type)
{
    return type == EVENT_SYSCALL_CLONE_20_X || type == EVENT_SYSCALL_CLONE3_X ||
           type == EVENT_SYSCALL_FORK_20_X || type == EVENT_SYSCALL_VFORK_20_X ||
           type == EVENT_SYSCALL_EXECVE_19_X;
}

// User space will know the calling thread as `remember_thread` has noted it.
static __always_inline void told_of_thread(void)
{
    struct thread_facts *facts =
        bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
    if (facts)
        facts->told = true;
}

// Sends a record that was put together in scratch memory.
static __always_inline void send(struct record *r, struct cpu *cpu, u64 time, u32 tid, u16 type,
                                 u32 params, enum category category)
{
    bool fresh = CAN_STORE && is_of_thread(type) && cpu->fresh;
    if (fresh)
        cpu->fresh = false;
    void *ring = this_ring();
    if (!ring) {
        cpu->counters.no_ring++;
        return;
    }
    u32 len = r->at;
    if (len > RECORD_MAX) {
        cpu->counters.too_big++;
        return;
    }
    if (!admit(cpu, category, len))
        return;
    put_header(r->base, time, (s32)tid, len, type, params);
    if (bpf_ringbuf_output(ring, r->base, len, BPF_RB_NO_WAKEUP))
        lost(cpu, category);
    else if (fresh)
        told_of_thread();
}

// A filler whose event has parameters of fixed size only: they are written straight into the ring.
//
//     FIXED(close, SYSCALL_CLOSE_X)
//     {
//         put_u64(r, c->ret);
//         put_int(r, c->args[0]);
//     }
#define FIXED(syscall, event)                                                                      \
    static __always_inline void fill_##syscall(struct record *r, const struct call *c);            \
    SEC("tp_btf/sys_exit") int sys_##syscall(void *ctx)                                            \
    {                                                                                              \
        struct cpu *cpu = this_cpu();                                                              \
        if (!cpu)                                                                                  \
            return 0;                                                                              \
        void *ring = this_ring();                                                                  \
        if (!ring) {                                                                               \
            cpu->counters.no_ring++;                                                               \
            return 0;                                                                              \
        }                                                                                          \
        if (!admit(cpu, CATEGORY_OF_##event, SIZE_##event))                                        \
            return 0;                                                                              \
        u64 time = wall_clock();                                                                   \
        u8 *base = bpf_ringbuf_reserve(ring, SIZE_##event, 0);                                     \
        if (!base) {                                                                               \
            lost(cpu, CATEGORY_OF_##event);                                                        \
            return 0;                                                                              \
        }                                                                                          \
        struct record r = {base, HEADER_SIZE + 2 * PARAMS_##event, 0};                             \
        put_header(base, time, (s32)cpu->call.tid, SIZE_##event, EVENT_##event, PARAMS_##event);   \
        fill_##syscall(&r, &cpu->call);                                                            \
        if (r.index != PARAMS_##event || r.at != SIZE_##event)                                     \
            wrong_number_of_parameters();                                                          \
        bpf_ringbuf_submit(base, BPF_RB_NO_WAKEUP);                                                \
        return 0;                                                                                  \
    }                                                                                              \
    static __always_inline void fill_##syscall(struct record *r, const struct call *c)

// A filler whose event has a parameter of variable size: the record is put together in scratch
// memory and copied into the ring at once.
#define VARIABLE(syscall, event) VARIABLE_IF(syscall, event, true)

// The same, for calls of which some are no event; the condition is on `c`.
#define VARIABLE_IF(syscall, event, condition)                                                     \
    static __always_inline void fill_##syscall(struct record *r, const struct call *c,             \
                                               struct scratch *scratch);                           \
    SEC("tp_btf/sys_exit") int sys_##syscall(void *ctx)                                            \
    {                                                                                              \
        struct cpu *cpu = this_cpu();                                                              \
        if (!cpu)                                                                                  \
            return 0;                                                                              \
        const struct call *c = &cpu->call;                                                         \
        if (!(condition)) {                                                                        \
            cpu->counters.events--;                                                                \
            return 0;                                                                              \
        }                                                                                          \
        struct scratch *scratch = this_scratch();                                                  \
        if (!scratch) {                                                                            \
            cpu->counters.no_ring++;                                                               \
            return 0;                                                                              \
        }                                                                                          \
        u64 time = wall_clock();                                                                   \
        struct record r = {scratch->record, HEADER_SIZE + 2 * PARAMS_##event, 0};                  \
        fill_##syscall(&r, c, scratch);                                                            \
        if (r.index != PARAMS_##event)                                                             \
            wrong_number_of_parameters();                                                          \
        send(&r, cpu, time, cpu->call.tid, EVENT_##event, PARAMS_##event,               \
             CATEGORY_OF_##event);                                                                 \
        return 0;                                                                                  \
    }                                                                                              \
    static __always_inline void fill_##syscall(struct record *r, const struct call *c,             \
                                               struct scratch *scratch)

// The head of a program on a tracepoint other than `sys_exit`. `subject` is the thread that the
// event is about, which becomes `task`; the event is left out when that thread's process is.
#define TRACEPOINT_HEAD(bit, subject)                                                              \
    struct cpu *cpu = this_cpu();                                                                  \
    if (!cpu || !(control.tracepoints & (bit)))                                                    \
        return 0;                                                                                  \
    /* Through memory, the argument becomes a mere number, see POINTER. */                         \
    *(volatile u64 *)&cpu->about = (u64)(subject);                                                 \
    u64 task = *(volatile u64 *)&cpu->about;                                                       \
    if (LOAD(struct task_struct, task, tgid) == control.own_tgid)                                  \
        return 0;                                                                                  \
    cpu->counters.events++

// A program on such a tracepoint, whose event has a parameter of variable size.
#define TRACEPOINT(program, tracepoint, bit, event, subject)                                       \
    static __always_inline void fill_##program(struct record *r, u64 *ctx, u64 task,               \
                                               struct scratch *scratch);                           \
    SEC("tp_btf/" tracepoint) int program(u64 *ctx)                                                \
    {                                                                                              \
        TRACEPOINT_HEAD(bit, subject);                                                             \
        struct scratch *scratch = this_scratch();                                                  \
        if (!scratch) {                                                                            \
            cpu->counters.no_ring++;                                                               \
            return 0;                                                                              \
        }                                                                                          \
        u64 time = wall_clock();                                                                   \
        struct record r = {scratch->record, HEADER_SIZE + 2 * PARAMS_##event, 0};                  \
        fill_##program(&r, ctx, task, scratch);                                                    \
        if (r.index != PARAMS_##event)                                                             \
            wrong_number_of_parameters();                                                          \
        send(&r, cpu, time, LOAD(struct task_struct, task, pid), EVENT_##event,         \
             PARAMS_##event, CATEGORY_OF_##event);                                                 \
        return 0;                                                                                  \
    }                                                                                              \
    static __always_inline void fill_##program(struct record *r, u64 *ctx, u64 task,               \
                                               struct scratch *scratch)

// The same with parameters of fixed size only.
#define FIXED_TRACEPOINT(program, tracepoint, bit, event, subject)                                 \
    static __always_inline void fill_##program(struct record *r, u64 *ctx, u64 task);              \
    SEC("tp_btf/" tracepoint) int program(u64 *ctx)                                                \
    {                                                                                              \
        TRACEPOINT_HEAD(bit, subject);                                                             \
        void *ring = this_ring();                                                                  \
        if (!ring) {                                                                               \
            cpu->counters.no_ring++;                                                               \
            return 0;                                                                              \
        }                                                                                          \
        if (!admit(cpu, CATEGORY_OF_##event, SIZE_##event))                                        \
            return 0;                                                                              \
        u64 time = wall_clock();                                                                   \
        u8 *base = bpf_ringbuf_reserve(ring, SIZE_##event, 0);                                     \
        if (!base) {                                                                               \
            lost(cpu, CATEGORY_OF_##event);                                                        \
            return 0;                                                                              \
        }                                                                                          \
        struct record r = {base, HEADER_SIZE + 2 * PARAMS_##event, 0};                             \
        put_header(base, time, LOAD(struct task_struct, task, pid), SIZE_##event, EVENT_##event,   \
                   PARAMS_##event);                                                                \
        fill_##program(&r, ctx, task);                                                             \
        if (r.index != PARAMS_##event || r.at != SIZE_##event)                                     \
            wrong_number_of_parameters();                                                          \
        bpf_ringbuf_submit(base, BPF_RB_NO_WAKEUP);                                                \
        return 0;                                                                                  \
    }                                                                                              \
    static __always_inline void fill_##program(struct record *r, u64 *ctx, u64 task)
