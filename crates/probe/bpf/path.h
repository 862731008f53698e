// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Paths as the kernel knows them. The helper that the kernel has for this is not for these
// programs, so the chain of names is walked here, from the end to the root.
#pragma once

#define PATH_SIZE 4096
#define NAME_SIZE 256
#define NAME_MASK (NAME_SIZE - 1)
#define MAX_COMPONENTS 96

static __always_inline u64 mount_of(u64 vfsmount)
{
    return vfsmount - bpf_core_field_offset(struct mount, mnt);
}

// Puts one name in front of what stands at `at`; hands back the new start, or 0 when it does not
// fit.
static __always_inline u32 prepend(struct scratch *scratch, u32 at, u64 name, u32 len)
{
    if (at < len + 1)
        return 0;
    at -= len + 1;
    u8 *to = &scratch->path[MASK(at, PATH_SIZE - 1)];
    *to = '/';
    bpf_probe_read_kernel(to + 1, MASK(len, NAME_MASK), (void *)name);
    return at;
}

// One step of `walk_path`: puts the name of the directory entry in front of the path, or goes from the
// root of a mount to where that is mounted. False at the end.
__noinline int step_up(void)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return false;
    struct walk *walk = &scratch->walk;
    u64 dentry = walk->node, mount = walk->mount;
    if (dentry == walk->top && mount == walk->top_mount)
        return false;
    u64 parent = POINTER(struct dentry, dentry, d_parent);
    u64 root = POINTER(struct mount, mount, mnt.mnt_root);
    if (dentry == root || dentry == parent) {
        u64 above = POINTER(struct mount, mount, mnt_parent);
        if (above == mount || dentry != root)
            return false;
        walk->node = POINTER(struct mount, mount, mnt_mountpoint);
        walk->mount = above;
        return true;
    }
    u32 at = prepend(scratch, walk->at, POINTER(struct dentry, dentry, d_name.name),
                     LOAD(struct dentry, dentry, d_name.len));
    if (!at)
        return false;
    walk->at = at;
    walk->node = parent;
    return true;
}

// Writes the path at the address of a `struct path` into scratch memory and hands back where it
// starts there; it ends at PATH_SIZE, with a NUL. It goes up to the root of the mount tree, or to
// `top`, the address of another `struct path`, if that comes first. What is deeper than 96 levels
// loses its beginning.
//
// The verifier goes through a loop turn by turn, through every way in it each time. So here, as in
// all loops that are long or have many ways through them, a turn is a function of its own, which
// keeps its state in scratch memory: the verifier looks at it once, and then no more at any place
// where it is called.
__noinline u32 walk_path(u64 path, u64 top)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return PATH_SIZE - 1;
    struct walk *walk = &scratch->walk;
    walk->top = top ? POINTER(struct path, top, dentry) : 0;
    walk->top_mount = top ? mount_of(POINTER(struct path, top, mnt)) : 0;
    walk->node = POINTER(struct path, path, dentry);
    walk->mount = mount_of(POINTER(struct path, path, mnt));
    walk->at = PATH_SIZE - 1;
    scratch->path[PATH_SIZE - 1] = 0;
    for (int i = 0; i < MAX_COMPONENTS && step_up(); i++)
        ;
    return walk->at;
}

// Copies what lies in scratch memory from `at` to the end into the record.
static __always_inline u32 copy_path(struct record *r, struct scratch *scratch, u32 at)
{
    u32 len = PATH_SIZE - at;
    bpf_probe_read_kernel(here(r), MASK(len, PATH_SIZE - 1),
                          &scratch->path[MASK(at, PATH_SIZE - 1)]);
    return len;
}

// The path at the address of a `struct path`.
static __always_inline void put_path(struct record *r, struct scratch *scratch, u64 path)
{
    u32 at = walk_path(path, 0);
    if (at == PATH_SIZE - 1) {
        // Nothing but roots. Files that belong to no tree (memfd) have a name all the same.
        u64 dentry = POINTER(struct path, path, dentry);
        put_kernel_str(r, POINTER(struct dentry, dentry, d_name.name));
        return;
    }
    put_done(r, copy_path(r, scratch, at));
}

// The working directory of a thread, as the thread itself sees it.
static __always_inline void put_cwd(struct record *r, struct scratch *scratch, u64 task)
{
    u64 fs = POINTER(struct task_struct, task, fs);
    u32 at = walk_path(ADDRESS(struct fs_struct, fs, pwd), ADDRESS(struct fs_struct, fs, root));
    if (at == PATH_SIZE - 1)
        scratch->path[--at] = '/';
    put_done(r, copy_path(r, scratch, at));
}
