# In a folder what is no photo is passed over; a broken photo is not.
make_model real m && mkdir -p photos/deep/er && make_photo texture-jpeg photos/deep/er/a.jpg
echo text >photos/readme.txt && make_photo gif photos/b.gif && head -c 11000000 /dev/zero >photos/film
make_photo empty photos/broken.jpg
aidetect scan -m m --format jsonl photos 2>log | jq -c '[.path, .status]'
sed 's/ (.*//' log
