. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model ai m
aidetect evaluate -m m -d photos/manifest.tsv --tiers T1,webp75 | grep -v '^speed'
exit "${PIPESTATUS[0]}"
