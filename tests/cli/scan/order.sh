# Output order is input order, however many workers, with more files than fit in flight.
make_model real m && mkdir photos && make_photo large-jpeg photos/000.jpg
make_photo texture-jpeg small
for i in $(seq -w 1 120); do cp small "photos/$i.jpg"; done
aidetect scan -q -m m --workers 3 --format jsonl photos | jq -r .path >order
sort -c order && wc -l <order
aidetect scan -q -m m --workers 1 --format jsonl photos | jq -S 'del(.timings_ms)' >one
aidetect scan -q -m m --workers 4 --format jsonl photos | jq -S 'del(.timings_ms)' >four
cmp one four
