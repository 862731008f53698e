// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Reading kernel memory.
#pragma once

// Tells the verifier that an address is of a kernel type, which makes the fields behind it readable
// with plain loads (a wrong address reads as zero). Since 6.2.
extern void *bpf_rdonly_cast(const void *address, u32 btf_id) __ksym __weak;

#ifdef PROBE_READS
#define CAN_LOAD false
#else
#define CAN_LOAD bpf_ksym_exists(bpf_rdonly_cast)
#endif

// The field of the structure at an address, whatever the compiler thinks of the pointer's type.
// A load costs nothing, the helper of older kernels 28 ns.
#define LOAD(type, address, field)                                                                 \
    ({                                                                                             \
        typeof(((type *)0)->field) value_;                                                         \
        if (CAN_LOAD)                                                                              \
            value_ = ((type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(type)))   \
                         ->field;                                                                  \
        else                                                                                       \
            bpf_core_read(&value_, sizeof(value_), &((type *)(address))->field);                   \
        value_;                                                                                    \
    })

// The address of a field.
#define ADDRESS(type, address, field) \
    ((u64)(address) + bpf_core_field_offset(type, field))

// The pointer stored at an address.
static __always_inline u64 load_pointer(u64 address)
{
    // Any structure that starts with a pointer to a structure will do.
    return (u64)LOAD(struct list_head, address, next);
}

static __always_inline u64 current_task(void)
{
    return bpf_get_current_task();
}

// Whether the thread runs 32-bit code (x86: made this system call as such).
static __always_inline bool is_compat(u64 task)
{
#if defined(__TARGET_ARCH_x86)
    enum { TS_COMPAT = 2 };
    return LOAD(struct task_struct, task, thread_info.status) & TS_COMPAT;
#else
    enum { TIF_32BIT = 22 };
    return LOAD(struct task_struct, task, thread_info.flags) >> TIF_32BIT & 1;
#endif
}
