// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Whether any rule can match a call: what cannot be matched makes no record.
//
// A word of 64 bits has the clauses of the call's slot that are still possible. Each look-up takes
// some away, cheap ones first, and when none is left the call is dropped. The same look-ups are in
// `crates/pushdown/src/table.rs`, where a test holds them against what the rules say.
#pragma once

#define S_IFDIR 0040000
#define SOCK_STREAM 1
#define SOCK_DGRAM 2

static __always_inline u64 kind_of_file(u64 file)
{
    if (!file)
        return KIND_NONE;
    u64 inode = POINTER(struct file, file, f_inode);
    u32 format = LOAD(struct inode, inode, i_mode) & S_IFMT;
    if (format == S_IFDIR)
        return KIND_DIRECTORY;
    if (format != S_IFSOCK)
        return KIND_OTHER;
    u64 socket = POINTER(struct file, file, private_data);
    u64 sock = socket ? POINTER(struct socket, socket, sk) : 0;
    if (!sock)
        return KIND_NONE;
    u16 family = family_of(sock);
    if (family == AF_UNIX)
        return KIND_UNIX;
    if (family != AF_INET && family != AF_INET6)
        return KIND_SOCKET_OTHER;
    s16 type = LOAD(struct socket, socket, type);
    return type == SOCK_STREAM ? KIND_STREAM : type == SOCK_DGRAM ? KIND_DATAGRAM : KIND_INET_OTHER;
}

// Here and below, what has many ways through it or a loop is a function of its own, which is given
// numbers only: the verifier looks at it once.
__noinline u64 look_at(s32 fd)
{
    struct cpu *cpu = this_cpu();
    if (!cpu)
        return KIND_NONE;
    cpu->call.looked_at = (u32)fd + 1ULL;
    cpu->call.kind = kind_of_file(fd >= 0 ? file_of(current_task(), fd) : 0);
    return cpu->call.kind;
}

// Asked more than once in most calls on descriptors.
static __always_inline u64 kind_of(const struct call *c, s32 fd)
{
    return c->looked_at == (u32)fd + 1ULL ? c->kind : look_at(fd);
}

// Argument 0 to 5, or 6 for the result, which stands behind them.
static __always_inline u64 filter_arg(const struct call *c, u32 arg)
{
    _Static_assert(__builtin_offsetof(struct call, ret) == 6 * sizeof(u64), "the result is next");
    return *(u64 *)((u8 *)c + MASK(arg, 7) * sizeof(u64));
}

static __always_inline bool filter_test(const struct filter_test *test, const struct call *c)
{
    u64 value = filter_arg(c, test->arg);
    switch (test->what) {
    case TEST_EQUALS:
        return (value & test->first) == test->second;
    case TEST_ANY_BIT:
        return value & test->first;
    default:
        return kind_of(c, value) & test->first;
    }
}

// The bytes of a word that are zero, as their top bits. Exact, unlike the usual shorter way.
static __always_inline u64 zero_bytes(u64 word)
{
    const u64 low = 0x7f7f7f7f7f7f7f7fULL;
    return ~(((word & low) + low) | word | low);
}

#define EVERY_BYTE(byte) (0x0101010101010101ULL * (byte))

// What stands so many bytes further on, where `next` is behind `word`.
static __always_inline u64 ahead(u64 word, u64 next, u32 bytes)
{
    return word >> 8 * bytes | next << (64 - 8 * bytes);
}

enum {
    IS_IRREGULAR = 1,  // there is something in it that user space would take out
    IS_DEEP = 2,       // there is a slash after the first
};

