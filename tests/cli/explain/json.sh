make_model real real.safetensors
make_photo texture-png photo.png
aidetect explain --model real.safetensors --format json --side 100 -o small.png - <photo.png |
    jq -c '[.prediction, .confidence, .quality, .overlay_width, (.regions | length > 0 and length <= 6), (.regions[0] | keys_unsorted)]'
