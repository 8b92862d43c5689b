# Near the threshold a person should look; the binary prediction stays what it was.
make_model real m && make_photo texture-jpeg a.jpg
p=$(aidetect scan -q -m m --format jsonl a.jpg | jq .probability)
for threshold in 0.0001 "$(jq -n "$p * 0.99")" "$(jq -n "$p * 1.01")" 0.01; do
    aidetect scan -q -m m --format jsonl --threshold "$threshold" a.jpg | jq -c '[.prediction, .decision]'
done
aidetect scan -q -m m --threshold "$(jq -n "$p * 1.01")" a.jpg | cut -c 1-20
aidetect explain -m m --format json --threshold "$(jq -n "$p * 0.99")" a.jpg | jq -c '[.prediction, .decision]'
