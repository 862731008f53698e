// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// How much of the data of a transfer an event carries, and carrying it.
#pragma once

enum {
    SNAPLEN_FULL = 16000,
    SNAPLEN_PROTOCOL = 2000,
    SNAPLEN_DNS = 512,
    PORT_DNS = 53,
    PORT_MYSQL = 3306,
    PORT_POSTGRES = 5432,
    PORT_MONGODB = 27017,
    LOOKAHEAD = 16,
};

// A transfer: on which descriptor, and where it says it goes to, for sockets without a peer.
struct transfer {
    s32 fd;
    u32 name_len;
    u64 name;
};

#define BYTES4(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

static __always_inline bool looks_like_http(const u8 *head)
{
    switch (*(u32 *)head) {
    case BYTES4('G', 'E', 'T', ' '):
    case BYTES4('P', 'O', 'S', 'T'):
    case BYTES4('P', 'U', 'T', ' '):
    case BYTES4('D', 'E', 'L', 'E'):
    case BYTES4('T', 'R', 'A', 'C'):
    case BYTES4('C', 'O', 'N', 'N'):
    case BYTES4('O', 'P', 'T', 'I'):
        return true;
    case BYTES4('H', 'T', 'T', 'P'):
        return head[4] == '/';
    default:
        return false;
    }
}

// A packet's length is three bytes, and its number comes next; a query begins with a 3.
static __always_inline bool looks_like_mysql(const u8 *head)
{
    return head[0] == 3 || head[1] == 3 || head[2] == 3 || head[3] == 3 || head[4] == 3 ||
           (head[2] == 0 && head[3] == 0);
}

// A query, a greeting of version 3, or an error.
static __always_inline bool looks_like_postgres(const u8 *head)
{
    return (head[0] == 'Q' && head[1] == 0) || (head[4] == 0 && head[5] == 3 && head[6] == 0) ||
           (head[0] == 'E' && head[1] == 0);
}

// The fourth number is the operation. (Falco stops at 2007; what is in use since is 2012 and 2013.)
static __always_inline bool looks_like_mongodb(const u8 *head)
{
    u32 operation = *(u32 *)(head + 12);
    return operation == 1 || (operation >= 2001 && operation <= 2013);
}

static __always_inline bool is_wide_port(u16 port)
{
    return port >= features.full_port_first && port <= features.full_port_last;
}

// How many bytes of this transfer an event carries: more than usual where the port or the first
// bytes say that it is worth it.
__noinline u32 dynamic_snaplen(s32 fd, u64 data, u64 name, u32 name_len)
{
    u32 usual = control.snaplen;
    u64 sock = sock_of(current_task(), fd);
    if (!sock)
        return usual;
    u16 family = family_of(sock);
    if (family != AF_INET && family != AF_INET6)
        return usual;
    u16 local = bpf_ntohs(LOAD(struct inet_sock, sock, inet_sport));
    u16 remote = bpf_ntohs(LOAD(struct sock, sock, __sk_common.skc_dport));
    if (!remote && name && name_len >= 4) {
        u16 in[2] = {};
        bpf_probe_read_user(in, sizeof(in), (void *)name);
        remote = bpf_ntohs(in[1]);
    }
    u32 wide = 0;
    if (is_wide_port(local) || is_wide_port(remote)) {
        wide = SNAPLEN_FULL;
    } else if (remote == features.statsd_port) {
        wide = SNAPLEN_PROTOCOL;
    } else if (local == PORT_DNS || remote == PORT_DNS) {
        wide = SNAPLEN_DNS;
    } else {
        u8 head[LOOKAHEAD] __attribute__((aligned(8))) = {};
        if (bpf_probe_read_user(head, sizeof(head), (void *)data)) {
            // The end of the memory may be nearer than that.
            __builtin_memset(head, 0, sizeof(head));
            bpf_probe_read_user(head, 8, (void *)data);
        }
        if (((local == PORT_MYSQL || remote == PORT_MYSQL) && looks_like_mysql(head)) ||
            ((local == PORT_POSTGRES || remote == PORT_POSTGRES) && looks_like_postgres(head)) ||
            ((local == PORT_MONGODB || remote == PORT_MONGODB) && looks_like_mongodb(head)) ||
            looks_like_http(head))
            wide = SNAPLEN_PROTOCOL;
    }
    return wide > usual ? wide : usual;
}

static __always_inline u32 snaplen_of(const struct transfer *transfer, u64 data)
{
    if (!features.dynamic_snaplen || !transfer)
        return control.snaplen;
    return dynamic_snaplen(transfer->fd, data, transfer->name, transfer->name_len);
}

// Copies what the vector in scratch memory points to, `left` bytes of it, to `at` in scratch memory's
// record, and says how many that were.
__noinline u32 gather(u32 at, u32 entries, u32 left)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return 0;
    struct iovec *vector = (void *)scratch->path;
    u32 done = 0;
    for (int i = 0; i < MAX_IOVECS; i++) {
        if (i >= entries || !left)
            break;
        u32 len = at_most(vector[i].len, left);
        u8 *to = &scratch->record[(at + done) & OFFSET_MASK];
        if (bpf_probe_read_user(to, MASK(len, OFFSET_MASK), (void *)vector[i].base))
            break;
        done = forget(scratch, done + len);
        left = forget(scratch, left - len);
    }
    return done;
}

// The first bytes of what the vector in scratch memory points to: `available` bytes, or as many as
// an event carries.
static __always_inline void put_gathered(struct record *r, const struct transfer *transfer,
                                         struct scratch *scratch, u32 entries, u64 available)
{
    struct iovec *vector = (void *)scratch->path;
    u32 left = at_most(available, snaplen_of(transfer, vector[0].base));
    put_done(r, gather(r->at, entries, MASK(left, OFFSET_MASK)));
}

// The first bytes of a buffer.
static __always_inline void put_data(struct record *r, const struct transfer *transfer, u64 address,
                                     u64 available)
{
    put_user_bytes(r, address, at_most(available, snaplen_of(transfer, address)));
}

// A transfer on the descriptor that is the first argument of the call.
static __always_inline struct transfer transfer_of(const struct call *c)
{
    return (struct transfer){.fd = c->args[0]};
}