// Looks a path of so many bytes over for `//`, `/.`, `..` and a slash at the end.
__noinline int look_over(u32 len)
{
    u32 zero = 0;
    struct filter_buffer *buffer = bpf_map_lookup_elem(&filter_buffers, &zero);
    if (!buffer)
        return IS_IRREGULAR;
    u64 word = *(u64 *)buffer->path, found = 0;
    u64 slash = zero_bytes(word ^ EVERY_BYTE('/')), dot = zero_bytes(word ^ EVERY_BYTE('.'));
    u64 end = slash | zero_bytes(word), deep = slash & ~0xffULL;
#pragma clang loop unroll(disable)
    for (u32 at = 0; at < FILTER_PATH; at += 8) {
        if (at >= len)
            break;
        word = *(u64 *)(buffer->path + at + 8);
        u64 next_slash = zero_bytes(word ^ EVERY_BYTE('/'));
        u64 next_dot = zero_bytes(word ^ EVERY_BYTE('.'));
        u64 next_end = next_slash | zero_bytes(word);
        u64 then_dot = ahead(dot, next_dot, 1);
        found |= slash & (ahead(end, next_end, 1) |
                          (then_dot & ahead(end | dot, next_end | next_dot, 2)));
        found |= dot & then_dot & ahead(slash, next_slash, 2);
        deep |= next_slash;
        slash = next_slash, dot = next_dot, end = next_end;
    }
    return (found ? IS_IRREGULAR : 0) | (deep ? IS_DEEP : 0);
}

// The path that a table is for: each slot has two.
static __always_inline const struct filter_path *path_of(u32 table)
{
    u32 index = table / 2;
    const struct filter_slot *slot = bpf_map_lookup_elem(&filter_slots, &index);
    return slot ? &slot->path[table & 1] : NULL;
}

// Whether a path ends in one of the tails; `end` are its last 8 bytes.
__noinline int has_tail(u32 table, u64 end)
{
    const struct filter_path *path = path_of(table);
    u64 found = 0;
    if (!path)
        return false;
#pragma clang loop unroll(disable)
    for (u32 i = 0; i < FILTER_TAILS; i++) {
        if (i >= path->tails)
            break;
        // Without a branch, of which the verifier would follow both sides each time.
        u64 differs = (end & path->tail[i].bits) ^ path->tail[i].value;
        barrier_var(differs);
        found |= ~(differs | -differs) >> 63;
    }
    return found;
}

// Whether the path of such a call, or its address, is noted down where the call begins.
static __always_inline bool is_noted(const struct call *c)
{
    if (!features.notes || !control.entries)
        return false;
    switch (c->nr) {
#ifdef NR_OPEN
    case NR_OPEN:
    case NR_CREAT:
#endif
    case NR_OPENAT:
#ifdef NR_OPENAT2
    case NR_OPENAT2:
#endif
    case NR_CONNECT:
        return true;
    default:
        return false;
    }
}

// Nobody else will use the note of a call that makes no record.
static __always_inline void drop_note(const struct call *c)
{
    if (!is_noted(c))
        return;
    struct note *note = bpf_task_storage_get(&notes, bpf_get_current_task_btf(), NULL, 0);
    if (note)
        note->generation = 0;
}

// Those of the clauses that a path may pass. `table` is the number of its table.
__noinline u64 filter_path(u32 table, u64 alive)
{
    u32 zero = 0;
    struct cpu *cpu = this_cpu();
    const struct filter_path *path = path_of(table);
    struct filter_buffer *buffer = bpf_map_lookup_elem(&filter_buffers, &zero);
    if (!cpu || !path || !buffer)
        return alive;
    const struct call *c = &cpu->call;
    u64 address = filter_arg(c, path->arg);
    long size;
    if (is_noted(c)) {
        // The record will have what the call was given, so that is what must be looked at.
        struct note *note = note_of(c, address);
        if (!note || !note->len || note->len >= NOTE_MAX)
            return alive & path->irregular;
        size = note->len;
        bpf_probe_read_kernel(buffer->path, MASK(size, FILTER_PATH - 1), note->data);
    } else {
        size = bpf_probe_read_user_str(buffer->path, FILTER_PATH, (void *)address);
    }
    if (size <= 1 || size >= FILTER_PATH || buffer->path[0] != '/')
        return alive & path->irregular;
    u32 len = MASK(size - 1, FILTER_PATH - 1);
    // What an earlier path left behind must not be taken for part of this one.
    *(u64 *)(buffer->path + len) = 0;
    *(u64 *)(buffer->path + len + 8) = 0;
    int seen = look_over(len);
    if (seen & IS_IRREGULAR)
        return alive & path->irregular;
    u64 end = len >= 8 ? *(u64 *)(buffer->path + MASK(len - 8, FILTER_PATH - 1))
                       : *(u64 *)buffer->path << (64 - 8 * len);
    bool with_tail = path->in_root && !(seen & IS_DEEP);
    u32 bit = (u32)(end >> 48) * 0x9e3779b1 >> 24;
    if (!with_tail && path->ends[bit >> 6 & 3] >> (bit & 63) & 1)
        with_tail = has_tail(table, end);
    if (path->starts) {
        u32 start = *(u32 *)buffer->path * path->starts >> 25;
        const struct filter_masks *masks = &path->start[MASK(start, FILTER_STARTS - 1)];
        alive &= with_tail ? masks->with_tail : masks->without_tail;
        if (!alive)
            return 0;
    }
    void *trie = bpf_map_lookup_elem(&filter_paths, &table);
    if (!trie)
        return alive & path->irregular;
    buffer->bits = (len + 1 < FILTER_KEY ? len + 1 : FILTER_KEY) * 8;
    struct filter_masks *masks = bpf_map_lookup_elem(trie, &buffer->bits);
    if (!masks)
        return alive & path->irregular;
    return alive & (with_tail ? masks->with_tail : masks->without_tail);
}

