# Made-up photos of one kind: the controls are there and have their figures.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model ai m
aidetect evaluate -m m -d photos/manifest.tsv --format json --controls >report.json
jq -c '.controls | .tier, .shuffled_labels.shuffles, (.metadata | keys_unsorted)' report.json
jq -c '.controls.metadata | [.fit_role, .fit_n, .texture.n, .texture.visible, .file.visible]' report.json
jq -e '.controls.shuffled_labels.auc_mean > 0.2 and .controls.shuffled_labels.auc_mean < 0.8' report.json
aidetect evaluate -m m -d photos/manifest.tsv --controls | grep -c 'metadata only'
