// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Sockets: addresses as the kernel has them, and as a caller passes them.
#pragma once

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define UNIX_PATH_MAX 108
#define EINPROGRESS 115

enum direction {
    OUTBOUND,  // from this socket to its peer
    INBOUND,   // from the peer to this socket
};

// A socket address as a caller passes it.
union address {
    u16 family;
    struct {
        u16 family;
        u16 port;  // big endian
        u32 address;
    } in;
    struct {
        u16 family;
        u16 port;  // big endian
        u32 flow;
        u32 address[4];
    } in6;
    struct {
        u16 family;
        char path[UNIX_PATH_MAX + 1];
    } un;
};

// The `struct sock *` behind a file; 0 if that is no socket.
static __always_inline u64 sock_of_file(u64 file)
{
    u64 inode = file ? POINTER(struct file, file, f_inode) : 0;
    if (!inode || (LOAD(struct inode, inode, i_mode) & S_IFMT) != S_IFSOCK)
        return 0;
    u64 socket = POINTER(struct file, file, private_data);
    return socket ? POINTER(struct socket, socket, sk) : 0;
}

// The one behind a descriptor.
static __always_inline u64 sock_of(u64 task, s32 fd)
{
    return sock_of_file(file_of(task, fd));
}

static __always_inline u16 family_of(u64 sock)
{
    return LOAD(struct sock, sock, __sk_common.skc_family);
}

// Whether there is an event that says what a socket of this family is.
static __always_inline bool can_be_told(u64 family)
{
    return family == AF_INET || family == AF_INET6 || family == AF_UNIX || family == AF_NETLINK;
}

// Marks the length of an address that lies in the kernel's memory: one noted at the entry.
#define NOTED (1U << 31)

// Copies the address that a caller passes into scratch memory; NULL when there is none.
static __always_inline union address *read_address(struct scratch *scratch, u64 from, u32 len)
{
    union address *address = (void *)scratch->path;
    bool noted = len & NOTED;
    len &= ~NOTED;
    if (!from || len < sizeof(address->family))
        return NULL;
    __builtin_memset(address, 0, sizeof(*address));
    // A path may fill the whole field and then has no NUL.
    u32 most = sizeof(address->un) - 1;
    len = MASK(at_most(len, most), 127);
    if (noted ? bpf_probe_read_kernel(address, len, (void *)from)
              : bpf_probe_read_user(address, len, (void *)from))
        return NULL;
    return address;
}

// The name of a unix socket: a path, or an abstract name without the NUL that it starts with.
static __always_inline u32 copy_unix_name(u8 *to, u64 name)
{
    u8 first = 0;
    bpf_probe_read_kernel(&first, 1, (void *)name);
    long len = bpf_probe_read_kernel_str(to, UNIX_PATH_MAX + 1, (void *)(first ? name : name + 1));
    return len > 0 ? len : 0;
}

// PT_SOCKADDR: family, then address and port, or a path.
static __always_inline void put_address(struct record *r, struct scratch *scratch, u64 from,
                                        u32 len)
{
    union address *address = read_address(scratch, from, len);
    if (!address) {
        put_empty(r);
        return;
    }
    u8 *to = here(r);
    switch (address->family) {
    case AF_INET:
        to[0] = PPM_AF_INET;
        *(u32 *)(to + 1) = address->in.address;
        *(u16 *)(to + 5) = bpf_ntohs(address->in.port);
        put_done(r, 7);
        return;
    case AF_INET6:
        to[0] = PPM_AF_INET6;
        __builtin_memcpy(to + 1, address->in6.address, 16);
        *(u16 *)(to + 17) = bpf_ntohs(address->in6.port);
        put_done(r, 19);
        return;
    case AF_UNIX:
        to[0] = PPM_AF_UNIX;
        put_done(r, 1 + copy_unix_name(to + 1, (u64)address->un.path));
        return;
    default:
        to[0] = socket_family(address->family);
        put_done(r, 1);
    }
}

struct endpoint {
    u32 address[4];
    u16 port;
};

static __always_inline void write_endpoint4(u8 *to, const struct endpoint *end)
{
    *(u32 *)to = end->address[0];
    *(u16 *)(to + 4) = end->port;
}

