// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What a descriptor is, told right before a call on it: user space did not see it being made.
#pragma once

// Where the program is among the fillers; no call has this number.
#define TELL_PROGRAM 511

#define TELL(event)                                                                           \
    do {                                                                                      \
        if (r.index != PARAMS_##event)                                                        \
            wrong_number_of_parameters();                                                     \
        cpu->counters.events++;                                                               \
        send(&r, cpu, time, tid, EVENT_##event, PARAMS_##event, CATEGORY_OF_##event);         \
    } while (0)

static __always_inline void put_sock(struct record *r, s32 fd, u64 sock)
{
    put_u32(r, fd);
    put_u16(r, LOAD(struct sock, sock, sk_type));
    put_u16(r, LOAD(struct sock, sock, sk_protocol));
}

static __always_inline void put_in6(struct record *r, u64 address)
{
    load_in6((u32 *)here(r), address);
    put_done(r, 16);
}

// Tells that a descriptor of a thread is this socket.
__noinline int tell_socket(s32 fd, u64 file, u32 tid)
{
    struct cpu *cpu = this_cpu();
    struct scratch *scratch = this_scratch();
    u64 sock = sock_of_file(file);
    if (!cpu || !scratch || !sock)
        return 0;
    u64 time = wall_clock();
    u64 inode = POINTER(struct file, file, f_inode);
    u64 ino = LOAD(struct inode, inode, i_ino);
    u16 family = family_of(sock);
    if (family == AF_INET) {
        struct record r = {scratch->record,
                           HEADER_SIZE + 2 * PARAMS_ITER_TASK_FILE_SOCKET_INET_E, 0};
        put_sock(&r, fd, sock);
        put_u32(&r, LOAD(struct inet_sock, sock, inet_saddr));
        put_u16(&r, bpf_ntohs(LOAD(struct inet_sock, sock, inet_sport)));
        put_u32(&r, LOAD(struct sock, sock, __sk_common.skc_daddr));
        put_u16(&r, bpf_ntohs(LOAD(struct sock, sock, __sk_common.skc_dport)));
        put_u64(&r, ino);
        TELL(ITER_TASK_FILE_SOCKET_INET_E);
    } else if (family == AF_INET6) {
        struct record r = {scratch->record,
                           HEADER_SIZE + 2 * PARAMS_ITER_TASK_FILE_SOCKET_INET6_E, 0};
        u64 v6 = POINTER(struct inet_sock, sock, pinet6);
        put_sock(&r, fd, sock);
        put_in6(&r, ADDRESS(struct ipv6_pinfo, v6, saddr));
        put_u16(&r, bpf_ntohs(LOAD(struct inet_sock, sock, inet_sport)));
        put_in6(&r, ADDRESS(struct sock, sock, __sk_common.skc_v6_daddr));
        put_u16(&r, bpf_ntohs(LOAD(struct sock, sock, __sk_common.skc_dport)));
        put_u64(&r, ino);
        TELL(ITER_TASK_FILE_SOCKET_INET6_E);
    } else if (family == AF_UNIX) {
        struct record r = {scratch->record,
                           HEADER_SIZE + 2 * PARAMS_ITER_TASK_FILE_SOCKET_UNIX_E, 0};
        u64 name = POINTER(struct unix_sock, sock, addr);
        put_sock(&r, fd, sock);
        put_u64(&r, sock);
        put_done(&r, name ? MASK(copy_unix_name(here(&r), ADDRESS(struct unix_address, name, name) +
                                                              sizeof(u16)),
                                 127)
                          : 0);
        put_u64(&r, ino);
        TELL(ITER_TASK_FILE_SOCKET_UNIX_E);
    } else if (family == AF_NETLINK) {
        struct record r = {scratch->record,
                           HEADER_SIZE + 2 * PARAMS_ITER_TASK_FILE_SOCKET_NETLINK_E, 0};
        put_sock(&r, fd, sock);
        put_u64(&r, ino);
        TELL(ITER_TASK_FILE_SOCKET_NETLINK_E);
    }
    return 0;
}

SEC("tp_btf/sys_exit") int tell(void *ctx)
{
    struct cpu *cpu = this_cpu();
    struct scratch *scratch = this_scratch();
    if (!cpu)
        return 0;
    u32 tid = cpu->call.tid;
    u64 file = file_of(current_task(), cpu->call.args[0]);
    u64 kind = kind_of_file(file);
    if (cpu->call.tell & PASS_TELL_SOCKET && kind & KIND_SOCKET)
        tell_socket(cpu->call.args[0], file, tid);
    // Directories are followed.
    if (cpu->call.tell & PASS_TELL && scratch &&
        !(kind & (KIND_NONE | KIND_DIRECTORY | KIND_SOCKET))) {
        struct record r = {scratch->record, HEADER_SIZE + 2 * PARAMS_ITER_TASK_FILE_REGULAR_E, 0};
        u64 time = wall_clock();
        put_u32(&r, cpu->call.args[0]);
        put_path(&r, scratch, ADDRESS(struct file, file, f_path));
        put_u32(&r, open_flags(LOAD(struct file, file, f_flags)));
        put_u32(&r, 0);
        u64 inode = POINTER(struct file, file, f_inode);
        put_u64(&r, LOAD(struct inode, inode, i_ino));
        TELL(ITER_TASK_FILE_REGULAR_E);
    }
    bpf_tail_call(ctx, &fillers, cpu->call.nr);
    cpu->counters.no_filler++;
    return 0;
}
