# Nothing is written when the photo cannot be judged, or when the overlay has no place to go.
make_model ai ai.safetensors
make_photo texture-jpeg photo.jpg
export AIDETECT_MODEL=ai.safetensors
run() {
    "$@"
    echo "exit $?"
}
make_photo gif photo.gif
run aidetect explain photo.gif -o none.png
run aidetect explain missing.jpg
run aidetect explain photo.jpg -o no/such/folder.png 2>/dev/null
run aidetect explain photo.jpg photo.gif
run aidetect explain
[ -e none.png ] && echo "none.png is there"
true
