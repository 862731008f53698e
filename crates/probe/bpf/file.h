// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Open files: from descriptor to inode.
#pragma once

// A `struct file *`, or 0 for a descriptor that is not open.
static __always_inline u64 file_of(u64 task, s32 fd)
{
    u64 files = POINTER(struct task_struct, task, files);
    if (!files)
        return 0;
    u64 table = POINTER(struct files_struct, files, fdt);
    // Negative descriptors are large ones here.
    if (!table || (u32)fd >= LOAD(struct fdtable, table, max_fds))
        return 0;
    return load_word(POINTER(struct fdtable, table, fd) + (u32)fd * 8ULL);
}

// The device number as `stat` shows it.
static __always_inline u32 encode_dev(u32 dev)
{
    u32 major = dev >> 20, minor = dev & 0xfffff;
    return (minor & 0xff) | major << 8 | (minor & ~0xff) << 12;
}

#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define S_IFMT 0170000
#define S_IFSOCK 0140000

enum layer {
    LAYER_NONE,
    LAYER_UPPER,
    LAYER_LOWER,
};

// On which layer of an overlay file system the file is; an image's files are on a lower one until
// they are changed.
static __always_inline enum layer layer_of(u64 inode, u64 super)
{
    if (LOAD(struct super_block, super, s_magic) != OVERLAYFS_SUPER_MAGIC)
        return LAYER_NONE;
    // Overlayfs keeps the upper file's dentry right behind the inode, in a structure of its own
    // that BTF does not have where it is a module.
    u64 upper = load_word(inode + bpf_core_type_size(struct inode));
    if (!upper)
        return LAYER_LOWER;
    u64 upper_inode = POINTER(struct dentry, upper, d_inode);
    return upper_inode && LOAD(struct inode, upper_inode, i_ino) ? LAYER_UPPER : LAYER_LOWER;
}

struct file_facts {
    u64 ino;
    u32 dev;
    u32 mode;  // f_mode
    enum layer layer;
};

#define FMODE_CREATED 0x100000

// What an event tells of a file that was just opened; zeroes when there is none.
static __always_inline void facts_of(struct file_facts *facts, u64 file)
{
    u64 inode = POINTER(struct file, file, f_inode);
    u64 super = POINTER(struct inode, inode, i_sb);
    facts->ino = LOAD(struct inode, inode, i_ino);
    facts->dev = encode_dev(LOAD(struct super_block, super, s_dev));
    facts->mode = LOAD(struct file, file, f_mode);
    facts->layer = layer_of(inode, super);
}