// Where a call that connects has led.
struct peer {
    u64 family;
    u64 address[2];
    u64 port;
};

// Both as the record will have them, see `write_tuple`. False where there is no other end, or where
// the record may say something that is not known here.
static __always_inline bool find_peer(struct peer *peer, const struct call *c)
{
    if (c->ret && c->ret != -EINPROGRESS)
        return false;
    u64 sock = sock_of(current_task(), c->args[0]);
    if (!sock)
        return false;
    u16 family = family_of(sock);
    u16 port = LOAD(struct sock, sock, __sk_common.skc_dport);
    if (family != AF_INET && family != AF_INET6)
        return false;
    u64 low = 0, high = 0;
    if (port && family == AF_INET) {
        low = LOAD(struct sock, sock, __sk_common.skc_daddr);
    } else if (port) {
        u64 address = ADDRESS(struct sock, sock, __sk_common.skc_v6_daddr);
        low = load_word(address);
        high = load_word(address + 8);
    } else {
        struct note *note = note_of(c, c->args[1]);
        if (!note || note->len < sizeof(((union address *)0)->in))
            return false;
        const union address *address = (const union address *)note->data;
        if (address->family != family)
            return false;
        port = address->in.port;
        if (family == AF_INET) {
            low = address->in.address;
        } else {
            if (note->len < sizeof(address->in6))
                return false;
            low = address->in6.address[0] | (u64)address->in6.address[1] << 32;
            high = address->in6.address[2] | (u64)address->in6.address[3] << 32;
        }
    }
    // An IPv4 address that is mapped into IPv6 is an IPv4 address.
    if (family == AF_INET6 && !low && (u32)high == bpf_htonl(0xffff)) {
        family = AF_INET;
        low = high >> 32;
        high = 0;
    }
    peer->family = family;
    peer->address[0] = low;
    peer->address[1] = high;
    peer->port = bpf_ntohs(port);
    return true;
}

// Those of the clauses that the other end may pass. `table` is the number of its table.
__noinline u64 filter_peer(u32 table, u64 alive)
{
    struct cpu *cpu = this_cpu();
    const struct filter_peer *known = bpf_map_lookup_elem(&filter_peers, &table);
    struct peer peer = {};
    if (!cpu || !known || !find_peer(&peer, &cpu->call))
        return alive;
    u64 wanted = peer.port;
    u32 at = 0;
#pragma clang loop unroll(full)
    for (u32 step = FILTER_PORTS / 2; step; step /= 2) {
        // Without a branch, as above.
        u64 less = ((u64)known->port[MASK(at + step - 1, FILTER_PORTS - 1)] - wanted) >> 63;
        barrier_var(less);
        at += step * (u32)less;
    }
    at = MASK(at, FILTER_PORTS - 1);
    bool is_listed = at < known->ports && known->port[at] == wanted;
    alive &= is_listed ? known->port_clauses[at] : known->other_ports;
    // User space puts an address of its own in the place of one that is not specified.
    if (!alive || !(peer.address[0] | peer.address[1]))
        return alive;
    u64 possible = known->other_addresses, found = 0;
#pragma clang loop unroll(disable)
    for (u32 i = 0; i < FILTER_NETWORKS; i++) {
        if (i >= known->networks)
            break;
        const struct filter_network *network = &known->network[i];
        u64 differs = (peer.family ^ network->family) |
                      ((peer.address[0] & network->mask[0]) ^ network->address[0]) |
                      ((peer.address[1] & network->mask[1]) ^ network->address[1]);
        barrier_var(differs);
        u64 hit = ~(differs | -differs) >> 63 & ~found;
        possible ^= (possible ^ network->clauses) & -hit;
        found |= hit;
    }
    return alive & possible;
}

