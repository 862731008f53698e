// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The tables that decide which calls no rule can match. User space makes them from the rules (the
// crate `pushdown` says how); `src/filter.rs` mirrors these structures.
//
// Every table is there twice: programs look into one generation, and user space writes the other.
// The number of the current one is a word of `control`, which each call reads once.
#pragma once

#define FILTER_SLOTS 128     // per generation; slot 0 stands for "everything passes"
#define FILTER_TESTS 6
#define FILTER_CLASSES 256   // two bits for the sign of the result, one for each test
#define FILTER_TAILS 64
#define FILTER_STARTS 128
#define FILTER_PROCESSES 16
#define FILTER_PEERS 16      // per generation; 0 stands for "nothing is asked"
#define FILTER_PORTS 64
#define FILTER_NETWORKS 32
#define FILTER_KEY 128       // how much of a path is looked up
#define FILTER_PATH 256      // longer paths are not looked at

enum {
    TEST_EQUALS,      // (argument & first) == second
    TEST_ANY_BIT,     // argument & first
    TEST_DESCRIPTOR,  // the kind of the descriptor is one of first
};

// What descriptors lead to.
enum {
    KIND_NONE = 1,
    KIND_STREAM = 1 << 1,
    KIND_DATAGRAM = 1 << 2,
    KIND_INET_OTHER = 1 << 3,
    KIND_UNIX = 1 << 4,
    KIND_SOCKET_OTHER = 1 << 5,
    KIND_DIRECTORY = 1 << 6,
    KIND_OTHER = 1 << 7,
    KIND_SOCKET = KIND_STREAM | KIND_DATAGRAM | KIND_INET_OTHER | KIND_UNIX | KIND_SOCKET_OTHER,
};

// What passes for the sake of state.
enum {
    PASS_ALWAYS = 1,
    PASS_DIRECTORY = 2,
    PASS_SOCKET = 4,
    PASS_FCNTL = 8,
    PASS_DATAGRAM = 16,
    PASS_TELL = 32,          // tell what file the descriptor is
    PASS_TELL_SOCKET = 64,   // the same of a socket
    PASS_FAMILY = 128,       // sockets of families that cannot be told of
    PASS_CONNECTION = 256,   // connections that cannot be told of later
    PASS_UNCONNECTED = 512,  // messages through datagram sockets without another end
};

struct filter_test {
    u32 what;
    u32 arg;  // 0 to 5, or 6 for the result
    u64 first;
    u64 second;
};

struct filter_tail {
    u64 value;
    u64 bits;
};

// What a path may pass, with one of the tails and without.
struct filter_masks {
    u64 with_tail;
    u64 without_tail;
};

struct filter_path {
    u32 arg;
    u32 tails;
    u32 in_root;    // being in the root directory counts as a tail
    u32 starts;     // the factor by which the table of beginnings is hashed; 0: there is none
    u64 clauses;    // that ask something of it; 0 when there is no such path
    u64 irregular;  // that a path may pass which is not looked at
    u64 ends[4];    // by the last two bytes, whether a path may have a tail
    struct filter_tail tail[FILTER_TAILS];
    struct filter_masks start[FILTER_STARTS];  // by the first four bytes
};

struct filter_process {
    u64 bit;      // of the verdict
    u64 clauses;  // that need it
};

struct filter_slot {
    u32 tests;
    u32 processes;
    u32 state;  // PASS_*
    u32 peer;   // the number of its table of other ends
    struct filter_test test[FILTER_TESTS];
    struct filter_process process[FILTER_PROCESSES];
    struct filter_path path[2];
    u64 masks[FILTER_CLASSES];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2 * FILTER_SLOTS);
    __type(key, u32);
    __type(value, struct filter_slot);
} filter_slots SEC(".maps");

struct filter_network {
    u64 family;
    u64 address[2];  // as the kernel has it; IPv4 in the first four bytes
    u64 mask[2];
    u64 clauses;     // that connections into it may pass
};

// What connections may pass, by where they lead.
struct filter_peer {
    u32 ports;
    u32 networks;
    u64 other_ports;      // clauses that connections to ports which are not listed may pass
    u64 other_addresses;  // the same of addresses in none of the networks
    u16 port[FILTER_PORTS];  // in ascending order, the largest number behind them
    u64 port_clauses[FILTER_PORTS];
    struct filter_network network[FILTER_NETWORKS];  // the first that has an address counts
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2 * FILTER_PEERS);
    __type(key, u32);
    __type(value, struct filter_peer);
} filter_peers SEC(".maps");

struct filter_path_key {
    u32 bits;
    u8 path[FILTER_KEY];
};

// A table per slot and path: what paths may pass by how they begin.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 2 * 2 * FILTER_SLOTS);
    __type(key, u32);
    __type(value, u32);
    __array(values, struct {
        __uint(type, BPF_MAP_TYPE_LPM_TRIE);
        __uint(max_entries, 1);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(key_size, sizeof(struct filter_path_key));
        __uint(value_size, sizeof(struct filter_masks));
    });
} filter_paths SEC(".maps");

struct filter_name {
    u32 generation;
    u32 unused;
    u64 name[2];
};

// The verdicts on a process. Where it is not known which counts, both do.
struct filter_verdicts {
    u64 host;
    u64 container;
};

// The verdicts on processes by name, where they differ from those on others.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct filter_name);
    __type(value, struct filter_verdicts);
} filter_names SEC(".maps");

// Where a thread is. `Place` in `src/facts.rs` has the same numbers.
enum place {
    PLACE_UNKNOWN,
    PLACE_HOST,
    PLACE_CONTAINER,
};

// Where threads are, by the hash of what events tell of their control groups: user space knows the
// names of containers, and writes an answer when it comes to such an event.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, u64);
    __type(value, u32);
} cgroup_places SEC(".maps");

// What user space knows of a thread by its last event of a new thread or program, or from the start.
struct thread_facts {
    u64 name[2];   // its name then
    u64 cgroups;   // hash of its control groups then; 0 when they have none
    u64 set;       // the kernel's object for these groups: a thread that has another one was moved
    u64 verdict;   // as long as it was not moved
    u64 moved;     // the verdict if it was
    u32 filter;    // the tables that the verdicts are from
    u32 place;     // PLACE_*
    u32 round;     // `control.filter_round` when its place was last looked for
    u32 told;      // whether the event was sent; nothing counts before that
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct thread_facts);
} threads SEC(".maps");

// What user space knows of a thread that was there before.
struct known_thread {
    u64 name[2];
    u32 place;
    u32 unused;
};

// By thread, in a table that is there for as long as it takes to hand them over.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, u32);
    __type(value, struct known_thread);
} known_threads SEC(".maps");

// Where a path is looked at. What follows it is read with it, and is zero.
struct filter_buffer {
    u32 unused;
    u32 bits;
    u8 path[FILTER_PATH + 32];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct filter_buffer);
} filter_buffers SEC(".maps");
