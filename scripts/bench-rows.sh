# The rows of scripts/bench-live. Sourced, not run.

number() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
cpu_ticks() { awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
resident_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
divide() { awk -v a="$1" -v b="$2" -v f="$3" 'BEGIN { printf f, b ? a / b : 0 }'; }
hertz=$(getconf CLK_TCK)
now_ms() { echo $(($(date +%s%N) / 1000000)); }
alerts_in() { if [ -e "$1" ]; then wc -l <"$1"; else echo 0; fi; }

# Falco 0.44 on a machine of this kind, its 93 rules: load, ratio to the unloaded, engine CPU per
# event in us, lost.
falco='open 0.51 2.76 25-37
mix 0.76 1.81 0
fork 0.98 7.0 0
untraced 0.56 - -
alert 0.53 16.7 86'

# Starts the engine, on CPU 1 unless `pin` is empty; options that follow go to it. The key of the
# kernel filter is left out where the engine has none.
pin='taskset -c 1'
start_engine() {
    : >"$work/log.txt"
    rm -f "$work/alerts.txt"
    # shellcheck disable=SC2086 # words
    $pin "$bin" -c demo/demo.yaml "${rules[@]}" \
        -o json_output=true -o stdout_output.enabled=false -o syscall_event_drops.actions='["ignore"]' \
        -o file_output.enabled=true -o file_output.keep_alive=true \
        -o file_output.filename="$work/alerts.txt" -v "$@" >"$work/out.txt" 2>"$work/log.txt" &
    engine=$!
    for _ in $(seq 3000); do
        grep -q 'Watching ' "$work/log.txt" && return
        kill -0 "$engine" 2>/dev/null || { cat "$work/log.txt" >&2; fail "the engine did not start"; }
        sleep 0.01
    done
    fail "the engine did not start in time"
}

stop_engine() {
    kill -TERM "$engine"
    wait "$engine" || { cat "$work/log.txt" >&2; fail "the engine did not end well"; }
    engine=
    events=$(sed -n 's/^Driver Events:\([0-9]*\).*/\1/p' "$work/log.txt")
    drops=$(sed -n 's/^Driver Drops:\([0-9]*\).*/\1/p' "$work/log.txt")
}

filter_key=engine.modern_ebpf.kernel_filter
has_filter() { "$bin" -c demo/demo.yaml -o "$filter_key=false" --version >/dev/null 2>&1; }
filter() { if has_filter; then echo "-o $filter_key=$1"; fi; }

# One run of a load on CPU 0: system calls a second; sets `calls`.
rate() {
    taskset -c 0 "$work/load" "$1" "$seconds" >"$work/load.json"
    calls=$(number syscalls <"$work/load.json")
    speed=$(divide "$calls" "$(number seconds <"$work/load.json")" %.0f)
}

load_head() {
    echo "| load | filter | alone, syscalls/s | with the engine | ratio | CPU per event, µs | CPU per syscall, µs | events | lost | alerts/s | CPU per alert, µs |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|"
}

load_row() {
    local load=$1 mode alone= loaded per_event per_call lost per_second per_alert ticks alerts one
    local -a modes=(on off)
    has_filter || modes=(none)
    : >"$work/alone"
    for mode in "${modes[@]}"; do : >"$work/$mode.loaded" >"$work/$mode.event" >"$work/$mode.call" \
        >"$work/$mode.lost" >"$work/$mode.alerts" >"$work/$mode.alert"; done
    for _ in $(seq "$runs"); do
        rate "$load"
        echo "$speed" >>"$work/alone"
        for mode in "${modes[@]}"; do
            # shellcheck disable=SC2046 # two words or none
            case $mode in
                on) start_engine $(filter true) ;;
                off) start_engine $(filter false) ;;
                none) start_engine ;;
            esac
            ticks=$(cpu_ticks "$engine")
            rate "$load"
            sleep 1 # what is in the rings and queues belongs to the cost
            ticks=$(($(cpu_ticks "$engine") - ticks))
            resident_kb "$engine" >>"$work/resident"
            stop_engine
            echo "$events" >"$work/$mode.events"
            alerts=$(alerts_in "$work/alerts.txt")
            echo "$speed" >>"$work/$mode.loaded"
            divide "$((ticks * 1000000 / hertz))" "$((events - drops))" '%.3f\n' >>"$work/$mode.event"
            divide "$((ticks * 1000000 / hertz))" "$calls" '%.3f\n' >>"$work/$mode.call"
            divide "$((drops * 100))" "$events" '%.2f\n' >>"$work/$mode.lost"
            divide "$alerts" "$seconds" '%.0f\n' >>"$work/$mode.alerts"
            divide "$((ticks * 1000000 / hertz))" "$alerts" '%.2f\n' >>"$work/$mode.alert"
        done
    done
    alone=$(median <"$work/alone")
    for mode in "${modes[@]}"; do
        loaded=$(median <"$work/$mode.loaded") per_event=$(median <"$work/$mode.event")
        per_call=$(median <"$work/$mode.call") lost=$(median <"$work/$mode.lost")
        per_second=$(median <"$work/$mode.alerts") per_alert=$(median <"$work/$mode.alert")
        [ "$load" = alert ] || per_alert=–
        one=$(divide "$loaded" "$alone" %.2f)
        printf '| %s | %s | %s | %s | %s | %s | %s | %s | %s %% | %s | %s |\n' "$load" "$mode" "$alone" \
            "$loaded" "$one" "$per_event" "$per_call" "$(cat "$work/$mode.events")" "$lost" "$per_second" "$per_alert"
        printf '{"row":"%s","filter":"%s","alone":%s,"loaded":%s,"ratio":%s,"us_per_event":%s,"us_per_syscall":%s,"lost_percent":%s,"alerts_per_second":%s}\n' \
            "$load" "$mode" "$alone" "$loaded" "$one" "$per_event" "$per_call" "$lost" "$per_second" \
            >>"$work/rows.json"
    done
}

