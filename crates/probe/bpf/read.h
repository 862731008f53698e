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

// Whether something can be kept with a thread. Since 5.11.
enum bpf_func_id___storage {
    BPF_FUNC_task_storage_get___storage = 156,
};
#define CAN_STORE \
    bpf_core_enum_value_exists(enum bpf_func_id___storage, BPF_FUNC_task_storage_get___storage)

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

// A field that is only some bits wide.
#define LOAD_BIT(type, address, field)                                                             \
    (CAN_LOAD ? BPF_CORE_READ_BITFIELD(                                                            \
                    (type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(type)),     \
                    field)                                                                         \
              : BPF_CORE_READ_BITFIELD_PROBED((type *)(address), field))

// The address of a field.
#define ADDRESS(type, address, field) \
    ((u64)(address) + bpf_core_field_offset(type, field))

// The 8 bytes at an address.
static __always_inline u64 load_word(u64 address)
{
    // Any structure that starts with such a number will do.
    return LOAD(struct timespec64, address, tv_sec);
}

// A field that is a pointer, as a mere number: the verifier would let less be done with a pointer.
#define POINTER(type, address, field) load_word(ADDRESS(type, address, field))

static __always_inline u64 current_task(void)
{
    return bpf_get_current_task();
}

// A number cut to the bits of a mask, with the cut where the verifier can see it: the compiler
// would leave it out where it knows the range already.
#define MASK(number, mask)       \
    ({                           \
        u64 number_ = (number);  \
        barrier_var(number_);    \
        number_ & (mask);        \
    })

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
