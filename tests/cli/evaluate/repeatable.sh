# The same seed gives the same report whatever the number of workers; a limit takes a sample.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model ai m
aidetect evaluate -m m -d photos/manifest.tsv --format json -w 1 >a.json
aidetect evaluate -m m -d photos/manifest.tsv --format json -w 3 >b.json
cmp a.json b.json
aidetect evaluate -m m -d photos/manifest.tsv --format json --limit 4 | jq .tiers.T0.n
