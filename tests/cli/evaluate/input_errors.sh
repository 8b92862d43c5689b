# A manifest, a model or a role that is not there or not right.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model real m
aidetect evaluate -m none -d photos/manifest.tsv 2>&1; echo $?
aidetect evaluate -m m -d none.tsv 2>&1; echo $?
sed 's/real/camera/' photos/manifest.tsv >photos/bad.tsv
aidetect evaluate -m m -d photos/bad.tsv 2>&1; echo $?
aidetect evaluate -m m -d photos/manifest.tsv --role test 2>&1; echo $?
aidetect evaluate -m m -d photos/manifest.tsv --scores none/scores.tsv >/dev/null 2>&1; echo $?
