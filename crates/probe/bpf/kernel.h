// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The part of the kernel's types that the probe reads.
//
// Only the fields that are used are here: CO-RE looks up the real offsets in the running kernel's
// BTF when the object is loaded. A suffix after three underscores names an older or newer shape of
// the same structure.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed short s16;
typedef signed int s32;
typedef signed long long s64;
typedef _Bool bool;

// What libbpf's headers expect.
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s16 __s16;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;

#define true 1
#define false 0
#define NULL ((void *)0)

// From the kernel's interface to user space; these numbers never change.
enum bpf_map_type {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PROG_ARRAY = 3,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_LPM_TRIE = 11,
    BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
    BPF_MAP_TYPE_RINGBUF = 27,
    BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
    BPF_ANY = 0,
    BPF_NOEXIST = 1,
    BPF_F_NO_PREALLOC = 1,
    BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
    BPF_RB_NO_WAKEUP = 1,
    BPF_RB_AVAIL_DATA = 0,
    BPF_RB_RING_SIZE = 1,
    BPF_RB_CONS_POS = 2,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
    unsigned long bp, bx, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
    u64 regs[31];
    u64 orig_x0;
    s32 syscallno;
};
#endif

struct list_head {
    struct list_head *next, *prev;
};

typedef struct {
    u32 val;
} kuid_t;
typedef struct {
    u32 val;
} kgid_t;
typedef struct {
    s64 counter;
} atomic64_t;
typedef struct {
    int counter;
} atomic_t;

struct timespec64 {
    s64 tv_sec;
    long tv_nsec;
};

// Files.

struct qstr {
    u32 len;
    unsigned char *name;
};

struct hlist_bl_node {
    struct hlist_bl_node **pprev;
};

struct dentry {
    struct hlist_bl_node d_hash;
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
};

struct super_block {
    u32 s_dev;
    unsigned long s_flags;
    unsigned long s_magic;
    struct user_namespace *s_user_ns;
};

struct inode {
    u16 i_mode;
    kuid_t i_uid;
    kgid_t i_gid;
    u32 i_flags;
    struct super_block *i_sb;
    unsigned long i_ino;
    // 6.11 and newer.
    s64 i_mtime_sec;
    s64 i_ctime_sec;
    u32 i_mtime_nsec;
    u32 i_ctime_nsec;
};
struct inode___6_7 {
    struct timespec64 __i_mtime;
    struct timespec64 __i_ctime;
};
struct inode___6_6 {
    struct timespec64 i_mtime;
    struct timespec64 __i_ctime;
};
struct inode___old {
    struct timespec64 i_mtime;
    struct timespec64 i_ctime;
};

struct vfsmount {
    struct dentry *mnt_root;
    int mnt_flags;
};

struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
};

struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};

struct file {
    struct path f_path;
    struct inode *f_inode;
    u32 f_mode;
    u32 f_flags;
    void *private_data;
};

struct fdtable {
    u32 max_fds;
    struct file **fd;
    unsigned long *close_on_exec;
};

struct files_struct {
    struct fdtable *fdt;
};

struct fs_struct {
    struct path root;
    struct path pwd;
};

// What iterators are given.

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq;
};

struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    u32 fd;
    struct file *file;
};

// Processes.

struct upid {
    int nr;
    struct pid_namespace *ns;
};

struct pid {
    u32 level;
    struct upid numbers[1];
};

struct pid_namespace {
    struct task_struct *child_reaper;
    u32 level;
};

struct ns_common {
    u32 inum;
};

struct net {
    struct ns_common ns;
};

struct nsproxy {
    struct pid_namespace *pid_ns_for_children;
    struct net *net_ns;
};

struct uid_gid_map {
    u32 nr_extents;
};

struct user_namespace {
    struct user_namespace *parent;
    int level;
    kuid_t owner;
};

struct group_info {
    int ngroups;
    kgid_t gid[1];
};

typedef struct {
    u64 val;
} kernel_cap_t;

struct cred {
    kuid_t uid;
    kgid_t gid;
    kuid_t suid;
    kgid_t sgid;
    kuid_t euid;
    kgid_t egid;
    kuid_t fsuid;
    kgid_t fsgid;
    kernel_cap_t cap_inheritable;
    kernel_cap_t cap_permitted;
    kernel_cap_t cap_effective;
    struct user_namespace *user_ns;
    struct group_info *group_info;
};

struct rlimit {
    unsigned long rlim_cur;
    unsigned long rlim_max;
};

struct tty_driver {
    int major;
    int minor_start;
};

struct tty_struct {
    int index;
    struct tty_driver *driver;
};

