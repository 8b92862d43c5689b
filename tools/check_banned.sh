#!/bin/sh
# Fails on functions that have a safer replacement here (docs/STYLE.md), on the heap outside
# base/, and on leftovers: notes to oneself and paths of somebody's machine.
cd "$(dirname "$0")/.." || exit 2
bad=0

# refuse REASON REGEX PATHSPEC...
refuse() {
    reason=$1 regex=$2
    shift 2
    found=$(git grep -nE "$regex" -- "$@" | grep -vE '^[^:]+:[0-9]+: *(/?\*|#)') || return 0
    echo "$found" | sed "s|\$|  <- $reason|"
    bad=1
}

call='(^|[^A-Za-z0-9_.>])'
refuse 'banned: see docs/STYLE.md' \
    "$call(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|strtol|sscanf|rand|localtime|gmtime|system|popen|alloca) ?\\(" \
    'src/*.[ch]' 'examples/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]'
refuse 'the heap is base/mem.h' "$call(malloc|calloc|realloc|free) ?\\(" \
    'src/*.[ch]' ':!src/base/*'
found=$(git grep -nE '/[w]ork/|/[h]ome/[a-z]|TO[D]O|FIX[M]E' -- ':!*.png' ':!tests/fuzz/corpus' ':!LICENSE')
if [ -n "$found" ]; then
    echo "$found" | sed 's|$|  <- leftover|'
    bad=1
fi
exit $bad
