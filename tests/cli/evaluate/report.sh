# A page that needs nothing but itself, and the same figures for programs.
. "$AIDETECT_SOURCE/tests/support/make_collection.sh"
make_model ai m
# Names come from outside.
mv photos/1.png 'photos/<b>1&"x".png'
sed -i 's/^1\.png/<b>1\&"x".png/; s/shop-0/<script>shop<\/script>/' photos/manifest.tsv
aidetect evaluate -m m -d photos/manifest.tsv --format json --report out/deep >stdout.json
ls out/deep
# The same figures; points and mistakes only in the folder.
jq 'del(.mistakes) | .tiers[] |= del(.curves)' out/deep/report.json >figures.json
jq . stdout.json | cmp - figures.json
jq -c '.tiers.T1.curves | map_values(length)' out/deep/report.json
jq -c '.tiers.T1.curves.histogram | map_values(add)' out/deep/report.json
jq -c '.mistakes | .tier, .real.n, .ai.n, (.real.worst | map(.file) | sort), (.real.worst[0].probability | keys)' out/deep/report.json
page=out/deep/report.html
grep -c '<polyline class="line tier3"' $page
grep -o 'src="data:image/jpeg;base64,/9j/' $page | wc -l
grep -oE '(src|href)="[^d#][^"]*"' $page # nothing is fetched
grep -oE '<script|<b>1&|@import|url\(' $page
grep -o '&lt;script&gt;shop&lt;/script&gt;' $page | sort | uniq -c | awk '{ print $2, ($1 > 0) }'
grep -c '&lt;b&gt;1&amp;&quot;x&quot;.png' $page
sed -n 's/.*base64,\([^"]*\)".*/\1/p' $page | head -1 | base64 -d | head -c 3 | od -An -tx1
# What cannot be written is an error.
: >file
aidetect evaluate -m m -d photos/manifest.tsv --tiers T1 --report file/sub >/dev/null 2>err
echo $?
sed 's/:.*//' err
exit 0
