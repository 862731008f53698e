// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Who may still write when a ring fills up.
//
// While a ring is less than three quarters full, everybody may. Above that, a process may write only so much
// until the reader has got on, and so may all processes of a control group together: whoever floods
// the ring loses, everybody else goes on as if nothing were. What state depends on, new and ended
// processes and programs, has a budget of its own, by control group only, and the last sixteenth of
// the ring to itself.
//
// None of this costs anything worth mentioning while there is room: the fill level is looked at
// once in many records then.
#pragma once

enum {
    LOOK_EVERY = 32,       // records, while there is room; every time when there is not
    PROCESS_SHARE = 64,    // a process may write this part of the ring under pressure,
    GROUP_SHARE = 16,      // a control group this part,
    IMPORTANT_SHARE = 16,  // and this part with what is important
    EPOCHS_PER_RING = 4,   // until the reader has read this part of the ring
};

enum spender_kind {
    SPENDER_PROCESS,
    SPENDER_GROUP,
};

struct spender_key {
    u64 id;
    u32 cpu;
    u32 kind;
};

// `Spender` in `src/noisy.rs` mirrors this structure.
struct spender {
    u64 epoch;
    u64 spent;      // bytes in this epoch
    u64 important;  // the same, of what is important; by control group only
    u64 lost;       // records, ever
    char comm[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);  // set by the number of CPUs before loading
    __type(key, struct spender_key);
    __type(value, struct spender);
} spenders SEC(".maps");

// The control group of a thread as a number. Where the unified hierarchy has only its root, the
// group of the memory controller tells containers apart.
static __always_inline u64 group_of(u64 task)
{
    u64 set = POINTER(struct task_struct, task, cgroups);
    u64 group = POINTER(struct css_set, set, dfl_cgrp);
    u64 node = group ? POINTER(struct cgroup, group, kn) : 0;
    u64 id = node ? LOAD(struct kernfs_node, node, id) : 0;
    if (id > 1 || !bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
        return id;
    u64 which = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
    u64 state = load_word(ADDRESS(struct css_set, set, subsys) + which * 8);
    group = state ? POINTER(struct cgroup_subsys_state, state, cgroup) : 0;
    node = group ? POINTER(struct cgroup, group, kn) : 0;
    return node ? LOAD(struct kernfs_node, node, id) : id;
}

static __always_inline struct spender *spender_of(u64 epoch, enum spender_kind kind, u64 id)
{
    struct spender_key key = {id, bpf_get_smp_processor_id(), kind};
    struct spender *spender = bpf_map_lookup_elem(&spenders, &key);
    if (!spender) {
        struct spender fresh = {.epoch = epoch};
        if (kind == SPENDER_PROCESS)
            bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
        bpf_map_update_elem(&spenders, &key, &fresh, BPF_NOEXIST);
        spender = bpf_map_lookup_elem(&spenders, &key);
    }
    if (spender && spender->epoch != epoch) {
        spender->epoch = epoch;
        spender->spent = spender->important = 0;
    }
    return spender;
}

static __always_inline bool is_important(u32 category)
{
    return category == CATEGORY_CLONE_FORK || category == CATEGORY_EXECVE ||
           category == CATEGORY_PROC;
}

// Whether a record may still go into a ring that is getting full. What may not is counted against
// the process and its control group. With a `size` of 0 it is lost in any case.
__noinline int admit_under_pressure(u32 category, u32 size)
{
    struct cpu *cpu = this_cpu();
    if (!cpu)
        return false;
    u64 epoch = cpu->epoch;
    struct spender *process = spender_of(epoch, SPENDER_PROCESS, bpf_get_current_pid_tgid() >> 32);
    struct spender *group = spender_of(epoch, SPENDER_GROUP, group_of(current_task()));
    bool important = is_important(category), admitted = false;
    if (!process || !group) {
        // No room to keep accounts: nobody is held back.
        admitted = size;
    } else if (!size) {
        admitted = false;
    } else if (important) {
        admitted = group->important + size <= cpu->ring_size / IMPORTANT_SHARE;
        if (admitted)
            group->important += size;
    } else if (cpu->pressure == 1) {
        admitted = process->spent + size <= cpu->ring_size / PROCESS_SHARE &&
                   group->spent + size <= cpu->ring_size / GROUP_SHARE;
        if (admitted) {
            process->spent += size;
            group->spent += size;
        }
    }
    if (!admitted) {
        if (process)
            process->lost++;
        if (group)
            group->lost++;
        if (size)
            cpu->counters.over_budget++;
        cpu->counters.ring_full[category & (CATEGORY_COUNT - 1)]++;
    }
    return admitted;
}

// Looks how full the ring of this CPU is. A function of its own, or the verifier would follow it
// in every program.
__noinline int look_at_ring(void)
{
    struct cpu *cpu = this_cpu();
    u32 id = bpf_get_smp_processor_id();
    void *ring = bpf_map_lookup_elem(&rings, &id);
    if (!cpu || !ring)
        return 0;
    u64 size = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
    u64 used = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
    cpu->pressure = used < size / 4 * 3 ? 0 : used < size - size / 16 ? 1 : 2;
    cpu->until_look = cpu->pressure ? 0 : LOOK_EVERY;
    if (cpu->pressure && size) {
        cpu->ring_size = size;
        cpu->epoch = bpf_ringbuf_query(ring, BPF_RB_CONS_POS) / (size / EPOCHS_PER_RING) + 1;
    }
    return 0;
}

// Whether a record of so many bytes may go into the ring.
static __always_inline bool admit(struct cpu *cpu, u32 category, u32 size)
{
    if (cpu->until_look)
        cpu->until_look--;
    else
        look_at_ring();
    return !cpu->pressure || admit_under_pressure(category, size);
}

// The ring had no room left.
static __always_inline void lost(struct cpu *cpu, u32 category)
{
    cpu->until_look = 0;
    admit_under_pressure(category, 0);
}
