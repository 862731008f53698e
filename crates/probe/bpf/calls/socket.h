// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Sockets. Addresses come from the kernel's own socket wherever it has them: what a caller points
// to may have changed by now.

#define SOCK_NONBLOCK 00004000
#define SOCK_CLOEXEC 02000000

FIXED(socket, SOCKET_SOCKET_X)
{
    put_u64(r, c->ret);
    put_u32(r, socket_family(c->args[0]));
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2]);
    put_u32(r, bit(c->args[1], SOCK_NONBLOCK, PPM_O_NONBLOCK) |
                   bit(c->args[1], SOCK_CLOEXEC, PPM_O_CLOEXEC));
}

FIXED(socketpair, SOCKET_SOCKETPAIR_X)
{
    s32 pair[2];
    read_pair(pair, c, c->args[3]);
    u64 sock = c->ret == 0 ? sock_of(current_task(), pair[0]) : 0;
    put_u64(r, c->ret);
    put_int(r, pair[0]);
    put_int(r, pair[1]);
    put_u64(r, sock);
    put_u64(r, sock ? POINTER(struct unix_sock, sock, peer) : 0);
    put_u32(r, socket_family(c->args[0]));
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2]);
}

VARIABLE(bind, SOCKET_BIND_X)
{
    put_u64(r, c->ret);
    put_address(r, scratch, c->args[1], c->args[2]);
    put_int(r, c->args[0]);
}

VARIABLE(connect, SOCKET_CONNECT_X)
{
    struct note *note = note_of(c, c->args[1]);
    u64 address = c->args[1];
    u32 len = at_most(c->args[2], UNIX_PATH_MAX + 2);
    if (note && note->len) {
        address = forget(scratch, (u64)note->data);
        len = note->len | NOTED;
    }
    put_u64(r, c->ret);
    // A connection that failed has no two ends.
    if (c->ret == 0 || c->ret == -EINPROGRESS)
        put_tuple(r, sock_of(current_task(), c->args[0]), OUTBOUND, address, len);
    else
        put_empty(r);
    put_int(r, c->args[0]);
    put_address(r, scratch, address, len);
    used_up(note);
}

FIXED(listen, SOCKET_LISTEN_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, c->args[1]);
}

static __always_inline void put_accept(struct record *r, const struct call *c)
{
    u64 task = current_task();
    u64 listener = sock_of(task, c->args[0]);
    u32 length = 0, limit = 0;
    put_u64(r, c->ret);
    if (c->ret >= 0 && listener) {
        put_tuple(r, sock_of(task, c->ret), INBOUND, 0, 0);
        if (bpf_core_field_size(struct sock, sk_ack_backlog) == 4) {
            length = LOAD(struct sock, listener, sk_ack_backlog);
            limit = LOAD(struct sock, listener, sk_max_ack_backlog);
        } else {
            length = LOAD(struct sock___old, listener, sk_ack_backlog);
            limit = LOAD(struct sock___old, listener, sk_max_ack_backlog);
        }
    } else {
        put_empty(r);
    }
    put_u8(r, limit ? length * 100ULL / limit : 0);
    put_u32(r, length);
    put_u32(r, limit);
}

VARIABLE(accept, SOCKET_ACCEPT_5_X)
{
    put_accept(r, c);
}

VARIABLE(accept4, SOCKET_ACCEPT4_6_X)
{
    put_accept(r, c);
    put_u32(r, c->args[3]);
}

FIXED(shutdown, SOCKET_SHUTDOWN_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u8(r, (u32)c->args[1] <= 2 ? c->args[1] : PPM_SHUT_UNKNOWN & 0xff);
}

// Their events have no parameters.
FIXED(getsockname, SOCKET_GETSOCKNAME_X)
{
}

FIXED(getpeername, SOCKET_GETPEERNAME_X)
{
}

#define SOL_SOCKET 1
#define SOL_TCP 6

static __always_inline u8 option_level(u32 level)
{
    return level == SOL_SOCKET ? PPM_SOCKOPT_LEVEL_SOL_SOCKET
           : level == SOL_TCP  ? PPM_SOCKOPT_LEVEL_SOL_TCP
                               : PPM_SOCKOPT_LEVEL_UNKNOWN;
}

// Up to 50 the portable numbers are the kernel's.
static __always_inline u8 option_name(u32 level, u32 name)
{
    if (level != SOL_SOCKET)
        return PPM_SOCKOPT_UNKNOWN;
    if (name <= PPM_SOCKOPT_SO_ATTACH_BPF)
        return name;
    switch (name) {
    case 55:
        return PPM_SOCKOPT_SO_MEMINFO;
    case 57:
        return PPM_SOCKOPT_SO_COOKIE;
    case 59:
        return PPM_SOCKOPT_SO_PEERGROUPS;
    // The same options with 64-bit times.
    case 63:
        return PPM_SOCKOPT_SO_TIMESTAMP;
    case 64:
        return PPM_SOCKOPT_SO_TIMESTAMPNS;
    case 65:
        return PPM_SOCKOPT_SO_TIMESTAMPING;
    case 66:
        return PPM_SOCKOPT_SO_RCVTIMEO;
    case 67:
        return PPM_SOCKOPT_SO_SNDTIMEO;
    default:
        return PPM_SOCKOPT_UNKNOWN;
    }
}

