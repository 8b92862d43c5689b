# Photos are added to a model: old ones are replayed, a fifth of the new ones is held out, and both
# are measured before and after. Two kinds of texture stand for the classes.
mkdir photos
printf 'file\tlabel\tfamily\tsource\trole\n' >photos/manifest.tsv
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    make_photo texture-png photos/r$i.png "$i"
    make_photo flat-png photos/a$i.png "$i"
    role=train
    if [ "$i" -gt 9 ]; then role=dev; fi
    printf 'r%s.png\treal\tshoes\tshop-%s\t%s\n' "$i" $((i % 4)) $role >>photos/manifest.tsv
    printf 'a%s.png\tai\tmaker-%s\tgallery-%s\t%s\n' "$i" $((i % 2)) $((i % 4)) $role >>photos/manifest.tsv
done
mkdir -p more/real/booth more/ai/engine
for i in 21 22 23 24 25; do
    make_photo texture-jpeg more/real/booth/$i.jpg $i
    make_photo flat-png more/ai/engine/$i.png $i
done
echo 'no photo' >more/real/notes.txt
make_model real m
cat >network.txt <<'END'
input x channels=16 side=64
conv a out=16 kernel=3 stride=2 norm relu
conv b out=16 kernel=3 stride=2 norm relu
conv head out=16 kernel=1 bias
table statistics rows=5 columns=839
END
cat >train.yaml <<'END'
data: {manifest: photos/manifest.tsv, validation_share: 0.3}
model: {network: network.txt, crop_side: 64, crop_count: 2, version: tiny-1}
run: {workers: 1, batch: 8, epoch_crops: 64}
END
aidetect train --config train.yaml --from m --data more --output out 2>log | sed 's/  *$//'
grep -v '^time=' log
cut -f 2-6 out/manifest.tsv | sort | uniq -c | grep -E 'added|role'
jq -c '[.old.before.n, .added.before.n, (.slices | length)], (.slices[] | select(.group == "added"))' out/finetune.json
# what is wrong is named
for arguments in "--data more" "--from m --data photos" "--from m --data absent" "--from absent --data more"; do
    # shellcheck disable=SC2086
    aidetect train --config train.yaml $arguments --output out2 2>&1 | grep -v '^time='
done
