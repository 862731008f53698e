// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The control groups of a thread: what tells a container from the host.
#pragma once

#define MAX_CGROUP_DEPTH 24

// One step of `walk_cgroup`; false at the root.
__noinline int step_up_cgroups(void)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return false;
    struct walk *walk = &scratch->walk;
    u64 node = walk->node, parent;
    if (bpf_core_field_exists(struct kernfs_node, __parent))
        parent = POINTER(struct kernfs_node, node, __parent);
    else
        parent = POINTER(struct kernfs_node___old, node, parent);
    if (!parent)
        return false;
    // Read it once to learn its length: it is copied into place from there.
    u8 *name = &scratch->path[PATH_SIZE];
    long len = bpf_probe_read_kernel_str(name, NAME_MASK + 1,
                                         (void *)POINTER(struct kernfs_node, node, name));
    u32 at = len > 1 ? prepend(scratch, walk->at, (u64)name, len - 1) : 0;
    if (!at)
        return false;
    walk->at = at;
    walk->node = parent;
    return true;
}

// Writes the path of a group into scratch memory, as `walk_path` does with files.
__noinline u32 walk_cgroup(u64 cgroup)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return PATH_SIZE - 1;
    struct walk *walk = &scratch->walk;
    walk->node = POINTER(struct cgroup, cgroup, kn);
    walk->at = PATH_SIZE - 1;
    scratch->path[PATH_SIZE - 1] = 0;
    for (int i = 0; i < MAX_CGROUP_DEPTH && step_up_cgroups(); i++)
        ;
    if (walk->at == PATH_SIZE - 1) {
        walk->at = PATH_SIZE - 2;
        scratch->path[PATH_SIZE - 2] = '/';
    }
    return walk->at;
}

// Writes one controller's entry, `name=path`, to `at` in scratch memory's record, and says how long it
// is. `name` are the bytes of the name. The path in scratch memory is still the one of the last group
// and is used again where the group is the same, as it mostly is.
__noinline u32 write_cgroup(u64 set, u32 id, u64 name, u32 name_len, u32 at)
{
    struct scratch *scratch = this_scratch();
    u64 state = load_word(ADDRESS(struct css_set, set, subsys) + id * 8);
    u64 group = state ? POINTER(struct cgroup_subsys_state, state, cgroup) : 0;
    if (!scratch || !group)
        return 0;
    struct walk *walk = &scratch->walk;
    // In the unified hierarchy a controller that is not enabled down here belongs to a group
    // further up. What is of interest is where the thread is.
    u64 unified = POINTER(struct css_set, set, dfl_cgrp);
    if (LOAD(struct cgroup, group, root) == LOAD(struct cgroup, unified, root))
        group = unified;
    if (group != walk->top) {
        walk_cgroup(group);
        walk->top = group;
    }
    *(u64 *)&scratch->record[at & OFFSET_MASK] = name;
    u32 start = MASK(walk->at, PATH_SIZE - 1), len = PATH_SIZE - start;
    bpf_probe_read_kernel(&scratch->record[(at + name_len) & OFFSET_MASK],
                          MASK(len, PATH_SIZE - 1), &scratch->path[start]);
    return name_len + len;
}

#define ADD_CGROUP(id, name)                                                                       \
    if (bpf_core_enum_value_exists(enum cgroup_subsys_id, id))                                     \
        done += write_cgroup(set, bpf_core_enum_value(enum cgroup_subsys_id, id),                  \
                             *(const u64 *)(name "=\0\0\0\0"), sizeof(name), r->at + done)

static __always_inline void put_cgroups(struct record *r, struct scratch *scratch, u64 task)
{
    u64 set = POINTER(struct task_struct, task, cgroups);
    u32 done = 0;
    scratch->walk.top = 0;
    ADD_CGROUP(cpuset_cgrp_id, "cpuset");
    ADD_CGROUP(cpu_cgrp_id, "cpu");
    ADD_CGROUP(cpuacct_cgrp_id, "cpuacct");
    ADD_CGROUP(io_cgrp_id, "io");
    ADD_CGROUP(memory_cgrp_id, "memory");
    put_done(r, done);
}
