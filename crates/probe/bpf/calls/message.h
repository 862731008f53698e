// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Sending and receiving.

VARIABLE(sendto, SOCKET_SENDTO_X)
{
    struct transfer transfer = {c->args[0], c->args[5], c->args[4]};
    put_u64(r, c->ret);
    put_data(r, &transfer, c->args[1], written(c, c->args[2]));
    put_int(r, c->args[0]);
    put_u32(r, c->args[2]);
    put_tuple(r, sock_of(current_task(), c->args[0]), OUTBOUND, c->args[4], c->args[5]);
}

VARIABLE(recvfrom, SOCKET_RECVFROM_X)
{
    // Whom it came from was written there by now.
    struct transfer transfer = {c->args[0], sizeof(union address), c->args[4]};
    put_u64(r, c->ret);
    put_data(r, &transfer, c->args[1], transferred(c));
    if (c->ret >= 0) {
        u32 len = 0;
        bpf_probe_read_user(&len, sizeof(len), (void *)c->args[5]);
        put_tuple(r, sock_of(current_task(), c->args[0]), INBOUND, c->args[4], len);
    } else {
        put_empty(r);
    }
    put_int(r, c->args[0]);
    put_u32(r, c->args[2]);
}

struct message {
    u64 name, name_len, vector, count, control, control_len;
};

// The `struct msghdr` at an address.
static __always_inline void read_message(struct message *message, const struct call *c, u64 address)
{
    if (!c->compat) {
        bpf_probe_read_user(message, sizeof(*message), (void *)address);
        message->name_len = (u32)message->name_len;
        return;
    }
    u32 narrow[6] = {};
    bpf_probe_read_user(narrow, sizeof(narrow), (void *)address);
    message->name = narrow[0];
    message->name_len = narrow[1];
    message->vector = narrow[2];
    message->count = narrow[3];
    message->control = narrow[4];
    message->control_len = narrow[5];
}

// What a message may carry beside data (descriptors, for one), at most so many bytes of it.
#define CONTROL_MAX 4096

static __always_inline void put_control(struct record *r, const struct message *message)
{
    put_user_bytes(r, message->control, at_most(message->control_len, CONTROL_MAX));
}

VARIABLE(sendmsg, SOCKET_SENDMSG_X)
{
    struct message message = {};
    read_message(&message, c, c->args[1]);
    u32 entries = read_iovecs(c, message.vector, message.count);
    u32 size = total_size(entries);
    put_u64(r, c->ret);
    struct transfer transfer = {c->args[0], message.name_len, message.name};
    put_gathered(r, &transfer, scratch, entries, written(c, size));
    put_int(r, c->args[0]);
    put_u32(r, size);
    put_tuple(r, sock_of(current_task(), c->args[0]), OUTBOUND, message.name, message.name_len);
}

VARIABLE(recvmsg, SOCKET_RECVMSG_X)
{
    put_u64(r, c->ret);
    if (c->ret < 0) {
        put_u32(r, 0);
        put_empty(r);
        put_empty(r);
        put_empty(r);
    } else {
        struct message message = {};
        read_message(&message, c, c->args[1]);
        u32 entries = read_iovecs(c, message.vector, message.count);
        put_u32(r, total_size(entries));
        struct transfer transfer = {c->args[0], message.name_len, message.name};
        put_gathered(r, &transfer, scratch, entries, transferred(c));
        put_tuple(r, sock_of(current_task(), c->args[0]), INBOUND, message.name, message.name_len);
        put_control(r, &message);
    }
    put_int(r, c->args[0]);
}

// sendmmsg and recvmmsg carry many messages, each of which is an event of its own: the result of
// one is the number of bytes of its message.
#define MAX_MESSAGES 16

enum {
    MMSGHDR_SIZE = 64,
    MMSGHDR_SIZE_COMPAT = 32,
};

// One of the messages; `index` 0 stands for the whole call when it failed.
static __always_inline void send_one(struct cpu *cpu, struct scratch *scratch, u64 time, u64 sock,
                                     u32 index, bool sending)
{
    const struct call *c = &cpu->call;
    u64 address = c->args[1] + index * (c->compat ? MMSGHDR_SIZE_COMPAT : MMSGHDR_SIZE);
    struct message message = {};
    s64 result = c->ret;
    read_message(&message, c, address);
    if (result >= 0) {
        u32 bytes = 0;
        u64 at = address + (c->compat ? MMSGHDR_SIZE_COMPAT : MMSGHDR_SIZE) - (c->compat ? 4 : 8);
        bpf_probe_read_user(&bytes, sizeof(bytes), (void *)at);
        result = bytes;
    }
    u32 entries = read_iovecs(c, message.vector, message.count);
    u32 size = total_size(entries);
    u32 params = sending ? PARAMS_SOCKET_SENDMMSG_X : PARAMS_SOCKET_RECVMMSG_X;
    struct record r = {scratch->record, HEADER_SIZE + 2 * params, 0};
    put_u64(&r, result);
    put_int(&r, c->args[0]);
    put_u32(&r, sending || result >= 0 ? size : 0);
    struct transfer transfer = {c->args[0], message.name_len, message.name};
    put_gathered(&r, &transfer, scratch, entries, result >= 0 ? result : sending ? size : 0);
    if (sending || result >= 0)
        put_tuple(&r, sock, sending ? OUTBOUND : INBOUND, message.name, message.name_len);
    else
        put_empty(&r);
    if (!sending) {
        if (result >= 0)
            put_control(&r, &message);
        else
            put_empty(&r);
    }
    send(&r, cpu, time, c->tid,
         sending ? EVENT_SOCKET_SENDMMSG_X : EVENT_SOCKET_RECVMMSG_X, params, CATEGORY_OTHER);
}

__noinline int send_message(u32 index, u64 sock, u64 time, int sending)
{
    struct cpu *cpu = this_cpu();
    struct scratch *scratch = this_scratch();
    if (!cpu)
        return 0;
    if (!scratch) {
        cpu->counters.no_ring++;
        return 0;
    }
    if (sending)
        send_one(cpu, scratch, time, sock, index, true);
    else
        send_one(cpu, scratch, time, sock, index, false);
    return 0;
}

static __always_inline int send_messages(bool sending)
{
    struct cpu *cpu = this_cpu();
    if (!cpu)
        return 0;
    u64 sock = sock_of(current_task(), cpu->call.args[0]), time = wall_clock();
    s64 messages = cpu->call.ret;
    if (messages < 1)
        messages = 1;
    if (messages > MAX_MESSAGES) {
        // The rest of them have no event: that is a loss.
        cpu->counters.events += messages - MAX_MESSAGES;
        cpu->counters.too_big += messages - MAX_MESSAGES;
        messages = MAX_MESSAGES;
    }
    cpu->counters.events += messages - 1;
    for (u32 i = 0; i < MAX_MESSAGES && i < messages; i++)
        send_message(i, sock, time, sending);
    return 0;
}

SEC("tp_btf/sys_exit") int sys_sendmmsg(void *ctx)
{
    return send_messages(true);
}

SEC("tp_btf/sys_exit") int sys_recvmmsg(void *ctx)
{
    return send_messages(false);
}
