make_photo texture-jpeg a.jpg
aidetect scan -m missing a.jpg
echo $? >&2
head -c 1000 /dev/urandom >noise
aidetect scan -m noise a.jpg 2>&1 | sed 's/:.*/: .../'
make_model real m && head -c 9000 m >m.cut
aidetect scan -m m.cut a.jpg 2>/dev/null
