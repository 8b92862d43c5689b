# Three kinds of texture stand for real photos, old and new generators. What is finished is not done
# again; sources that are measured on are never trained on.
mkdir photos
printf 'file\tlabel\tfamily\tgeneration\tsource\trole\n' >photos/manifest.tsv
row() { printf '%s\t%s\t%s\t%s\t%s\ttrain\n' "$@" >>photos/manifest.tsv; }
for i in $(seq 40); do
    make_photo texture-png "photos/r$i.png" "$i" && row "r$i.png" real shoes - "shop-$((i % 10))"
done
for i in $(seq 20); do
    make_photo flat-png "photos/o$i.png" "$i" && row "o$i.png" ai maker-1 old "gallery-$((i % 10))"
    make_photo gradient-jpeg "photos/n$i.jpg" "$i" && row "n$i.jpg" ai maker-2 new "site-$((i % 10))"
done
cat >network.txt <<'END'
input x channels=16 side=64
conv a out=16 kernel=3 stride=2 norm relu
conv head out=16 kernel=1 bias
table statistics rows=5 columns=839
END
cat >train.yaml <<'END'
data: {manifest: photos/manifest.tsv}
model: {network: network.txt, crop_side: 64, crop_count: 2}
END
drill() { aidetect drill data-drift --config train.yaml --workers 1 --output out "$@"; }
drill --photos 12 --held 5 2>log | sed 's/[0-9][0-9.]* *\[[^]]*\]/N/g; /ratio/s/ [0-9][0-9.]* *|/ N |/g; s/  *|/ |/g'
grep -v '^time=' log
grep -c 'event=train.start' log
echo "again:"
drill --photos 12 --held 5 --format json 2>log | tee out.json | cmp - out/drill.json
grep -c 'event=train.start' log
jq -c '.photos, .drifted.n, (.retrained.balanced_accuracy > 0.6), .drift.known' out.json
for stage in old all; do cut -f 2,4 out/train-$stage.tsv | sort | uniq -c; done
# no source is trained on and measured on
for file in train-all measure-old measure-new; do tail -n +2 out/$file.tsv | cut -f 5 | sort -u >$file.sources; done
sort -u measure-*.sources | comm -12 - train-all.sources
grep -v 'new' photos/manifest.tsv >photos/without.tsv
drill --set data.manifest=photos/without.tsv 2>&1
aidetect drill fire-alarm 2>&1
echo $?