// Finds the verdicts on a thread. Those by its place can be missing still: then they are looked for
// again once user space has told of more control groups.
static __always_inline void find_verdicts(struct thread_facts *facts, u32 filter, u32 generation)
{
    facts->round = control.filter_round;
    // The answer may come between these two, but then the round is another one by the next call.
    barrier();
    u64 cgroups = facts->cgroups;
    if (!facts->place && cgroups) {
        u32 *place = bpf_map_lookup_elem(&cgroup_places, &cgroups);
        if (place)
            facts->place = *place;
    }
    struct filter_name key = {generation, 0, {facts->name[0], facts->name[1]}};
    struct filter_verdicts *by_name = bpf_map_lookup_elem(&filter_names, &key);
    u64 host = by_name ? by_name->host : control.filter_others[generation & 1][0];
    u64 container = by_name ? by_name->container : control.filter_others[generation & 1][1];
    facts->moved = host | container;
    facts->verdict = facts->place == PLACE_HOST        ? host
                     : facts->place == PLACE_CONTAINER ? container
                                                       : host | container;
    facts->filter = filter;
}

// The verdict on the calling thread: everything is possible where nothing is known of it.
static __always_inline u64 verdict_on_thread(u32 filter, u32 generation)
{
    if (!CAN_STORE)
        return ~0ULL;
    struct task_struct *task = bpf_get_current_task_btf();
    struct thread_facts *facts = bpf_task_storage_get(&threads, task, NULL, 0);
    if (!facts || !facts->told)
        return ~0ULL;
    if (facts->filter != filter || (!facts->place && facts->round != control.filter_round))
        find_verdicts(facts, filter, generation);
    return (u64)task->cgroups == facts->set ? facts->verdict : facts->moved;
}

// The clauses that the calling thread leaves possible.
__noinline u64 possible_for_thread(u32 index, u32 filter)
{
    const struct filter_slot *slot = bpf_map_lookup_elem(&filter_slots, &index);
    if (!slot)
        return ~0ULL;
    u32 generation = filter & 1;
    u64 verdict = verdict_on_thread(filter, generation), possible = ~0ULL;
    for (u32 i = 0; i < FILTER_PROCESSES; i++) {
        if (i >= slot->processes)
            break;
        if (!(verdict & slot->process[i].bit))
            possible &= ~slot->process[i].clauses;
    }
    return possible;
}

// Whether a call on a datagram socket leaves that without another end.
static __always_inline bool is_unconnected(const struct call *c)
{
    u64 sock = sock_of(current_task(), c->args[0]);
    return sock && !LOAD(struct sock, sock, __sk_common.skc_dport);
}

// What user space must hear of sockets of which it is told before calls that rules look at. It
// cannot be told who called whom, and with whom a socket without another end spoke last.
static __always_inline bool passes_for_telling(u32 state, const struct call *c)
{
    const u32 datagram = KIND_DATAGRAM | KIND_INET_OTHER;
    if (state & PASS_FAMILY && c->ret >= 0 && !can_be_told(c->args[0]))
        return true;
    if (state & PASS_CONNECTION && (!c->ret || c->ret == -EINPROGRESS))
        return !(kind_of(c, c->args[0]) & datagram) || is_unconnected(c);
    return state & PASS_UNCONNECTED && kind_of(c, c->args[0]) & datagram && is_unconnected(c);
}

