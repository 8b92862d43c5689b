. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model ai m
aidetect evaluate -m m -d photos/manifest.tsv --scores scores.tsv >/dev/null
head -1 scores.tsv
cut -f1-5 scores.tsv | sed -n 2,7p
awk -F'\t' 'NR > 1 { n++; if ($6 > 0.9 && $7 > 2) sure++ } END { print n, sure }' scores.tsv