struct signal_struct {
    int nr_threads;
    struct list_head thread_head;
    u32 is_child_subreaper : 1;
    u32 has_child_subreaper : 1;
    u32 flags;
    struct pid *pids[4];
    struct tty_struct *tty;
    unsigned long min_flt, maj_flt;
    struct rlimit rlim[16];
};

struct percpu_counter {
    s64 count;
};

struct mm_struct {
    unsigned long total_vm;
    unsigned long arg_start, arg_end, env_start, env_end;
    struct file *exe_file;
    struct percpu_counter rss_stat[4];
};
struct mm_rss_stat___old {
    atomic64_t count[4];
};
struct mm_struct___old {
    struct mm_rss_stat___old rss_stat;
};

struct thread_info {
    unsigned long flags;
    u32 status;
};

struct task_struct {
    struct thread_info thread_info;
    u32 flags;
    struct mm_struct *mm;
    int exit_code;
    s32 pid;
    s32 tgid;
    struct task_struct *real_parent;
    struct list_head children;
    struct list_head sibling;
    struct task_struct *group_leader;
    struct list_head thread_node;
    struct pid *thread_pid;
    u64 start_boottime;
    u64 real_start_time;
    unsigned long min_flt;
    unsigned long maj_flt;
    struct cred *cred;
    char comm[16];
    struct fs_struct *fs;
    struct files_struct *files;
    struct nsproxy *nsproxy;
    struct signal_struct *signal;
    kuid_t loginuid;
    struct css_set *cgroups;
};
struct task_struct___old {
    u64 real_start_time;
};

// The same for `kill` and for the end of a child.
union __sifields {
    struct {
        s32 _pid;
    } _kill;
};

struct kernel_siginfo {
    int si_code;
    union __sifields _sifields;
};

struct linux_binprm {
    char *filename;
};

// Control groups.

struct kernfs_node {
    struct kernfs_node *__parent;
    char *name;
    u64 id;
};
struct kernfs_node___old {
    struct kernfs_node *parent;
};

struct cgroup_root {
    int hierarchy_id;
};

struct cgroup {
    struct kernfs_node *kn;
    struct cgroup_root *root;
};

struct cgroup_subsys_state {
    struct cgroup *cgroup;
};

struct css_set {
    struct cgroup_subsys_state *subsys[12];
    struct cgroup *dfl_cgrp;
};

enum cgroup_subsys_id {
    cpuset_cgrp_id,
    cpu_cgrp_id,
    cpuacct_cgrp_id,
    io_cgrp_id,
    memory_cgrp_id,
};

// Sockets.

struct in6_addr {
    union {
        u8 u6_addr8[16];
        u32 u6_addr32[4];
    } in6_u;
};

struct sock_common {
    u32 skc_daddr;
    u32 skc_rcv_saddr;
    u16 skc_dport;
    u16 skc_num;
    u16 skc_family;
    u8 skc_state;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
    struct sock_common __sk_common;
    u16 sk_protocol;
    u16 sk_type;
    u32 sk_ack_backlog;
    u32 sk_max_ack_backlog;
    struct socket *sk_socket;
};
struct sock___old {
    u16 sk_ack_backlog;
    u16 sk_max_ack_backlog;
};

struct socket {
    s16 type;
    struct sock *sk;
};

struct ipv6_pinfo {
    struct in6_addr saddr;
};

struct inet_sock {
    struct ipv6_pinfo *pinet6;
    u32 inet_saddr;
    u16 inet_sport;
};

struct sockaddr_un {
    u16 sun_family;
    char sun_path[108];
};

struct unix_address {
    int len;
    struct sockaddr_un name[1];
};

struct unix_sock {
    struct unix_address *addr;
    struct sock *peer;
};

// io_uring.

struct filename {
    char *name;
};

struct open_how {
    u64 flags, mode, resolve;
};

struct io_open {
    int dfd;
    u32 file_slot;
    struct filename *filename;
    struct open_how how;
};

struct io_connect {
    void *addr;
    int addr_len;
};

struct io_cmd_data {
    u8 data[56];
};

struct io_cqe {
    u64 user_data;
    s32 res;
    union {
        u32 flags;
        int fd;
    };
};

struct __kernel_sockaddr_storage {
    char data[128];
};

struct io_async_msghdr {
    struct __kernel_sockaddr_storage addr;
};

// What newer kernels begin `struct io_async_msghdr` with.
struct iou_vec {
    u32 nr;
};

struct io_uring_task {
    struct task_struct *task;
};

struct io_kiocb {
    union {
        struct file *file;
        struct io_cmd_data cmd;
    };
    u8 opcode;
    u64 flags;
    struct io_cqe cqe;
    struct io_uring_task *tctx;
    void *async_data;
};
struct io_kiocb___old {
    struct task_struct *task;
};

#pragma clang attribute pop
