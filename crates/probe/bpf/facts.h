// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What the filter knows of threads: the name that a thread has when it is made or starts a program,
// and its control groups then. That is what user space knows it by from then on, whatever the thread
// calls itself later and wherever it is moved.
#pragma once

// Longer descriptions of control groups are not looked at. `src/facts.rs` has the same number.
#define HASHED_MAX 4096

// How many words of 8 bytes are hashed at once. The verifier follows a loop turn by turn, so that one of
// few turns within another is looked at much faster than one of many.
#define HASH_STEP 16

// Adds so many words at `at` in scratch memory's record to a hash.
__noinline u64 hash_words(u64 hash, u32 at, u32 words)
{
    struct scratch *scratch = this_scratch();
    u64 factor = control.filter_key[1];
    if (!scratch)
        return hash;
#pragma clang loop unroll(disable)
    for (u32 i = 0; i < HASH_STEP; i++) {
        if (i >= words)
            break;
        hash = (hash ^ *(u64 *)&scratch->record[(at + 8 * i) & OFFSET_MASK]) * factor;
        hash = hash << 29 | hash >> 35;
    }
    return hash;
}

// A hash of the description of control groups at `at` in scratch memory's record; 0 when there is none
// or it is too long. `src/facts.rs` does the same. Two descriptions with one hash would be taken for
// one another: with 64 bits that does not happen by chance, and the key keeps it from being done on
// purpose.
__noinline u64 hash_cgroups(u32 at, u32 len)
{
    struct scratch *scratch = this_scratch();
    if (!scratch || !len || len > HASHED_MAX)
        return 0;
    u64 hash = control.filter_key[0] ^ len;
    u32 words = len / 8;
#pragma clang loop unroll(disable)
    for (u32 done = 0; done < HASHED_MAX / 8; done += HASH_STEP) {
        if (done >= words)
            break;
        hash = hash_words(hash, at + 8 * done, words - done);
    }
    u64 rest = *(u64 *)&scratch->record[(at + 8 * words) & OFFSET_MASK];
    hash = (hash ^ (rest & ((1ULL << 8 * (len & 7)) - 1))) * control.filter_key[1];
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

// Keeps what the record tells of the calling thread, right after `put_process`. It counts once the
// record has been sent: where that fails user space knows the thread by something older.
static __always_inline void remember_thread(const struct record *r, u64 task)
{
    if (!CAN_STORE || !control.filter)
        return;
    struct cpu *cpu = this_cpu();
    struct thread_facts *facts = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL,
                                                      BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!cpu || !facts)
        return;
    char name[16] = {};
    bpf_probe_read_kernel_str(name, sizeof(name), (void *)ADDRESS(struct task_struct, task, comm));
    facts->told = false;
    facts->name[0] = *(u64 *)name;
    facts->name[1] = *(u64 *)(name + 8);
    // The last parameter so far.
    u32 len = *(u16 *)(r->base + HEADER_SIZE + 2 * (r->index - 1));
    facts->set = POINTER(struct task_struct, task, cgroups);
    facts->cgroups = hash_cgroups(r->at - len, len);
    facts->place = PLACE_UNKNOWN;
    facts->filter = 0;
    cpu->fresh = true;
}

// Hands over what user space knows of the threads that were there before. What a thread has told
// itself meanwhile stays; one that calls itself otherwise by now is left out.
SEC("iter/task") int iter_known(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    if (!CAN_STORE || !task)
        return 0;
    u32 tid = task->pid;
    struct known_thread *known = bpf_map_lookup_elem(&known_threads, &tid);
    if (!known)
        return 0;
    char name[16] = {};
    bpf_probe_read_kernel_str(name, sizeof(name), task->comm);
    struct thread_facts facts = {
        .name = {known->name[0], known->name[1]},
        .place = known->place,
        .told = true,
    };
    if (*(u64 *)name != facts.name[0] || *(u64 *)(name + 8) != facts.name[1])
        return 0;
    facts.set = POINTER(struct task_struct, task, cgroups);
    bpf_task_storage_get(&threads, task, &facts, BPF_LOCAL_STORAGE_GET_F_CREATE);
    return 0;
}