static __always_inline bool passes_for_state(const struct filter_slot *slot, const struct call *c)
{
    enum { F_DUPFD = 0, F_DUPFD_CLOEXEC = 1030 };
    u32 state = slot->state;
    if (state & PASS_ALWAYS)
        return true;
    if (state & (PASS_DIRECTORY | PASS_SOCKET)) {
        bool makes = !(state & PASS_FCNTL) || (u32)c->args[1] == F_DUPFD ||
                     (u32)c->args[1] == F_DUPFD_CLOEXEC;
        if (makes && c->ret >= 0) {
            u64 kind = kind_of(c, c->ret);
            if (state & PASS_DIRECTORY && kind & KIND_DIRECTORY)
                return true;
            if (state & PASS_SOCKET && kind & KIND_SOCKET)
                return true;
        }
    }
    if (state & PASS_DATAGRAM)
        return kind_of(c, c->args[0]) & (KIND_DATAGRAM | KIND_INET_OTHER);
    return state & (PASS_FAMILY | PASS_CONNECTION | PASS_UNCONNECTED) &&
           passes_for_telling(state, c);
}

// As `forget` does: one way through the tests is like any other for what follows.
static __always_inline u64 forget_in(struct call *c, u64 number)
{
    *(volatile u64 *)&c->forgotten = number;
    return *(volatile u64 *)&c->forgotten;
}

// Whether the call makes no record. Sets `*tell` when its descriptor is to be told of before it.
static __always_inline bool is_filtered(struct call *c, bool *tell)
{
    u32 filter = control.filter;
    if (!filter)
        return false;
    u32 generation = filter & 1;
    u32 number = control.filter_slot_of[generation][c->nr & 511];
    if (!number)
        return false;
    u32 index = generation * FILTER_SLOTS + number;
    struct filter_slot *slot = bpf_map_lookup_elem(&filter_slots, &index);
    if (!slot)
        return false;
#ifdef NR_OPENAT2
    // Its flags and mode are taken to where it has no arguments.
    if (c->nr == NR_OPENAT2) {
        u64 how[2] = {};
        struct note *noted = note_of(c, c->args[1]);
        if (noted && noted->how_read)
            __builtin_memcpy(how, noted->how, sizeof(how));
        else
            bpf_probe_read_user(how, sizeof(how), (void *)c->args[2]);
        c->args[4] = how[0];
        c->args[5] = how[1];
    }
#endif
    c->looked_at = 0;
    u64 class = forget_in(c, c->ret < 0 ? 0 : c->ret == 0 ? 1 : 2);
    for (u32 i = 0; i < FILTER_TESTS; i++) {
        if (i >= slot->tests)
            break;
        class = forget_in(c, class | (filter_test(&slot->test[i], c) ? 4 << i : 0));
    }
    u64 alive = slot->masks[MASK(class, FILTER_CLASSES - 1)];
    // The verdict costs little, a path costs more and rules out more. The path goes first unless
    // there is something that it cannot rule out.
    bool process_first = alive & ~(slot->path[0].clauses | slot->path[1].clauses);
    if (process_first && slot->processes)
        alive &= possible_for_thread(index, filter);
    for (u32 i = 0; i < 2; i++) {
        const struct filter_path *path = &slot->path[i];
        if (!alive || alive & ~path->clauses)
            break;
        alive = filter_path(index * 2 + i, alive);
    }
    if (alive && !process_first && slot->processes)
        alive &= possible_for_thread(index, filter);
    if (alive && slot->peer)
        alive = filter_peer(generation * FILTER_PEERS + slot->peer, alive);
    if (alive || passes_for_state(slot, c)) {
        c->tell = slot->state & (alive ? PASS_TELL | PASS_TELL_SOCKET : PASS_TELL_SOCKET);
        *tell = c->tell;
        return false;
    }
    drop_note(c);
    return true;
}

// Whether the socket of such a call, which did not come this way, is told of before its record.
static __always_inline bool is_told_of(u32 nr)
{
    u32 filter = control.filter;
    u32 generation = filter & 1;
    u32 number = filter ? control.filter_slot_of[generation][nr & 511] : 0;
    u32 index = generation * FILTER_SLOTS + number;
    const struct filter_slot *slot = number ? bpf_map_lookup_elem(&filter_slots, &index) : NULL;
    return slot && slot->state & PASS_TELL_SOCKET;
}
