// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What a descriptor is, told right before a call on it: user space did not see it being made.
#pragma once

// Where the program is among the fillers; no call has this number.
#define TELL_PROGRAM 511

SEC("tp_btf/sys_exit") int tell(void *ctx)
{
    struct cpu *cpu = this_cpu();
    struct scratch *scratch = this_scratch();
    if (!cpu)
        return 0;
    u64 task = current_task();
    u64 file = file_of(task, cpu->call.args[0]);
    // Directories and sockets are followed.
    if (scratch && !(kind_of_file(file) & (KIND_NONE | KIND_DIRECTORY | KIND_SOCKET))) {
        struct record r = {scratch->record, HEADER_SIZE + 2 * PARAMS_ITER_TASK_FILE_REGULAR_E, 0};
        u64 time = wall_clock();
        put_u32(&r, cpu->call.args[0]);
        put_path(&r, scratch, ADDRESS(struct file, file, f_path));
        put_u32(&r, open_flags(LOAD(struct file, file, f_flags)));
        put_u32(&r, 0);
        u64 inode = POINTER(struct file, file, f_inode);
        put_u64(&r, LOAD(struct inode, inode, i_ino));
        if (r.index != PARAMS_ITER_TASK_FILE_REGULAR_E)
            wrong_number_of_parameters();
        cpu->counters.events++;
        send(&r, cpu, time, cpu->call.tid, EVENT_ITER_TASK_FILE_REGULAR_E,
             PARAMS_ITER_TASK_FILE_REGULAR_E, CATEGORY_OF_ITER_TASK_FILE_REGULAR_E);
    }
    bpf_tail_call(ctx, &fillers, cpu->call.nr);
    cpu->counters.no_filler++;
    return 0;
}
