# What the command refuses before it reads anything.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model real m
for options in "" "-d photos/manifest.tsv --tiers T7" "-d photos/manifest.tsv --tiers T0 --controls" \
    "-d photos/manifest.tsv --tiers T0 --gate-accuracy 0.5" "-d photos/manifest.tsv --gate-accuracy 2" \
    "-d photos/manifest.tsv --threshold 1.5" "-d photos/manifest.tsv --workers x"; do
    # shellcheck disable=SC2086  # words are meant
    aidetect evaluate -m m $options 2>&1 | head -1
    echo "${PIPESTATUS[0]}"
done
