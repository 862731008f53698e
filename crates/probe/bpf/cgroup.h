// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The control groups of a thread: what tells a container from the host.
#pragma once

#define MAX_CGROUP_DEPTH 24

// Writes the path of a group into scratch memory, as `walk_path` does with files.
__noinline u32 walk_cgroup(u64 cgroup)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return PATH_SIZE - 1;
    u64 node = POINTER(struct cgroup, cgroup, kn);
    u32 at = PATH_SIZE - 1;
    scratch->path[at] = 0;
    for (int i = 0; i < MAX_CGROUP_DEPTH; i++) {
        u64 parent;
        if (bpf_core_field_exists(struct kernfs_node, __parent))
            parent = POINTER(struct kernfs_node, node, __parent);
        else
            parent = POINTER(struct kernfs_node___old, node, parent);
        if (!parent)
            break;
        // Read it once to learn its length: it is copied into place from there.
        u8 *name = &scratch->path[PATH_SIZE];
        long len = bpf_probe_read_kernel_str(name, NAME_MASK + 1,
                                             (void *)POINTER(struct kernfs_node, node, name));
        u32 next = len > 1 ? prepend(scratch, at, (u64)name, len - 1) : 0;
        if (!next)
            break;
        at = forget(scratch, next);
        node = parent;
    }
    if (at == PATH_SIZE - 1)
        scratch->path[--at] = '/';
    return at;
}

// One controller's entry, `name=path`. The path in scratch memory is still the one of `last` and
// is used again where the group is the same, as it mostly is.
static __always_inline u32 add_cgroup(struct record *r, struct scratch *scratch, u64 set,
                                      u64 unified, u32 id, const char *name, u32 name_len,
                                      u64 *last, u32 *at, u32 done)
{
    u64 state = load_word(ADDRESS(struct css_set, set, subsys) + id * 8);
    u64 group = state ? POINTER(struct cgroup_subsys_state, state, cgroup) : 0;
    if (!group)
        return done;
    // In the unified hierarchy a controller that is not enabled down here belongs to a group
    // further up. What is of interest is where the thread is.
    if (LOAD(struct cgroup, group, root) == LOAD(struct cgroup, unified, root))
        group = unified;
    if (group != *last) {
        *at = walk_cgroup(group);
        *last = group;
    }
    u8 *to = r->base + ((r->at + done) & OFFSET_MASK);
    for (u32 i = 0; i < name_len; i++)
        to[i] = name[i];
    done += name_len;
    u32 len = PATH_SIZE - *at;
    to = r->base + ((r->at + done) & OFFSET_MASK);
    bpf_probe_read_kernel(to, MASK(len, PATH_SIZE - 1), &scratch->path[MASK(*at, PATH_SIZE - 1)]);
    return forget(scratch, done + len);
}

#define ADD_CGROUP(id, name)                                                                       \
    if (bpf_core_enum_value_exists(enum cgroup_subsys_id, id))                                     \
    done = add_cgroup(r, scratch, set, unified, bpf_core_enum_value(enum cgroup_subsys_id, id),    \
                      name, sizeof(name) - 1, &last, &at, done)

static __always_inline void put_cgroups(struct record *r, struct scratch *scratch, u64 task)
{
    u64 set = POINTER(struct task_struct, task, cgroups);
    u64 unified = POINTER(struct css_set, set, dfl_cgrp);
    u64 last = 0;
    u32 at = PATH_SIZE - 1, done = 0;
    ADD_CGROUP(cpuset_cgrp_id, "cpuset=");
    ADD_CGROUP(cpu_cgrp_id, "cpu=");
    ADD_CGROUP(cpuacct_cgrp_id, "cpuacct=");
    ADD_CGROUP(io_cgrp_id, "io=");
    ADD_CGROUP(memory_cgrp_id, "memory=");
    put_done(r, done);
}