falco_rows() {
    local load ratio cost lost
    while read -r load ratio cost lost; do
        case " ${loads[*]} " in
            *" $load "*) echo "| $load | Falco 0.44, its own run | – | – | $ratio | $cost | – | – | $lost % | – | – |" ;;
        esac
    done <<<"$falco"
}

falco_json() {
    awk 'BEGIN { printf "[" } { printf "%s{\"row\":\"%s\",\"ratio\":%s,\"us_per_event\":\"%s\",\"lost_percent\":\"%s\"}", s, $1, $2, $3, $4; s = "," } END { printf "]" }' <<<"$falco"
}

# A line of the second table: what, measured, Falco; and for JSON a name and a number.
special() {
    printf '| %s | %s | %s |\n' "$1" "$2" "$3"
    printf '{"row":"%s","value":%s}\n' "$4" "$5" >>"$work/rows.json"
}

row_start() {
    local began first
    : >"$work/starts"
    for _ in $(seq "$runs"); do
        began=$(now_ms)
        start_engine_early
        until [ -s "$work/alerts.txt" ]; do
            cat /etc/shadow >/dev/null
            sleep 0.005
        done
        first=$(now_ms)
        stop_engine
        echo $((first - began)) >>"$work/starts"
    done
    special "start to first alert" "$(median <"$work/starts") ms" "1 600 ms" start_ms "$(median <"$work/starts")"
}

# As start_engine, without waiting.
start_engine_early() {
    rm -f "$work/alerts.txt"
    "$bin" -c demo/demo.yaml "${rules[@]}" -o json_output=true -o stdout_output.enabled=false \
        -o file_output.enabled=true -o file_output.keep_alive=true \
        -o file_output.filename="$work/alerts.txt" -v >"$work/out.txt" 2>"$work/log.txt" &
    engine=$!
}

row_rss() {
    if [ ! -s "$work/resident" ]; then
        start_engine
        rate open
        resident_kb "$engine" >>"$work/resident"
        stop_engine
    fi
    local kb
    kb=$(sort -g "$work/resident" | tail -1)
    special "resident memory, the most of all runs" "$((kb / 1024)) MB" "58 – 64 MB" rss_kb "$kb"
}

