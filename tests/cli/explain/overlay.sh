# The verdict of a photo, its regions, and the overlay as a PNG that can be judged itself.
make_model ai ai.safetensors
make_photo texture-jpeg photo.jpg
aidetect explain --model ai.safetensors photo.jpg -o overlay.png | sed 's/  *$//' >printed
code=${PIPESTATUS[0]}
sed -n '1,2p' printed | sed 's/probability 0\.[0-9]*/probability P/'
sed -n '3,$p' printed | grep -cE '^([0-9]+ +){4}\+[0-9]\.[0-9]{3}$' | grep -x '[1-6]' >/dev/null && echo 'with regions'
aidetect scan -q --format json --model ai.safetensors overlay.png | jq -c '.[0] | [.format, .width, .height]'
exit "$code"
