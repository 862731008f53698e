// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Reading structures of user memory whose layout depends on the width of the caller's words.
#pragma once

#define NSEC_PER_SEC 1000000000ULL

// Two longs at `address`.
static __always_inline bool read_longs(s64 *pair, const struct call *c, u64 address)
{
    if (!c->compat)
        return !bpf_probe_read_user(pair, 16, (void *)address);
    s32 narrow[2];
    if (bpf_probe_read_user(narrow, 8, (void *)address))
        return false;
    pair[0] = narrow[0];
    pair[1] = narrow[1];
    return true;
}

// The `struct timespec` at `address` in nanoseconds; all ones when there is none.
static __always_inline u64 read_timespec(const struct call *c, u64 address)
{
    s64 pair[2];
    if (!address || !read_longs(pair, c, address))
        return -1;
    return pair[0] * NSEC_PER_SEC + pair[1];
}

// The `struct timeval` at `address` in nanoseconds.
static __always_inline u64 read_timeval(const struct call *c, u64 address)
{
    s64 pair[2];
    if (!read_longs(pair, c, address))
        return 0;
    return pair[0] * NSEC_PER_SEC + pair[1] * 1000;
}

// A size or a pointer at `address`.
static __always_inline u64 read_word(const struct call *c, u64 address)
{
    u64 word = 0;
    bpf_probe_read_user(&word, c->compat ? 4 : 8, (void *)address);
    return word;
}

#define MAX_IOVECS 32

struct iovec {
    u64 base, len;
};

// Copies the vector at `address` into scratch memory and says how many entries it has there.
__noinline u32 copy_iovecs(u64 address, u64 count, int compat)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return 0;
    struct iovec *vector = (void *)scratch->path;
    u32 entries = count > MAX_IOVECS ? MAX_IOVECS : count;
    if (!compat)
        return bpf_probe_read_user(vector, MASK(entries, 63) * sizeof(*vector), (void *)address)
                   ? 0
                   : entries;
    u32 *narrow = (void *)(scratch->path + 4096);
    if (bpf_probe_read_user(narrow, MASK(entries, 63) * 8, (void *)address))
        return 0;
    for (int i = 0; i < MAX_IOVECS; i++) {
        vector[i].base = narrow[2 * i];
        vector[i].len = narrow[2 * i + 1];
    }
    return entries;
}

static __always_inline u32 read_iovecs(const struct call *c, u64 address, u64 count)
{
    return copy_iovecs(address, count, c->compat);
}

// How many bytes the entries of the vector in scratch memory have together.
__noinline u32 total_size(u32 entries)
{
    struct scratch *scratch = this_scratch();
    if (!scratch)
        return 0;
    struct iovec *vector = (void *)scratch->path;
    u64 total = 0;
    for (int i = 0; i < MAX_IOVECS && i < entries; i++)
        total += vector[i].len;
    return total;
}

static __always_inline u32 at_most(u64 value, u32 limit)
{
    return value > limit ? limit : value;
}
