# The model's own thresholds for stated false-positive rates.
make_model real m && make_photo texture-jpeg a.jpg
for rate in 0.01 0.05; do
    aidetect scan -q -m m --format jsonl --threshold fpr:$rate a.jpg | jq -c .threshold
    aidetect explain -m m --format json --threshold fpr:$rate a.jpg | jq -c .threshold
done
aidetect scan -q -m m --threshold fpr:0.02 a.jpg 2>&1 | head -1
aidetect model show m | grep fpr
