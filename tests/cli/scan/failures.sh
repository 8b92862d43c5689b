# Each kind of bad file has its own message and does not stop the run.
make_model real m
for kind in cut-jpeg bomb-png empty gif; do make_photo $kind $kind; done
head -c 11000000 /dev/zero >too-large
echo 'just text' >text.jpg
make_photo texture-jpeg good.jpg
aidetect scan -m m cut-jpeg bomb-png empty gif too-large text.jpg missing good.jpg | sed 's/[0-9]\.[0-9]*/P/'
exit "${PIPESTATUS[0]}"
