# Twins that were made are trained on, each beside its photo.
make_vae tiny 1
mkdir photos
printf 'file\tlabel\tfamily\tsource\trole\n' >photos/manifest.tsv
for i in 1 2 3 4 5 6 7 8; do
    make_photo texture-jpeg photos/r$i.jpg "$i"
    make_photo flat-png photos/a$i.png "$i"
    printf 'r%s.jpg\treal\tshoes\tshop-%s\ttrain\n' "$i" $((i % 4)) >>photos/manifest.tsv
    printf 'a%s.png\tai\tmaker-%s\tgallery-%s\ttrain\n' "$i" $((i % 2)) $((i % 4)) >>photos/manifest.tsv
done
aidetect twins --vae . -q -o twins photos/manifest.tsv
cat >network.txt <<'END'
input x channels=16 side=64
conv a out=16 kernel=3 stride=2 norm relu
conv b out=16 kernel=3 stride=2 norm relu
conv head out=16 kernel=1 bias
END
cat >train.yaml <<'END'
data: {manifest: photos/manifest.tsv, validation_share: 0.25}
model: {network: network.txt, crop_side: 64, crop_count: 2, version: tiny-1}
run: {workers: 1, batch: 8, epoch_crops: 32, epochs: 1}
twins: {manifest: twins/manifest.tsv, share: 0.5}
END
aidetect train --config train.yaml --output out 2>log
grep -v '^time=' log
jq -c '[.training_photos, .twins, (.twins_sha256 | length)]' out/run.json

echo "# what is wrong is named"
aidetect train --config train.yaml --output out2 --set twins.manifest=photos/manifest.tsv 2>&1 | grep -v '^time='
aidetect train --config train.yaml --output out2 --set twins.share=1.5 2>&1 | grep -v '^time='
twin=$(cut -f1 twins/manifest.tsv | sed -n 2p)
rm "twins/$twin"
aidetect train --config train.yaml --output out2 2>&1 | grep -v '^time=' | sed "s|$twin|TWIN|g"
