#!/bin/sh
# Fails when a file below src/ includes a folder that tools/layers.txt does not allow it, or when
# the headers of a foreign library are included in more than one file of ours.
cd "$(dirname "$0")/.." || exit 2

grep -rnE '^#include "[a-z]+/' src --include='*.[ch]' | awk '
    BEGIN {
        while ((getline line < "tools/layers.txt") > 0) {
            n = split(line, word, " ")
            if (n == 0 || word[1] ~ /^#/) continue
            known[word[1]] = allowed[word[1], word[1]] = allowed[word[1], "base"] = 1
            for (i = 2; i <= n; i++) allowed[word[1], word[i]] = 1
        }
    }
    {
        split($0, part, ":")
        split(part[1], folder, "/")
        match($0, /"[a-z]+\//)
        to = substr($0, RSTART + 1, RLENGTH - 2)
        if (known[folder[2]] && allowed[folder[2], to]) next
        print part[1] ":" part[2] ": " folder[2] "/ may not include " to "/ (tools/layers.txt)"
        bad++
    }
    END { exit bad > 0 }'
layers=$?

# One library is one first path component, or the header's own name.  Its one file may be a header
# NAME_internal.h, which only files of its own folder may include.
grep -rnE '^#include <(jpeglib|png|webp/|jansson|yaml|openssl/|microhttpd|gnutls/|oneapi/|curl/|sqlite3)' \
    src --include='*.[ch]' | awk -F: '
    {
        match($3, /<[a-z0-9]+/)
        library = substr($3, RSTART + 1, RLENGTH - 1)
        if ($1 ~ /\.h$/ && $1 !~ /_internal\.h$/) { print $1 ":" $2 ": " library " is included in a header"; bad++ }
        if (library in owner && owner[library] != $1) {
            print $1 ":" $2 ": " library " is included in " owner[library] " already"
            bad++
        }
        owner[library] = $1
    }
    END { exit bad > 0 }'
foreign=$?

grep -rnE '^#include "[a-z]+/[a-z_]*_internal\.h"' src --include='*.[ch]' | awk -F: '
    {
        split($1, from, "/")
        match($3, /"[a-z]+\//)
        to = substr($3, RSTART + 1, RLENGTH - 2)
        if (from[2] == to) next
        print $1 ":" $2 ": an internal header of " to "/"
        bad++
    }
    END { exit bad > 0 }'
internal=$?
[ $layers -eq 0 ] && [ $foreign -eq 0 ] && [ $internal -eq 0 ]
