# A photo that cannot be judged is counted, named and left out; the rest is measured.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model real m
make_photo cut-jpeg photos/2.png && rm photos/3.png
aidetect evaluate -m m -d photos/manifest.tsv --tiers T0,T1 --format json >report.json
echo $? >&2
jq -c '.failed[] | [.file, .tier, .error]' report.json
jq -c '.tiers[] | [.n, .confusion]' report.json
aidetect evaluate -m m -d photos/manifest.tsv --tiers T0,T1 2>/dev/null | grep -A2 '^2 failed' | cut -c1-40