static __always_inline void write_endpoint6(u8 *to, const struct endpoint *end)
{
    __builtin_memcpy(to, end->address, 16);
    *(u16 *)(to + 16) = end->port;
}

static __always_inline void load_in6(u32 *to, u64 address)
{
    u64 low = load_word(address), high = load_word(address + 8);
    to[0] = low;
    to[1] = low >> 32;
    to[2] = high;
    to[3] = high >> 32;
}

// Writes a PT_SOCKTUPLE to `at` in scratch memory's record and hands back its length, 0 if the
// socket has no such thing: family, source and destination. A socket without a peer gets the one of
// `from`, the address that the caller passed (`len` bytes, 0 for none).
__noinline u32 write_tuple(u64 sock, u32 at, int direction, u64 from, u32 len)
{
    struct scratch *scratch = this_scratch();
    if (!scratch || !sock)
        return 0;
    u8 *to = &scratch->record[at & OFFSET_MASK];
    struct endpoint local = {}, remote = {};
    u16 family = family_of(sock);
    if (family == AF_INET) {
        local.address[0] = LOAD(struct inet_sock, sock, inet_saddr);
        local.port = bpf_ntohs(LOAD(struct inet_sock, sock, inet_sport));
        remote.address[0] = LOAD(struct sock, sock, __sk_common.skc_daddr);
        remote.port = bpf_ntohs(LOAD(struct sock, sock, __sk_common.skc_dport));
        if (!remote.port && from) {
            union address *address = read_address(scratch, from, len);
            if (address && address->family == AF_INET) {
                remote.address[0] = address->in.address;
                remote.port = bpf_ntohs(address->in.port);
            }
        }
        to[0] = PPM_AF_INET;
        write_endpoint4(to + 1, direction == OUTBOUND ? &local : &remote);
        write_endpoint4(to + 7, direction == OUTBOUND ? &remote : &local);
        return 13;
    }
    if (family == AF_INET6) {
        u64 v6 = POINTER(struct inet_sock, sock, pinet6);
        load_in6(local.address, ADDRESS(struct ipv6_pinfo, v6, saddr));
        local.port = bpf_ntohs(LOAD(struct inet_sock, sock, inet_sport));
        load_in6(remote.address, ADDRESS(struct sock, sock, __sk_common.skc_v6_daddr));
        remote.port = bpf_ntohs(LOAD(struct sock, sock, __sk_common.skc_dport));
        if (!remote.port && from) {
            union address *address = read_address(scratch, from, len);
            if (address && address->family == AF_INET6) {
                __builtin_memcpy(remote.address, address->in6.address, 16);
                remote.port = bpf_ntohs(address->in6.port);
            }
        }
        to[0] = PPM_AF_INET6;
        write_endpoint6(to + 1, direction == OUTBOUND ? &local : &remote);
        write_endpoint6(to + 19, direction == OUTBOUND ? &remote : &local);
        return 37;
    }
    if (family == AF_UNIX) {
        u64 peer = POINTER(struct unix_sock, sock, peer);
        // The name is the one of the end that data goes to.
        u64 named = direction == OUTBOUND ? peer : sock;
        u64 name = named ? POINTER(struct unix_sock, named, addr) : 0;
        u32 size = 0;
        to[0] = PPM_AF_UNIX;
        *(u64 *)(to + 1) = direction == OUTBOUND ? sock : peer;
        *(u64 *)(to + 9) = direction == OUTBOUND ? peer : sock;
        if (name) {
            size = copy_unix_name(to + 17, ADDRESS(struct unix_address, name, name) +
                                               sizeof(u16));  // its family
        } else if (direction == OUTBOUND && from) {
            union address *address = read_address(scratch, from, len);
            if (address && address->family == AF_UNIX)
                size = copy_unix_name(to + 17, (u64)address->un.path);
        }
        if (!size) {
            to[17] = 0;
            size = 1;
        }
        return 17 + size;
    }
    return 0;
}

static __always_inline void put_tuple(struct record *r, u64 sock, enum direction direction,
                                      u64 from, u32 len)
{
    // Always put together in scratch memory, where `write_tuple` finds it again.
    u32 size = write_tuple(sock, r->at, direction, from, len);
    put_done(r, MASK(size, 255));
}