# Puts the engine into a cgroup with a tenth of a CPU; fails where that cannot be done.
limit_engine() {
    if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
        group=/sys/fs/cgroup/peregrine-bench.$$
        echo +cpu >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
        mkdir -p "$group" && echo "10000 100000" >"$group/cpu.max" || return 1
    elif [ -e /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]; then
        group=/sys/fs/cgroup/cpu/peregrine-bench.$$
        mkdir -p "$group" && echo 100000 >"$group/cpu.cfs_period_us" &&
            echo 10000 >"$group/cpu.cfs_quota_us" || return 1
    else
        return 1
    fi
    echo "$engine" >"$group/cgroup.procs"
}

row_limited() {
    start_engine
    if ! limit_engine; then
        stop_engine
        special "engine limited to 0.1 CPU" "skipped: no cgroup can limit the CPU" – limited null
        return
    fi
    rate open
    stop_engine
    local lost
    lost=$(divide "$((drops * 100))" "$events" %.2f)
    special "engine limited to 0.1 CPU, open+close at full speed: lost" "$lost % of $events events" – \
        limited_lost_percent "$lost"
}

# The highest of the given paces, alerts a second, at which the engine limited to 0.1 CPU delivers
# them all, most at once and the last within a second: what it delivers at its end does not count.
# Sets `best`, `pace`, `sent` and `got`; fails where no cgroup can limit the CPU. Receivers are
# started by `$1_start`, which sets `channel` to the engine's options, and asked by `$1_count`.
at_pace() {
    local kind=$1 held
    shift
    best=0
    for pace in "$@"; do
        rm -f "$work/received"
        "${kind}_start"
        start_engine -o file_output.enabled=false "${channel[@]}"
        held=0
        if limit_engine; then
            "${kind}_ready"
            taskset -c 0 "$work/load" alert "$seconds" "$pace" >"$work/load.json"
            sent=$(number turns <"$work/load.json")
            sleep 1
            got=$("${kind}_count")
            held=1
        fi
        stop_engine
        "${kind}_end"
        [ "$held" = 1 ] || return 1
        [ "$got" -ge "$sent" ] && [ "$drops" = 0 ] || return 0
        best=$pace
    done
}

# What at_pace found, as a row.
pace_row() {
    local what=$1 falco=$2 name=$3 next="the highest tried"
    [ "$best" = "$pace" ] || next="at $pace, $got of $sent within a second"
    special "alerts per second without loss over $what, engine limited to 0.1 CPU" \
        "$best ($next)" "$falco" "$name" "$best"
}

end_helpers() {
    kill "${helpers[@]}" && wait "${helpers[@]}" 2>/dev/null || true
    helpers=()
}

http_start() {
    "$work/receive" 0 >"$work/received" &
    helpers=($!)
    until [ -s "$work/received" ]; do sleep 0.01; done
    channel=(-o http_output.enabled=true -o "http_output.url=http://127.0.0.1:$(head -1 "$work/received")/")
}
http_ready() { :; }
http_count() {
    kill -USR1 "${helpers[0]}"
    until grep -q '^requests ' "$work/received"; do sleep 0.01; done
    sed -n 's/^requests //p' "$work/received"
}
http_end() { end_helpers; }

row_http() {
    if at_pace http 1000 2000 3000 4000 6000 8000 10000; then
        pace_row HTTP "≈ 900" http_alerts_per_second
    else
        special "alerts over HTTP at 0.1 CPU" "skipped: no cgroup can limit the CPU" – http null
    fi
}

grpc_start() {
    mkfifo "$work/questions.$pace"
    taskset -c 0 "$subscribe" "$work/grpc.sock" <"$work/questions.$pace" >"$work/received" &
    helpers=($!)
    exec 7>"$work/questions.$pace"
    channel=(-o grpc.enabled=true -o "grpc.bind_address=unix://$work/grpc.sock" -o grpc.threadiness=1
        -o grpc_output.enabled=true)
}
grpc_ready() { until [ -s "$work/received" ]; do sleep 0.01; done; }
grpc_count() {
    echo >&7
    until grep -q '^alerts ' "$work/received"; do sleep 0.01; done
    sed -n 's/^alerts //p' "$work/received"
}
grpc_end() {
    exec 7>&-
    end_helpers
}

