# The threshold decides, not the model.
make_model real m && make_photo texture-jpeg a.jpg
aidetect scan -q -m m --format jsonl a.jpg | jq -c '[.prediction, .threshold]'
aidetect scan -q -m m --format jsonl --threshold 0.0001 a.jpg | jq -c '[.prediction, .threshold]'
exit "${PIPESTATUS[0]}"
