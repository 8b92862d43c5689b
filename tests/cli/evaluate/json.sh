# A model that says "real" of everything: half right, no hit, no false alarm.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model real m
aidetect evaluate -m m -d photos/manifest.tsv --format json >report.json
jq -c 'keys_unsorted' report.json
jq -c '.model, .threshold, .role, .failed, (.model_sha256 | length)' report.json
[ "$(jq -r .data_sha256 report.json)" = "$(sha256sum photos/manifest.tsv | cut -d' ' -f1)" ] || echo 'wrong data hash'
[ "$(jq -r .model_sha256 report.json)" = "$(sha256sum m | cut -d' ' -f1)" ] || echo 'wrong model hash'
jq -c '.tiers | keys_unsorted' report.json
jq -c '.tiers.T1 | keys_unsorted' report.json
jq -c '.tiers[] | [.n, .balanced_accuracy, .recall, .fpr, .precision, .confusion]' report.json
jq -c '.tiers.T3 | .per_source, .per_family' report.json
