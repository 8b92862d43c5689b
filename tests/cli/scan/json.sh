make_model ai m && make_photo texture-jpeg a.jpg
aidetect scan -q -m m --format json a.jpg missing.jpg >out.json
jq -c 'map(keys_unsorted)[]' out.json
jq -c '.[0] | [.prediction, .confidence, .threshold, .model_version, (.probability > 0.99)]' out.json
mkdir empty
aidetect scan -q -m m --format json empty
aidetect scan -q -m m --format jsonl --timings a.jpg | jq -c '.timings_ms | [keys_unsorted, (.decode > 0), (.network > 0)]'
