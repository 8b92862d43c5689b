# One frozen threshold: above every probability nothing is called AI-generated.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model ai m
for threshold in 0.5 0.9999; do
    aidetect evaluate -m m -d photos/manifest.tsv --tiers T0 -t $threshold --format json |
        jq -c '[.threshold, .tiers.T0.recall, .tiers.T0.fpr]'
done
