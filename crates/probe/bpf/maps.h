// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What the programs share with each other and with user space.
#pragma once

// A constant table. Not `static`: small ones would end up in a section of mergeable constants,
// which libbpf does not find.
#define TABLE const

// Settings, mapped into user space, which changes them while the programs run. `Layout` in
// `src/control.rs` mirrors this structure.
struct control {
    u64 native[8];     // system calls that somebody wants, a bit per native number
    u64 ia32[8];       // the same for numbers of 32-bit x86
    u64 wall_offset;   // wall clock minus boot clock, in nanoseconds
    u32 own_tgid;      // the process that is left out; 0 for none
    u32 self_tgid;     // what `whoami` found out
    u32 tracepoints;   // TRACE_* bits
    u32 snaplen;       // how many bytes of data an event carries
    u32 drop_failed;   // whether calls that failed are left out
    u32 page_kb_shift; // a page is 1 << this many KB
    u64 noted[8];      // calls whose arguments are noted where they begin, a bit per native number
    u64 noted_ia32[8]; // the same for numbers of 32-bit x86
    u32 entries;       // which round of notes counts; 0: none are taken
    u32 enter_all;     // native calls have no entry hook of their own
    u32 saw_foreign;   // set here: a call went by whose entry only the hook of all calls sees
    u32 filter;        // the current tables of the filter, see `filter_maps.h`; 0 for none
    u32 filter_round;  // how often user space has told of control groups, see `cgroup_places`
    u64 filter_key[2]; // of `hash_cgroups`
    u64 filter_others[2][2];     // the verdicts on processes whose name is in no table
    u8 filter_slot_of[2][512];   // the slot of each native number; 0: everything passes
};

enum {
    TRACE_EXEC = 1,
    TRACE_EXIT = 2,
    TRACE_FORK = 4,
    TRACE_SIGNAL = 8,
    TRACE_SWITCH = 16,
    TRACE_PAGE_FAULT_USER = 32,
    TRACE_PAGE_FAULT_KERNEL = 64,
};

struct control control SEC(".data.control");

// What the kernel has and the user wants, written before the programs are loaded. The verifier
// knows these values: what they rule out need not even be possible on this kernel. `Features` in
// `src/features.rs` mirrors this structure.
struct features {
    u32 notes;            // arguments are noted where calls begin
    u32 dynamic_snaplen;  // events carry more data where that is worth it
    u32 full_port_first;  // ports with much more data, none if the last is before the first
    u32 full_port_last;
    u32 statsd_port;
    u32 uring;      // what comes through io_uring is told of
    u32 iterators;  // what is there at the start is listed
};

const volatile struct features features SEC(".rodata.features") = {};

// `RingFull` in `src/counters.rs` has the same order.
enum category {
    CATEGORY_CLONE_FORK,
    CATEGORY_EXECVE,
    CATEGORY_OPEN,
    CATEGORY_CONNECT,
    CATEGORY_DIR_FILE,
    CATEGORY_CLOSE,
    CATEGORY_PROC,
    CATEGORY_OTHER,
    CATEGORY_COUNT,
};

// `CpuCounters` in `src/counters.rs` has the same order.
struct counters {
    u64 events;
    u64 ring_full[CATEGORY_COUNT];
    u64 too_big;
    u64 no_ring;
    u64 no_filler;
    u64 foreign_abi;
    u64 filtered;
    u64 over_budget;  // also counted in ring_full
};

// A system call that returned, without the peculiarities of its ABI.
struct call {
    u64 args[6];
    s64 ret;
    u32 tid;      // who made it
    u32 nr;       // native number
    bool compat;  // pointers and longs of the caller are 32 bits wide
    u32 tell;     // PASS_TELL and PASS_TELL_SOCKET: what is told before its record
    u64 forgotten;
    // What `kind_of` has found in this call: for which descriptor (one more, 0: for none), and what.
    u64 looked_at;
    u64 kind;
};

struct cpu {
    struct counters counters;
    struct call call;
    u64 about;  // the thread that an event of a tracepoint is about
    u64 fresh;  // the record tells of the calling thread what `threads` has of it
    // How full the ring is, see `budget.h`.
    u32 until_look;  // records until that is looked at again
    u32 pressure;
    u64 ring_size;
    u64 epoch;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct cpu);
} cpus SEC(".maps");

// One ring per CPU. Only CPUs that are online have one; user space adds others as they come.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);  // set to the number of possible CPUs before loading
    __type(key, u32);
    __type(value, u32);
    __array(values, struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 1 << 16);
    });
} rings SEC(".maps");

// Where a record of unknown length is put together. A parameter may start anywhere in the first
// half, and then still has room for the longest parameter there is: the verifier sees that masking
// the offset is all the bounds checking that is needed.
#define RECORD_MAX (64 * 1024)
#define OFFSET_MASK (RECORD_MAX - 1)

// Where a walk towards a root is, see `path.h`.
struct walk {
    u64 node;       // a dentry, a control group's node, or a thread
    u64 mount;      // the mount that a dentry is in
    u64 top;        // where the walk ends before it comes to the root
    u64 top_mount;
    u64 at;         // where the path begins that is known by now
};

struct scratch {
    u8 record[2 * RECORD_MAX];
    u8 path[2 * 4096];
    struct walk walk;
    u64 forgotten;
};

// Lets a number pass through memory, which makes the verifier forget what it knows of it. In a loop
// that is what makes one turn look like the next, so that it looks at few turns instead of all the
// ways through all of them.
static __always_inline u64 forget(struct scratch *scratch, u64 number)
{
    *(volatile u64 *)&scratch->forgotten = number;
    return *(volatile u64 *)&scratch->forgotten;
}

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);  // set to the number of possible CPUs before loading
    __type(key, u32);
    __type(value, u32);
    __array(values, struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __uint(key_size, sizeof(u32));
        __uint(value_size, sizeof(struct scratch));
    });
} scratches SEC(".maps");

// The filler of each native system call number.
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 512);
    __type(key, u32);
    __type(value, u32);
} fillers SEC(".maps");

static __always_inline struct cpu *this_cpu(void)
{
    u32 zero = 0;
    return bpf_map_lookup_elem(&cpus, &zero);
}
