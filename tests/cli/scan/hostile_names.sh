# Control characters of a file name reach neither the terminal nor break JSON.
make_model real m && mkdir photos
name=$'photos/a\033[31m\nb\xff.jpg'
make_photo texture-jpeg "$name"
aidetect scan -q -m m photos | tail -1 | tr -d '\377' | cut -c71-
aidetect scan -q -m m --format jsonl photos | jq -e '.status == "success"'
aidetect scan -q -m m -- -dash.jpg 2>&1
