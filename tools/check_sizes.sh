#!/bin/sh
# Fails on a function body over 70 lines (100 when a comment before it says "kernel") and on a file
# over 800 lines.  Relies on the format: only a function's braces stand alone at the line's start.
cd "$(dirname "$0")/.." || exit 2

# shellcheck disable=SC2046  # no path of ours has blanks
awk '
    FNR == 1 { kernel = start = 0 }
    /\/\* kernel/ { kernel = 1 }
    /^[a-zA-Z].*\(/ { name = $0 }
    $0 == "{" { start = FNR }
    $0 == "}" && start {
        lines = FNR - start - 1
        limit = kernel ? 100 : 70
        if (lines > limit) {
            print FILENAME ":" start ": " lines " lines, allowed are " limit ": " name
            bad++
        }
        start = kernel = 0
    }
    FNR == 801 { print FILENAME ": over 800 lines"; bad++ }
    END { exit bad > 0 }' $(git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' 'examples/*.[ch]')