row_grpc() {
    if [ -z "${subscribe:-}" ]; then
        cargo build --release --locked --quiet -p output --example subscribe
        subscribe=${CARGO_TARGET_DIR:-target}/release/examples/subscribe
    fi
    if at_pace grpc 5000 10000 15000 20000 25000 30000; then
        pace_row gRPC – grpc_alerts_per_second
    else
        special "alerts over gRPC at 0.1 CPU" "skipped: no cgroup can limit the CPU" – grpc null
    fi
}

row_flood() {
    local floods found pinned=$pin
    pin=
    for floods in 1 2; do
        start_engine
        helpers=()
        for _ in $(seq "$floods"); do
            setpriv --reuid=65534 --regid=65534 --clear-groups "$work/load" open 60 >/dev/null &
            helpers+=($!)
        done
        sleep 0.5
        for _ in $(seq 100); do cat /etc/shadow >/dev/null; done
        sleep 1
        kill "${helpers[@]}" && wait "${helpers[@]}" 2>/dev/null || true
        helpers=()
        stop_engine
        found=$(grep -c '"proc.name":"cat"' "$work/alerts.txt" || true)
        special "100 × cat /etc/shadow beside $floods floods: detected" "$found" \
            "$([ "$floods" = 1 ] && echo 8 || echo 26) (93 rules)" "flood_$floods" "$found"
    done
    pin=$pinned
}

# So many rules in the forms that rules have: shared macros, different texts.
make_rules() {
    cat <<'Y'
- macro: bench_read
  condition: (evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.typechar='f' and fd.num>=0)
- macro: bench_write
  condition: (evt.type in (open, openat, openat2) and evt.is_open_write=true and fd.typechar='f' and fd.num>=0)
- macro: bench_spawned
  condition: (evt.type in (execve, execveat))
Y
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) {
        k = i % 6
        if (k == 0) c = "bench_read and fd.name=/etc/secret" i " and not proc.name in (p" i ", q" i ")"
        if (k == 1) c = "bench_write and fd.name startswith /usr/lib/d" i "/ and not proc.pname in (dpkg, apt" i ")"
        if (k == 2) c = "bench_spawned and proc.name in (tool" i ", other" i ") and proc.args contains \"-x" i "\""
        if (k == 3) c = "bench_read and proc.name=daemon" i " and not fd.name startswith /proc"
        if (k == 4) c = "bench_read and fd.directory=/var/data" i " and not proc.name startswith ok" i
        if (k == 5) c = "bench_write and container.id != host and fd.name endswith .suffix" i
        gsub(/"/, "\047", c)
        printf "- rule: Bench %04d\n  desc: d\n  condition: \"%s\"\n  output: \"o %%proc.name %%fd.name\"\n  priority: INFO\n", i, c
    } }'
}

row_rules() {
    local count ticks given=("${rules[@]}") cost100= cost
    for count in 100 1000; do
        make_rules "$count" >"$work/$count.yaml"
        rules=(-r "$work/$count.yaml")
        : >"$work/costs"
        for _ in $(seq "$runs"); do
            # shellcheck disable=SC2046 # two words or none
            start_engine $(filter false)
            ticks=$(cpu_ticks "$engine")
            rate open
            sleep 1
            ticks=$(($(cpu_ticks "$engine") - ticks))
            stop_engine
            divide "$((ticks * 1000000 / hertz))" "$((events - drops))" '%.3f\n' >>"$work/costs"
        done
        cost=$(median <"$work/costs")
        special "$count rules, every event evaluated: CPU per event" "$cost µs" "linear" "rules_$count" "$cost"
        [ "$count" = 1000 ] || cost100=$cost
    done
    cost=$(divide "$cost" "$cost100" %.2f)
    special "1000 rules instead of 100: CPU per event" "$cost ×" linear rules_ratio "$cost"
    rules=("${given[@]}")
}
