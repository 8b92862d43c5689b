# The gate stands at T1; a model that says one thing of everything reaches exactly one half.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model real m && make_model ai n
evaluate() { # what is not met stands on standard error
    aidetect evaluate -d photos/manifest.tsv --tiers T1 "$@" >out
    echo "$?" >&2
}
evaluate -m m --gate-accuracy 0.5
evaluate -m m --gate-accuracy 0.51
evaluate -m m --gate
evaluate -m n --gate --gate-accuracy 0.5 --gate-f1 0.6
# no slice may fall behind: of the report, or of another model; small ones are not compared
evaluate -m m --report before
evaluate -m m --gate --gate-accuracy 0.5 --gate-f1 0 --against before/report.json --gate-photos 1
evaluate -m n --gate --gate-accuracy 0.5 --gate-f1 0 --against before/report.json --gate-photos 1
evaluate -m n --gate --gate-accuracy 0.5 --gate-f1 0 --against m --gate-photos 1 --gate-margin 1
evaluate -m n --gate --gate-accuracy 0.5 --gate-f1 0 --against m --format json
jq -c '.gate | del(.checks), .checks[0]' out
# other photos are compared, and said to be others
evaluate -m n --role train --gate --gate-accuracy 0 --gate-f1 0 --against before/report.json
echo '{"tiers": {}}' >odd.json
evaluate -m m --gate --against odd.json
evaluate -m m --gate --against absent.json
evaluate -m m --against before/report.json
