// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Reading and writing. An event carries the first bytes of the data (`snaplen`): of what was read,
// of what was written, and of what could not be written.

static __always_inline u64 transferred(const struct call *c)
{
    return c->ret > 0 ? c->ret : 0;
}

// What was written, or should have been.
static __always_inline u64 written(const struct call *c, u64 size)
{
    return c->ret >= 0 ? c->ret : size;
}

VARIABLE(read, SYSCALL_READ_X)
{
    struct transfer transfer = transfer_of(c);
    put_u64(r, c->ret);
    put_data(r, &transfer, c->args[1], transferred(c));
    put_int(r, c->args[0]);
    put_u32(r, c->args[2]);
}

VARIABLE(write, SYSCALL_WRITE_X)
{
    struct transfer transfer = transfer_of(c);
    put_u64(r, c->ret);
    put_data(r, &transfer, c->args[1], written(c, c->args[2]));
    put_int(r, c->args[0]);
    put_u32(r, c->args[2]);
}

VARIABLE(pread64, SYSCALL_PREAD_X)
{
    struct transfer transfer = transfer_of(c);
    put_u64(r, c->ret);
    put_data(r, &transfer, c->args[1], transferred(c));
    put_int(r, c->args[0]);
    put_u32(r, c->args[2]);
    put_u64(r, c->args[3]);
}

VARIABLE(pwrite64, SYSCALL_PWRITE_X)
{
    struct transfer transfer = transfer_of(c);
    put_u64(r, c->ret);
    put_data(r, &transfer, c->args[1], written(c, c->args[2]));
    put_int(r, c->args[0]);
    put_u32(r, c->args[2]);
    put_u64(r, c->args[3]);
}

static __always_inline void put_readv(struct record *r, const struct call *c,
                                      struct scratch *scratch)
{
    struct transfer transfer = transfer_of(c);
    u32 entries = read_iovecs(c, c->args[1], c->args[2]);
    put_u64(r, c->ret);
    put_u32(r, total_size(entries));
    put_gathered(r, &transfer, scratch, entries, transferred(c));
    put_int(r, c->args[0]);
}

static __always_inline void put_writev(struct record *r, const struct call *c,
                                       struct scratch *scratch)
{
    struct transfer transfer = transfer_of(c);
    u32 entries = read_iovecs(c, c->args[1], c->args[2]);
    u32 size = total_size(entries);
    put_u64(r, c->ret);
    put_gathered(r, &transfer, scratch, entries, written(c, size));
    put_int(r, c->args[0]);
    put_u32(r, size);
}

// The position of preadv and pwritev comes in two words, of which 64-bit callers use the first.
static __always_inline u64 position(const struct call *c)
{
    return c->compat ? c->args[3] | c->args[4] << 32 : c->args[3];
}

VARIABLE(readv, SYSCALL_READV_X)
{
    put_readv(r, c, scratch);
}

VARIABLE(preadv, SYSCALL_PREADV_X)
{
    put_readv(r, c, scratch);
    put_u64(r, position(c));
}

VARIABLE(writev, SYSCALL_WRITEV_X)
{
    put_writev(r, c, scratch);
}

VARIABLE(pwritev, SYSCALL_PWRITEV_X)
{
    put_writev(r, c, scratch);
    put_u64(r, position(c));
}

// The offset that the caller's pointer points to; 0 without one.
static __always_inline u64 offset_at(u64 address)
{
    u64 offset = 0;
    if (address)
        bpf_probe_read_user(&offset, sizeof(offset), (void *)address);
    return offset;
}

FIXED(sendfile, SYSCALL_SENDFILE_X)
{
    put_u64(r, c->ret);
    put_u64(r, offset_at(c->args[2]));
    put_int(r, c->args[0]);
    put_int(r, c->args[1]);
    put_u64(r, c->args[3]);
}

FIXED(splice, SYSCALL_SPLICE_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_int(r, c->args[2]);
    put_u64(r, c->args[4]);
    put_u32(r, c->args[5] & 0xf);
}

FIXED(copy_file_range, SYSCALL_COPY_FILE_RANGE_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[2]);
    put_u64(r, offset_at(c->args[3]));
    put_int(r, c->args[0]);
    put_u64(r, offset_at(c->args[1]));
    put_u64(r, c->args[4]);
}

// Both report the bytes on the caller's side.
static __always_inline void put_process_vm(struct record *r, const struct call *c,
                                           struct scratch *scratch)
{
    u32 entries = read_iovecs(c, c->args[1], c->args[2]);
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_gathered(r, NULL, scratch, entries, transferred(c));
}

VARIABLE(process_vm_readv, SYSCALL_PROCESS_VM_READV_X)
{
    put_process_vm(r, c, scratch);
}

VARIABLE(process_vm_writev, SYSCALL_PROCESS_VM_WRITEV_X)
{
    put_process_vm(r, c, scratch);
}
