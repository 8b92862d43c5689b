make_model real m && make_photo texture-png p
aidetect scan -q -m m --format jsonl - <p | jq -c '[.path, .status, .format]'
aidetect scan -q -m m --format jsonl - </dev/null | jq -c '[.path, .status, .error_class]'
