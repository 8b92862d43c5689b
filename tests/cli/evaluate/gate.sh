# The gate stands at T1; a model that says one thing of everything reaches exactly one half.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model real m
for gate in 0.5 0.51; do
    aidetect evaluate -m m -d photos/manifest.tsv --tiers T1 --gate-accuracy $gate >/dev/null
    echo $? >&2
done