// The value of an option, as what it is: an error, a number, a time or just bytes.
static __always_inline void put_option(struct record *r, const struct call *c, u8 name, u64 address,
                                       u32 len)
{
    u8 *to = here(r);
    u64 value = 0;
    switch (name) {
    case PPM_SOCKOPT_SO_ERROR:
        bpf_probe_read_user(&value, 4, (void *)address);
        to[0] = PPM_SOCKOPT_IDX_ERRNO;
        *(s64 *)(to + 1) = -(s64)(s32)value;
        put_done(r, 9);
        return;
    case PPM_SOCKOPT_SO_RCVTIMEO:
    case PPM_SOCKOPT_SO_SNDTIMEO:
        to[0] = PPM_SOCKOPT_IDX_TIMEVAL;
        *(u64 *)(to + 1) = read_timeval(c, address);
        put_done(r, 9);
        return;
    case PPM_SOCKOPT_SO_COOKIE:
        bpf_probe_read_user(&value, 8, (void *)address);
        to[0] = PPM_SOCKOPT_IDX_UINT64;
        *(u64 *)(to + 1) = value;
        put_done(r, 9);
        return;
    case PPM_SOCKOPT_SO_DEBUG:
    case PPM_SOCKOPT_SO_REUSEADDR:
    case PPM_SOCKOPT_SO_TYPE:
    case PPM_SOCKOPT_SO_DONTROUTE:
    case PPM_SOCKOPT_SO_BROADCAST:
    case PPM_SOCKOPT_SO_SNDBUF:
    case PPM_SOCKOPT_SO_RCVBUF:
    case PPM_SOCKOPT_SO_SNDBUFFORCE:
    case PPM_SOCKOPT_SO_RCVBUFFORCE:
    case PPM_SOCKOPT_SO_KEEPALIVE:
    case PPM_SOCKOPT_SO_OOBINLINE:
    case PPM_SOCKOPT_SO_NO_CHECK:
    case PPM_SOCKOPT_SO_PRIORITY:
    case PPM_SOCKOPT_SO_BSDCOMPAT:
    case PPM_SOCKOPT_SO_REUSEPORT:
    case PPM_SOCKOPT_SO_PASSCRED:
    case PPM_SOCKOPT_SO_RCVLOWAT:
    case PPM_SOCKOPT_SO_SNDLOWAT:
    case PPM_SOCKOPT_SO_TIMESTAMP:
    case PPM_SOCKOPT_SO_ACCEPTCONN:
    case PPM_SOCKOPT_SO_PASSSEC:
    case PPM_SOCKOPT_SO_TIMESTAMPNS:
    case PPM_SOCKOPT_SO_MARK:
    case PPM_SOCKOPT_SO_TIMESTAMPING:
    case PPM_SOCKOPT_SO_PROTOCOL:
    case PPM_SOCKOPT_SO_DOMAIN:
    case PPM_SOCKOPT_SO_RXQ_OVFL:
    case PPM_SOCKOPT_SO_WIFI_STATUS:
    case PPM_SOCKOPT_SO_PEEK_OFF:
    case PPM_SOCKOPT_SO_NOFCS:
    case PPM_SOCKOPT_SO_LOCK_FILTER:
    case PPM_SOCKOPT_SO_SELECT_ERR_QUEUE:
    case PPM_SOCKOPT_SO_BUSY_POLL:
    case PPM_SOCKOPT_SO_MAX_PACING_RATE:
    case PPM_SOCKOPT_SO_BPF_EXTENSIONS:
    case PPM_SOCKOPT_SO_INCOMING_CPU:
        bpf_probe_read_user(&value, 4, (void *)address);
        to[0] = PPM_SOCKOPT_IDX_UINT32;
        *(u32 *)(to + 1) = value;
        put_done(r, 5);
        return;
    default:
        to[0] = PPM_SOCKOPT_IDX_UNKNOWN;
        len = at_most(len, control.snaplen);
        if (bpf_probe_read_user(to + 1, MASK(len, OFFSET_MASK), (void *)address))
            len = 0;
        put_done(r, 1 + len);
    }
}

VARIABLE(setsockopt, SOCKET_SETSOCKOPT_X)
{
    u8 name = option_name(c->args[1], c->args[2]);
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u8(r, option_level(c->args[1]));
    put_u8(r, name);
    put_option(r, c, name, c->args[3], c->args[4]);
    put_u32(r, c->args[4]);
}

VARIABLE(getsockopt, SOCKET_GETSOCKOPT_X)
{
    u8 name = option_name(c->args[1], c->args[2]);
    u32 len = 0;
    bpf_probe_read_user(&len, sizeof(len), (void *)c->args[4]);
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u8(r, option_level(c->args[1]));
    put_u8(r, name);
    if (c->ret < 0)
        put_empty(r);
    else
        put_option(r, c, name, c->args[3], len);
    put_u32(r, len);
}
