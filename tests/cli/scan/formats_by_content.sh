# The type is told by content: the names lie.
make_model real m && make_photo texture-jpeg a.png && make_photo texture-png b.webp && make_photo texture-webp c.jpg
aidetect scan -q -m m -f jsonl a.png b.webp c.jpg | jq -c '[.path, .status, .format, .width, .height]'
