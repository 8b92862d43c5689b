#!/bin/bash
# make run: verdicts of a few photographs, then the service until Ctrl-C.
# run_demo.sh PROGRAM [FOLDER]
set -u
cd "$(dirname "$0")/.." || exit 2

program=$1
photos=${2:-}

if [ -z "$photos" ]; then
    photos=$(tools/demo_photos.sh build/demo)
    if [ -n "$photos" ]; then
        echo "Camera photographs from the npm packages jquery-zoom and exif-parser ($photos):"
    else
        echo "No photographs to show (no network?); 'make run PHOTOS=folder' takes your own."
    fi
fi
if [ -n "$photos" ]; then
    "$program" scan "$photos"
    code=$?
    # 1 says that a photo was judged AI-generated, 2 that one could not be read: both are results.
    [ $code -le 2 ] || exit $code
fi
echo
echo "Serving; try: curl -F file=@photo.jpg http://127.0.0.1:8080/predict"
exec "$program" serve --listen 127.0.0.1:8080
