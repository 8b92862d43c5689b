#!/bin/sh
# Fails when a document names a path of this repository that does not exist.  Looked at: links and
# words in backticks that have a slash and begin with a folder of ours; patterns are left alone.
cd "$(dirname "$0")/.." || exit 2

files=$(git ls-files '*.md')
# shellcheck disable=SC2016,SC2086  # backticks are meant; no path of ours has blanks
grep -noE '`[^` ]+`|\]\([^)# ]+' $files | awk -F: '
    {
        path = substr($0, length($1) + length($2) + 3)
        link = path ~ /^\]\(/
        sub(/^\]\(|^`/, "", path)
        sub(/`$/, "", path)
        sub(/:[0-9]+$/, "", path)
        if (path ~ /^[a-z]+:/ || path ~ /[*<>{}$=?]/ || path ~ /MODULE|AREA|NAME/) next
        if (link) {
            folder = $1
            if (!sub(/\/[^\/]*$/, "", folder)) folder = "."
            print $1 ":" $2 "\t" folder "/" path
        } else if (path ~ /^(src|tests|tools|docs|cmake|configs|bench|examples|models|\.ci)\//)
            print $1 ":" $2 "\t" path
        else if (path ~ /^[a-z]+\/[a-z_]+\.[ch]$/)
            print $1 ":" $2 "\tsrc/" path
    }' | {
    bad=0
    while IFS="$(printf '\t')" read -r place path; do
        [ -e "$path" ] && continue
        echo "$place: '$path' does not exist"
        bad=1
    done
    exit $bad
}
