# Counts what holds; sourced by the scripts beside it and by what they run inside another system.
passed=0
failed=0
check_log=$(mktemp)

# check WHAT COMMAND...: WHAT holds when COMMAND succeeds; what it printed is shown when it does not.
# No subshell: a function may set variables.
check() {
    local what=$1
    shift
    if "$@" >"$check_log" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $what"
    else
        failed=$((failed + 1))
        echo "FAILED  $what"
        tail -20 "$check_log" | sed 's/^/        /'
    fi
}

# same WHAT WANTED GOT: both are the same text.
same() {
    check "$1" compare "$2" "$3"
}

compare() {
    [ "$1" = "$2" ] || {
        echo "wanted '$1', got '$2'"
        return 1
    }
}

# refused COMMAND...: it must fail.
refused() {
    ! "$@"
}

# within SECONDS COMMAND...: it must succeed in that time, asked five times a second.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

# The last line, and the status, of a script.
summary() {
    rm -f "$check_log"
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ]
}
